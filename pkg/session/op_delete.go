package session

import "annal/pkg/events"

// deleteForAll removes a message for all, leaving no trace of it to see; by the same
// right as revoke. A revoked message can still be deleted.
type deleteForAll struct{ events.Delete }

func (deleteForAll) gate() gate { return gate{members: true} }

func (op deleteForAll) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return needMessage(needs, op.Seq)
}

func (op deleteForAll) decide(s *scene) events.Result {
	m, ok := s.target(op.Seq)
	if !ok {
		return rejectTarget(events.CodeNoSuchMessage, op.Seq)
	}
	right := s.mayWithdraw(m)
	switch {
	case right == events.CodeNotAllowed:
		return rejectTarget(right, op.Seq)
	case m.Deleted != 0:
		return answer(events.CodeAlreadyDeleted, m.Deleted)
	case right != "":
		return rejectTarget(right, op.Seq)
	}
	return s.accept(events.Deleted{Target: op.Seq, TargetIndex: m.Index, Reason: op.Reason})
}

type deleted struct{ events.Deleted }

func (f deleted) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needMessage(needs, f.Target)
}

func (f deleted) evolve(e *evolution) {
	e.changeMessage(f.Target, func(m *events.Message) {
		m.Deleted = e.seq
		e.setPinned(m, false)
	})
}
