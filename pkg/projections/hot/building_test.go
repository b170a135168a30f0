package hot_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
	"annal/pkg/projections/hot"
)

// slow is a store that takes its time to apply.
type slow struct {
	*script
	each time.Duration
}

func (s slow) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	<-time.After(s.each)
	return s.script.Apply(ctx, view, sessions)
}

// TestTellsHowFarABuildingIs: while a view is built in place, commits say how far it is, and of what was told the same as before it.
func TestTellsHowFarABuildingIs(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.commits, s.store = 100*time.Millisecond, slow{s.script, time.Second}
		s.say(5000) // the log gives about a thousand at once
		_, end, err := s.log.Bounds(s.ctx, eventlog.Events, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, _, ended := s.run()
		var seen []int64
		s.until("it was ready", func() bool {
			claims, err := s.log.Commits(s.ctx, hot.Group, eventlog.Events)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range claims {
				view, reached, ok := hot.BuildingInPlace(c.Metadata)
				if ok && (view != "0001" || c.Offset != 0) {
					t.Fatalf("committed are %d and %q", c.Offset, c.Metadata)
				}
				if ok && !slices.Contains(seen, reached) {
					seen = append(seen, reached)
				}
			}
			return p.Ready() == nil
		}, ended)
		if len(seen) < 4 || seen[0] != 0 || !slices.IsSorted(seen) || seen[len(seen)-1] > end {
			t.Errorf("of %d records it was at %d", end, seen)
		}
	})
}
