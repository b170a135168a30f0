package session

import "annal/pkg/events"

// override replaces a message's body: by its sender only, who may still write,
// within the override window by log time, its last ms included.
type override struct{ events.Override }

func (override) gate() gate { return gate{members: true} }

func (op override) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return needMessage(needs, op.Seq)
}

func (op override) decide(s *scene) events.Result {
	if code := s.mayWrite(); code != "" {
		return reject(code)
	}
	m, ok := s.target(op.Seq)
	switch {
	case !ok:
		return rejectTarget(events.CodeNoSuchMessage, op.Seq)
	case m.Sender != s.c.Actor.User:
		return rejectTarget(events.CodeNotAllowed, op.Seq)
	case m.Deleted != 0:
		return rejectTarget(events.CodeMessageDeleted, op.Seq)
	case m.Revoked != 0:
		return rejectTarget(events.CodeMessageRevoked, op.Seq)
	case s.at.Time-m.Time > s.head.Policy.OverrideWindow:
		return rejectTarget(events.CodeOverrideWindowOver, op.Seq)
	}
	return s.accept(events.Overridden{Target: op.Seq, TargetIndex: m.Index, Body: op.Body})
}

type overridden struct{ events.Overridden }

func (f overridden) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needMessage(needs, f.Target)
}

func (f overridden) evolve(e *evolution) {
	e.changeMessage(f.Target, func(m *events.Message) { m.Overridden = e.seq })
}
