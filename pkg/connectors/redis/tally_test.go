package redis_test

import (
	"fmt"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// TestTallyIsBounded: of what the window no longer holds the tally keeps nothing, however many
// messages come at once.
func TestTallyIsBounded(t *testing.T) {
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	o := options(t, m.Addr(), true)
	admin := goredis.NewClient(&goredis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	for _, c := range []struct {
		each     int
		building bool
	}{{1, false}, {7, false}, {150, false}, {7, true}, {150, true}, {5000, true}} {
		r, s := open(t, o), events.SessionID(fmt.Sprintf("g_%d_%t", c.each, c.building))
		created := pair()
		created.Members = append(created.Members, events.NewMember{User: "cid", Role: events.RoleMember})
		next := []hot.SessionChanges{{Session: s, Building: c.building, Changes: []hot.Change{{Seq: 1, Created: &created, In: created.Members}}}}
		for seq := events.Seq(2); seq < 300; {
			for range c.each {
				sender := []events.UserID{"ann", "bob", "cid"}[seq%3]
				next[0].Changes = append(next[0].Changes, hot.Change{Seq: seq, Index: events.Index(seq - 1), Sender: sender},
					hot.Change{Reader: "bob", Marker: seq, MarkerIndex: events.Index(seq - 1)})
				seq++
			}
			next[0].Changes = append(next[0].Changes, hot.Change{Seq: seq, Out: []events.UserID{"cid"}},
				hot.Change{Seq: seq + 1, In: []events.NewMember{{User: "cid", Role: events.RoleMember}}})
			seq += 2
			if err := r.Apply(t.Context(), "1", next); err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			next[0].Changes = nil
		}
		key := o.Prefix + "annal:{" + string(s) + "}:"
		first, err := admin.HGet(t.Context(), key+"head", "first").Uint64()
		if err != nil {
			t.Fatal(err)
		}
		tally, err := admin.HGetAll(t.Context(), key+"tally").Result()
		if err != nil || len(tally) == 0 {
			t.Fatalf("%+v: the tally is %v, %v; want some", c, tally, err)
		}
		for field := range tally {
			var kind rune
			var at uint64
			if _, err := fmt.Sscanf(field, "%c%d", &kind, &at); err != nil || at < first {
				t.Errorf("%+v: the tally has %q, %v; want nothing of seqs below %d", c, field, err, first)
			}
		}
	}
}
