package hottest

import (
	"fmt"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testActivity: each session has the log time of its last timeline event, for who is in.
func testActivity(t *testing.T, f Fixture) {
	b := newBench(t, f)
	asked := []events.SessionID{"g_a", "g_b", "g_none"}
	is := func(what string, u events.UserID, want string) {
		t.Helper()
		got, err := b.View.Activity(b.ctx, u, asked)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(b, what, fmt.Sprint(got), want)
	}
	seq := map[events.SessionID]events.Seq{}
	apply := func(s events.SessionID, time events.Millis, c hot.Change) {
		t.Helper()
		if c.Reader == "" {
			seq[s]++
			c.Seq = seq[s]
		}
		c.Time = time
		if err := b.Store.Apply(b.ctx, whole, []hot.SessionChanges{{Session: s, Changes: []hot.Change{c}}}); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range asked[:2] {
		created := group(0, "ann", "bob")
		apply(s, events.Millis(1000+i), hot.Change{Created: &created, In: created.Members})
	}
	const none = "map[]"
	at := func(a, b events.Millis) string {
		return fmt.Sprint(map[events.SessionID]events.Millis{"g_a": a, "g_b": b})
	}
	is("in the beginning", "bob", at(1000, 1001))
	apply("g_a", 1_764_000_000_123, hot.Change{Index: 1, Sender: "ann"})
	apply("g_b", 2000, hot.Change{Index: 1, Sender: "ann"})
	is("after a message each", "bob", at(1_764_000_000_123, 2000))
	apply("g_b", 3000, hot.Change{Reader: "bob", Marker: 2, MarkerIndex: 1})
	is("after a marker, which is nothing in the timeline", "bob", at(1_764_000_000_123, 2000))
	apply("g_b", 4000, hot.Change{Out: []events.UserID{"bob"}})
	apply("g_b", 5000, hot.Change{Index: 2, Sender: "ann"})
	is("to one who is out of it", "bob", at(1_764_000_000_123, 0))
	is("to one who is in it", "ann", at(1_764_000_000_123, 5000))
	is("to one who never was", "eve", at(0, 0))
	b.views(newer, false)
	is("while the view is built", "ann", none)
}
