package session

import "annal/pkg/events"

// send says something. The policy's WriteRole says who may; the two of a direct
// session always may. An own message is read: the sender's marker moves to it.
type send struct{ events.Send }

func (send) gate() gate { return gate{members: true} }

func (send) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (op send) decide(s *scene) events.Result {
	if !s.mayWrite() {
		return reject(events.CodeNotAllowed)
	}
	return s.accept(events.Sent{Index: s.head.Index + 1, Body: op.Body})
}

func (s *scene) mayWrite() bool {
	return s.head.Kind == events.KindDirect || s.me.Role >= s.head.Policy.WriteRole
}

type sent struct{ events.Sent }

func (sent) touches(needs []Need, o *events.Outcome) []Need {
	return append(needs, Need{Key: events.MemberKey(o.Actor.User)})
}

func (f sent) evolve(e *evolution) {
	e.head.Index = f.Index
	e.put(events.MessageKey(e.seq), events.Message{Index: f.Index, ID: e.o.ID, Sender: e.o.Actor.User, Time: e.o.Time})
	e.moveMarker(e.seq, f.Index)
}

// moveMarker moves the actor's marker, which is known to be lower.
func (e *evolution) moveMarker(seq events.Seq, index events.Index) {
	m := memberOf(e.rows, e.o.Actor.User)
	m.Marker, m.MarkerIndex = seq, index
	e.put(events.MemberKey(e.o.Actor.User), m)
}
