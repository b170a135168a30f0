package presence_test

import (
	"fmt"
	"testing"
	"time"

	"annal/internal/bubble"
	"annal/pkg/events"
	"annal/pkg/presence"
)

// What is known of nodes may be a second old, but not so old that the first connection of a new one is missed.
func TestLookup(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store := presence.NewMemory(time.Now)
		l := presence.NewLookup(store, presence.Fresh)
		active := func(when, want string) {
			t.Helper()
			got, err := l.Active(t.Context(), "ann", "bob", "nobody")
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s: %v, %v, want %s", when, got, err, want)
			}
		}
		active("before any", "[false false false]")
		pass(500 * time.Millisecond)
		n := start(store, "n")
		n.Put(presence.Connection{ID: "n/1", User: "ann"})
		n.Put(presence.Connection{ID: "n/2", User: "bob", Away: true})
		pass(0)
		active("of a new node", "[true false false]")
		n.Put(presence.Connection{ID: "n/3", User: "bob", Since: 1})
		pass(0)
		active("with a second one", "[true true false]")
		all, err := l.Of(t.Context(), "bob")
		if err != nil || ids(all[0]) != "n/2 n/3 " {
			t.Errorf("bob has %+v, %v", all, err)
		}
		n.stop()
		pass(presence.Fresh)
		active("when the node has ended", "[false false false]")
		all, err = l.Of(t.Context(), "bob", "nobody")
		if err != nil || all[0].Seen < events.Millis(time.Now().Add(-2*time.Second).UnixMilli()) || all[1].Seen != 0 {
			t.Errorf("last seen: %+v, %v", all, err)
		}
	})
}
