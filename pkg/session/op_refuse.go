package session

import "annal/pkg/events"

// refuseAsk answers those who ask to be let in: by whoever may add members. Who asked may
// take the request back by it.
type refuseAsk struct{ events.Refuse }

func (refuseAsk) gate() gate { return gate{kinds: manyPeople} }

func (op refuseAsk) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	if len(op.Users) > events.MaxBatchMembers {
		return needs
	}
	return needAsks(needs, op.Users)
}

func (op refuseAsk) decide(s *scene) events.Result {
	own := len(op.Users) == 1 && op.Users[0] == s.c.Actor.User
	switch {
	case !s.me.In() && !own:
		return reject(events.CodeNotAMember)
	case s.me.In() && s.me.Role < s.head.Policy.AddRole:
		return reject(events.CodeNotAllowed)
	}
	var e events.Refused
	for u := range once(op.Users) {
		if _, asked := rowOf[events.AskRow](s.rows, events.AskKey(u)); asked {
			e.Users = append(e.Users, u)
		} else {
			e.Skipped = append(e.Skipped, events.Skipped{User: u, Code: events.CodeNotAsked})
		}
	}
	if len(e.Users) == 0 {
		return nobodyLeft(e.Skipped)
	}
	return s.accept(e)
}

func needAsks(needs []Need, users []events.UserID) []Need {
	for _, u := range users {
		needs = append(needs, Need{Key: events.AskKey(u)})
	}
	return needs
}

type refused struct{ events.Refused }

func (f refused) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needAsks(needs, f.Users)
}

func (f refused) evolve(e *evolution) {
	for _, u := range f.Users {
		e.answerAsk(u)
	}
}
