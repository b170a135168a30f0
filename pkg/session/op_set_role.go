package session

import "annal/pkg/events"

// setRole gives a member another role: by the owner. Who gives ownership away is an admin
// from then on, by the same event, so there is one owner at every moment.
type setRole struct{ events.SetRole }

func (setRole) gate() gate { return gate{members: true, kinds: manyPeople} }

func (op setRole) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.MemberKey(op.User)})
}

func (op setRole) decide(s *scene) events.Result {
	if s.me.Role < events.RoleOwner {
		return reject(events.CodeNotAllowed)
	}
	m := memberOf(s.rows, op.User)
	switch {
	case !m.In():
		return reject(events.CodeNoSuchMember)
	case m.Role == op.Role:
		return answer(events.CodeNoChange, 0)
	case op.User == s.c.Actor.User:
		return reject(events.CodeNotAllowed) // give ownership to somebody first
	}
	e := events.RoleSet{User: op.User, Role: op.Role}
	if op.Role == events.RoleOwner {
		e.Demoted = s.c.Actor.User
	}
	return s.accept(e)
}

type roleSet struct{ events.RoleSet }

func (f roleSet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	needs = append(needs, Need{Key: events.MemberKey(f.User)})
	if f.Demoted != "" {
		needs = append(needs, Need{Key: events.MemberKey(f.Demoted)})
	}
	return needs
}

func (f roleSet) evolve(e *evolution) {
	e.setRole(f.User, f.Role)
	e.setRole(f.Demoted, events.RoleAdmin)
}
