package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// An override brings a text from one seq to another, so a person may see the one and not
// the other. Then they get the event without the text: who came later must not read what was
// said before, by way of its correction; who went must not read what was written since.

// withhold takes out of an event the text that belongs to what the person may not see.
func withhold(e *clientv1.Event, sees func(events.Seq) bool) {
	if m := e.GetSent(); m.GetOverridden() > 0 && !sees(events.Seq(m.GetOverridden())) {
		m.Text = ""
	}
	if m := e.GetOverridden(); m != nil && !sees(events.Seq(m.GetTarget())) {
		m.Text = ""
	}
}

// within says of each seq whether it lies in one of the spans.
func within(spans []span) func(events.Seq) bool {
	return func(seq events.Seq) bool {
		for _, s := range spans {
			if s.first <= seq && seq <= s.last {
				return true
			}
		}
		return false
	}
}

// sees says whether the subscriber may see what has that seq.
func (s *subscription) sees(seq events.Seq) bool {
	return seq >= s.first || within(s.earlier)(seq)
}

// as is the message as the subscriber may see it. The topic's lock is held.
func (m *message) as(s *subscription) *encoded {
	// A message itself is of the subscriber's present stay, and so is what became of it.
	o, ok := m.event.(events.Overridden)
	if !ok || s.sees(o.Target) {
		return &m.encoded
	}
	if m.withheld == nil {
		m.withheld = &encoded{frame: withheldFrame(m)}
	}
	return m.withheld
}

func withheldFrame(m *message) *clientv1.ServerFrame {
	f := eventFrame(clientEvent(m.o, hot.State{}))
	withhold(f.GetEvent(), func(events.Seq) bool { return false })
	return f
}
