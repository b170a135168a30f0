package fold

import (
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// seen counts one by one who of those who may see a message has seen it.
func (s *Session) seen(seq events.Seq, sender events.UserID) (t hot.Tally) {
	for u, m := range s.Members {
		sees := s.Head.Policy.History == events.HistoryAll
		for _, stay := range m.Stays {
			sees = sees || seq >= stay.From && (stay.To == 0 || seq <= stay.To)
		}
		if u == sender || !m.In() || !sees {
			continue
		}
		t.Total++
		if m.Marker >= seq {
			t.Read++
		}
		if m.Marker >= seq || m.Delivered >= seq {
			t.Delivered++
		}
	}
	return t
}
