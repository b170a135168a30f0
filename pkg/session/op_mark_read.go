package session

import "annal/pkg/events"

// markRead moves the actor's marker up to any event of the timeline. It takes no
// seq; the event carries the index too. Equal or lower is answered, past the end is
// out of range, never cut to fit.
type markRead struct{ events.MarkRead }

func (markRead) gate() gate { return gate{members: true, afterClose: true} }

func (op markRead) needs(needs []Need, rows Rows, c *events.Command) []Need {
	return needIndexAt(needs, rows, op.Seq, memberOf(rows, c.Actor.User).Marker)
}

// needIndexAt adds what indexAt looks at for a marker that is to move from had to seq.
func needIndexAt(needs []Need, rows Rows, seq, had events.Seq) []Need {
	if head, _ := headOf(rows); seq >= head.Seq || seq <= had {
		return needs
	}
	return append(needs, Need{Key: events.MessageKey(seq)}, Need{Key: events.PlaceKey(seq)})
}

func (op markRead) decide(s *scene) events.Result {
	switch {
	case op.Seq == 0 || op.Seq > s.head.Seq:
		return rejectTarget(events.CodeOutOfRange, op.Seq)
	case op.Seq <= s.me.Marker:
		return answer(events.CodeAlreadyRead, 0)
	}
	index, ok := s.indexAt(op.Seq)
	if !ok {
		return rejectTarget(events.CodeOutOfRange, op.Seq)
	}
	return events.Accepted{Event: events.Read{Marker: op.Seq, MarkerIndex: index}}
}

// indexAt counts the messages up to and including seq. Every event of the timeline
// has a row that knows.
func (s *scene) indexAt(seq events.Seq) (events.Index, bool) {
	if seq == s.head.Seq {
		return s.head.Index, true
	}
	if m, ok := rowOf[events.Message](s.rows, events.MessageKey(seq)); ok {
		return m.Index, true
	}
	p, ok := rowOf[events.Place](s.rows, events.PlaceKey(seq))
	return p.Index, ok
}

type read struct{ events.Read }

func (read) touches(needs []Need, _ Rows, o *events.Outcome) []Need {
	return append(needs, Need{Key: events.MemberKey(o.Actor.User)})
}

func (f read) evolve(e *evolution) { e.moveMarker(f.Marker, f.MarkerIndex) }
