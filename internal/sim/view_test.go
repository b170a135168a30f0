package sim

import (
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

func fixture(testing.TB) hottest.Fixture {
	h := NewHot(3, 20)
	return hottest.Fixture{
		Store: h, View: h, Notifier: h, Partitions: h.partitions, Window: h.window, TallyFrom: tallyFrom,
		Feed:  func(_ testing.TB, instance string) hot.Feed { return h.NewFeed(instance) },
		Break: func(testing.TB) { h.Break() },
		Parts: []string{"any"}, // of the first side, as the suite means them
		Drop:  func(_ testing.TB, s events.SessionID, _ string) bool { return h.damage(s) },
		Flush: func(testing.TB) { h.Flush() },
		Copy:  func(testing.TB) func() { return h.Copy() },
	}
}

func TestHotConforms(t *testing.T) {
	hottest.Run(t, fixture)
	t.Run("failover", func(t *testing.T) { hottest.RunFailover(t, fixture(t)) })
}
