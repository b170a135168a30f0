package session

import "annal/pkg/events"

// leave lets the actor out. Who is not in is out already, also one who never was.
// When the owner goes, the longest-standing admin, else member, becomes owner by the
// same event; when the last one goes, the session closes.
type leave struct{}

func (leave) gate() gate { return gate{kinds: manyPeople, afterClose: true} }

func (leave) needs(needs []Need, rows Rows, c *events.Command) []Need {
	if memberOf(rows, c.Actor.User).Role != events.RoleOwner {
		return needs
	}
	needs = needHeirs(needs, 0)
	if heir := successor(rows, 0, nobody); heir != "" {
		needs = append(needs, Need{Key: events.MemberKey(heir)})
	}
	return needs
}

// nobody else goes: the owner is in neither of the ranges.
func nobody(events.UserID) bool { return false }

func (leave) decide(s *scene) events.Result {
	if !s.me.In() {
		return answer(events.CodeAlreadyOut, lastStay(s.me).To)
	}
	var e events.Left
	if s.me.Role == events.RoleOwner {
		e.Promoted = successor(s.rows, 0, nobody)
	}
	e.Closed = s.head.Members == 1
	return s.accept(e)
}

type left struct{ events.Left }

func (f left) touches(needs []Need, _ Rows, o *events.Outcome) []Need {
	needs = append(needs, Need{Key: events.MemberKey(o.Actor.User)})
	if f.Promoted != "" {
		needs = append(needs, Need{Key: events.MemberKey(f.Promoted)})
	}
	return needs
}

func (f left) evolve(e *evolution) {
	e.putOut(e.o.Actor.User)
	e.setRole(f.Promoted, events.RoleOwner)
	e.head.Closed = e.head.Closed || f.Closed
}
