package session

import "annal/pkg/events"

// report tells the session's admins and the operators of a message. It takes no seq, since
// the other members learn nothing of it; a person reports a message once.
type report struct{ events.Report }

func (report) gate() gate {
	return gate{members: true, kinds: []events.Kind{events.KindDirect, events.KindGroup, events.KindChannel}}
}

func (op report) needs(needs []Need, _ Rows, c *events.Command) []Need {
	return append(needMessage(needs, op.Seq), Need{Key: events.ReportKey(op.Seq, c.Actor.User)})
}

func (op report) decide(s *scene) events.Result {
	m, ok := s.target(op.Seq)
	if !ok {
		return rejectTarget(events.CodeNoSuchMessage, op.Seq)
	}
	if _, there := s.rows.Get(events.ReportKey(op.Seq, s.c.Actor.User)); there {
		return answer(events.CodeNoChange, 0)
	}
	return events.Accepted{Event: events.Reported{Target: op.Seq, TargetIndex: m.Index, Reason: op.Reason}}
}

type reported struct{ events.Reported }

func (reported) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f reported) evolve(e *evolution) {
	e.put(events.ReportKey(f.Target, e.o.Actor.User), events.Noted{})
}
