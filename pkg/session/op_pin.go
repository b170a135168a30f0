package session

import "annal/pkg/events"

// pin pins a message, or unpins it: by whoever has the policy's PinRole; each of the two of a
// direct session. What hides a message unpins it.
type pin struct{ events.Pin }

func (pin) gate() gate { return gate{members: true} }

func (op pin) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return needMessage(needs, op.Seq)
}

func (op pin) decide(s *scene) events.Result {
	if s.head.Kind != events.KindDirect && !s.head.Policy.MayPin(s.me.Role) {
		return reject(events.CodeNotAllowed)
	}
	m, code := s.shown(op.Seq)
	switch {
	case code != "":
		return rejectTarget(code, op.Seq)
	case m.Pinned != op.Off:
		return answer(events.CodeNoChange, 0)
	case !op.Off && s.head.Pins >= events.MaxPins:
		return rejectTarget(events.CodeLimitReached, op.Seq)
	}
	return s.accept(events.Pinned{Target: op.Seq, TargetIndex: m.Index, Off: op.Off})
}

type pinned struct{ events.Pinned }

func (f pinned) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needMessage(needs, f.Target)
}

func (f pinned) evolve(e *evolution) {
	e.changeMessage(f.Target, func(m *events.Message) { e.setPinned(m, !f.Off) })
}

func (e *evolution) setPinned(m *events.Message, on bool) {
	switch {
	case on && !m.Pinned:
		e.head.Pins++
	case !on && m.Pinned:
		e.head.Pins--
	}
	m.Pinned = on
}
