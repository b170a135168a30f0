package session

import "annal/pkg/events"

// add lets people in: by whoever has the policy's AddRole, admins by the owner only.
// Each person is judged in the order named; who is in already or no longer fits is
// passed over with the reason, and so is who does not let the actor add them, unless they ask to be in. One event lets in all the others.
type add struct{ events.Add }

func (add) gate() gate { return gate{members: true, kinds: manyPeople} }

func (op add) needs(needs []Need, rows Rows, c *events.Command) []Need {
	if !memberOf(rows, c.Actor.User).In() || len(op.Members) > events.MaxBatchMembers {
		return needs
	}
	for _, m := range op.Members {
		needs = needLetIn(needs, rows, m.User)
	}
	return needs
}

func (op add) decide(s *scene) events.Result {
	if s.me.Role < s.head.Policy.AddRole {
		return reject(events.CodeNotAllowed)
	}
	var e events.Added
	isFull := false
	refused := false
	for _, m := range distinct(op.Members) {
		switch {
		case m.Role >= events.RoleAdmin && s.me.Role < events.RoleOwner:
			return reject(events.CodeNotAllowed)
		case memberOf(s.rows, m.User).In():
			e.Skipped = append(e.Skipped, events.Skipped{User: m.User, Code: events.CodeAlreadyMember})
		case !wishOf(s.c, m.User).Grants() && !s.asks(m.User):
			refused = true
			e.Skipped = append(e.Skipped, events.Skipped{User: m.User, Code: events.CodePrivacyRefused})
		case full(&s.head, s.head.Members+uint32(len(e.Members))):
			isFull = true
			e.Skipped = append(e.Skipped, events.Skipped{User: m.User, Code: events.CodeSessionFull})
		default:
			e.Members = append(e.Members, m)
		}
	}
	switch {
	case len(e.Members) > 0:
		return s.accept(e)
	case isFull:
		return events.Rejected{Code: events.CodeSessionFull, Skipped: e.Skipped}
	case refused:
		return events.Rejected{Code: events.CodePrivacyRefused, Skipped: e.Skipped}
	default:
		return answer(events.CodeAlreadyMember, lastStay(memberOf(s.rows, op.Members[0].User)).From)
	}
}

// asks says whether the person asked to be let in: then they want to be.
func (s *scene) asks(u events.UserID) bool {
	if s.head.Asks == 0 {
		return false // and no row of that kind was asked for
	}
	_, asked := rowOf[events.AskRow](s.rows, events.AskKey(u))
	return asked
}

type added struct{ events.Added }

func (f added) touches(needs []Need, rows Rows, _ *events.Outcome) []Need {
	for _, m := range f.Members {
		needs = needLetIn(needs, rows, m.User)
	}
	return needs
}

func (f added) evolve(e *evolution) {
	for _, m := range f.Members {
		e.letIn(m.User, m.Role)
	}
}
