package session

import "annal/pkg/events"

// invite makes a code good for coming in, whatever the policy says of joining: by whoever may
// add members.
type invite struct{ events.Invite }

func (invite) gate() gate { return gate{members: true, kinds: manyPeople} }

func (op invite) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.InviteKey(op.Code)})
}

func (op invite) decide(s *scene) events.Result {
	_, there := rowOf[events.InviteRow](s.rows, events.InviteKey(op.Code))
	switch {
	case s.me.Role < s.head.Policy.AddRole:
		return reject(events.CodeNotAllowed)
	case there:
		return answer(events.CodeNoChange, 0)
	case op.Expires != 0 && op.Expires <= s.at.Time:
		return reject(events.CodeInviteExpired)
	case s.head.Invites >= events.MaxInvites:
		return reject(events.CodeLimitReached)
	}
	return s.accept(events.Invited(op.Invite))
}

type invited struct{ events.Invited }

func (invited) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f invited) evolve(e *evolution) {
	e.head.Invites++
	e.put(events.InviteKey(f.Code), events.InviteRow{Expires: f.Expires, Uses: f.Uses})
}

// uninvite makes a code useless: by whoever may add members.
type uninvite struct{ events.Uninvite }

func (uninvite) gate() gate { return gate{members: true, kinds: manyPeople} }

func (op uninvite) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.InviteKey(op.Code)})
}

func (op uninvite) decide(s *scene) events.Result {
	_, there := rowOf[events.InviteRow](s.rows, events.InviteKey(op.Code))
	switch {
	case s.me.Role < s.head.Policy.AddRole:
		return reject(events.CodeNotAllowed)
	case !there:
		return reject(events.CodeNoSuchInvite)
	}
	return s.accept(events.Uninvited(op.Uninvite))
}

type uninvited struct{ events.Uninvited }

func (uninvited) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f uninvited) evolve(e *evolution) {
	e.head.Invites--
	e.remove(events.InviteKey(f.Code))
}
