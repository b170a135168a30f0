package session

import "annal/pkg/events"

// revoke takes a message back, all versions of it: by its sender within the revoke
// window, by admins and the owner always. What is revoked or deleted already is
// answered, also after the window.
type revoke struct{ events.Revoke }

func (revoke) gate() gate { return gate{members: true} }

func (op revoke) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return needMessage(needs, op.Seq)
}

func (op revoke) decide(s *scene) events.Result {
	m, ok := s.target(op.Seq)
	if !ok {
		return rejectTarget(events.CodeNoSuchMessage, op.Seq)
	}
	right := s.mayWithdraw(m)
	switch {
	case right == events.CodeNotAllowed:
		return rejectTarget(right, op.Seq)
	case m.Revoked != 0:
		return answer(events.CodeAlreadyRevoked, m.Revoked)
	case m.Deleted != 0:
		return answer(events.CodeAlreadyDeleted, m.Deleted)
	case right != "":
		return rejectTarget(right, op.Seq)
	}
	return s.accept(events.Revoked{Target: op.Seq, TargetIndex: m.Index})
}

type revoked struct{ events.Revoked }

func (f revoked) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needMessage(needs, f.Target)
}

func (f revoked) evolve(e *evolution) {
	e.changeMessage(f.Target, func(m *events.Message) {
		m.Revoked = e.seq
		e.setPinned(m, false)
	})
}
