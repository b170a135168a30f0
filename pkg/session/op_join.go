package session

import "annal/pkg/events"

// join lets the actor in where the policy leaves the door open, or by an invite's code.
type join struct{ events.Join }

func (join) gate() gate { return gate{kinds: manyPeople} }

func (op join) needs(needs []Need, rows Rows, c *events.Command) []Need {
	return needInvite(needLetIn(needs, rows, c.Actor.User), op.Invite)
}

func needInvite(needs []Need, code events.Hash) []Need {
	if code != (events.Hash{}) {
		needs = append(needs, Need{Key: events.InviteKey(code)})
	}
	return needs
}

func (op join) decide(s *scene) events.Result {
	if s.me.In() {
		return answer(events.CodeAlreadyMember, lastStay(s.me).From)
	}
	if code := op.shut(s); code != "" {
		return reject(code)
	}
	if full(&s.head, s.head.Members) {
		return reject(events.CodeSessionFull)
	}
	return s.accept(events.Joined(op.Join))
}

// shut says why the actor may not come in; empty when they may.
func (op join) shut(s *scene) events.Code {
	if op.Invite == (events.Hash{}) {
		switch s.head.Policy.Joining {
		case events.JoiningOpen:
			return ""
		case events.JoiningApproval:
			return events.CodeApprovalRequired
		case events.JoiningClosed:
		}
		return events.CodeNotAllowed
	}
	row, ok := rowOf[events.InviteRow](s.rows, events.InviteKey(op.Invite))
	switch {
	case !ok:
		return events.CodeNoSuchInvite
	case row.Expires != 0 && row.Expires <= s.at.Time:
		return events.CodeInviteExpired
	case row.Uses != 0 && row.Used >= row.Uses:
		return events.CodeInviteUsedUp
	}
	return ""
}

type joined struct{ events.Joined }

func (f joined) touches(needs []Need, rows Rows, o *events.Outcome) []Need {
	return needInvite(needLetIn(needs, rows, o.Actor.User), f.Invite)
}

func (f joined) evolve(e *evolution) {
	e.letIn(e.o.Actor.User, events.RoleMember)
	if f.Invite == (events.Hash{}) {
		return
	}
	if row, ok := rowOf[events.InviteRow](e.rows, events.InviteKey(f.Invite)); ok {
		row.Used++
		e.put(events.InviteKey(f.Invite), row)
	}
}
