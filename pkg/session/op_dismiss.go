package session

import "annal/pkg/events"

// dismiss closes the session for all: by the owner. Its members may still read, mark as read
// and leave.
type dismiss struct{}

func (dismiss) gate() gate { return gate{members: true, kinds: manyPeople} }

func (dismiss) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (dismiss) decide(s *scene) events.Result {
	if s.me.Role < events.RoleOwner {
		return reject(events.CodeNotAllowed)
	}
	return s.accept(events.Dismissed{})
}

type dismissed struct{}

func (dismissed) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (dismissed) evolve(e *evolution) { e.head.Closed = true }
