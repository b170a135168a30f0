package session

import "annal/pkg/events"

// join lets the actor in where the policy leaves the door open.
type join struct{}

func (join) gate() gate { return gate{kinds: manyPeople} }

func (join) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (join) decide(s *scene) events.Result {
	switch {
	case s.me.In():
		return answer(events.CodeAlreadyMember, lastStay(s.me).From)
	case s.head.Policy.Joining != events.JoiningOpen:
		return reject(events.CodeNotAllowed)
	case full(&s.head, s.head.Members):
		return reject(events.CodeSessionFull)
	}
	return s.accept(events.Joined{})
}

type joined struct{}

func (joined) touches(needs []Need, o *events.Outcome) []Need {
	return append(needs, Need{Key: events.MemberKey(o.Actor.User)})
}

func (joined) evolve(e *evolution) { e.letIn(e.o.Actor.User, events.RoleMember) }
