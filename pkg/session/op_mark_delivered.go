package session

import "annal/pkg/events"

// markDelivered says how far the actor's devices have got. What is read has got there, so it
// says nothing new below the read marker. It takes no seq.
type markDelivered struct{ events.MarkDelivered }

func (markDelivered) gate() gate { return gate{members: true, afterClose: true} }

func (op markDelivered) needs(needs []Need, rows Rows, c *events.Command) []Need {
	me := memberOf(rows, c.Actor.User)
	return needIndexAt(needs, rows, op.Seq, max(me.Marker, me.Delivered))
}

func (op markDelivered) decide(s *scene) events.Result {
	switch {
	case op.Seq == 0 || op.Seq > s.head.Seq:
		return rejectTarget(events.CodeOutOfRange, op.Seq)
	case op.Seq <= max(s.me.Marker, s.me.Delivered):
		return answer(events.CodeNoChange, 0)
	}
	index, ok := s.indexAt(op.Seq)
	if !ok {
		return rejectTarget(events.CodeOutOfRange, op.Seq)
	}
	return events.Accepted{Event: events.Delivered{Marker: op.Seq, MarkerIndex: index}}
}

type delivered struct{ events.Delivered }

func (delivered) touches(needs []Need, _ Rows, o *events.Outcome) []Need {
	return append(needs, Need{Key: events.MemberKey(o.Actor.User)})
}

func (f delivered) evolve(e *evolution) {
	m := memberOf(e.rows, e.o.Actor.User)
	m.Delivered, m.DeliveredIndex = f.Marker, f.MarkerIndex
	e.put(events.MemberKey(e.o.Actor.User), m)
}
