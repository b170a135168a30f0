package fold

import (
	"context"
	"errors"
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// maxCounted bounds of how many messages of a session it is counted who has seen them.
const maxCounted = 50

// compareSeen holds the view's tally against counting one by one, of messages spread over the window.
func compareSeen(ctx context.Context, view hot.View, s *Session, report *Report) error {
	shown := slices.Sorted(maps.Keys(s.Messages))
	shown = slices.DeleteFunc(shown, func(seq events.Seq) bool { return seq < s.Head.WindowStart })
	for i := 0; i < len(shown); i += 1 + len(shown)/maxCounted {
		seq := shown[i]
		o, err := events.DecodeOutcomeValue(s.Timeline[seq])
		if err != nil {
			report.problem("%s: seq %d cannot be read: %v", s.ID, seq, err)
			continue
		}
		got, err := view.Tally(ctx, s.ID, seq, o.Actor.User)
		switch {
		case errors.Is(err, hot.ErrNoTally):
			if len(s.Members) >= hot.TallyFrom {
				report.problem("%s: there is no tally of %d people", s.ID, len(s.Members))
			}
			return nil
		case err != nil:
			report.problem("%s: reading who has seen %d: %v", s.ID, seq, err)
			return ctx.Err()
		}
		if want := s.seen(seq, o.Actor.User); got != want {
			report.problem("%s: message %d was seen by %+v, must be %+v", s.ID, seq, got, want)
		}
	}
	return nil
}

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
