package redis_test

import (
	"fmt"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// reactors is how many react to the message of the benchmark.
const reactors = 100_000

// reacted is a session whose message 2 so many have reacted to with two emojis, before others do to
// message 3.
func reacted(t testing.TB, r hot.Store, c *hottest.Chat, s events.SessionID, n int) {
	t.Helper()
	said := []hottest.Said{c.Accept(s, "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}})}
	for range 2 {
		said = append(said, c.Accept(s, "ann", events.Sent{Body: events.TextBody("hello")}))
	}
	for i := range n {
		said = append(said, c.Accept(s, events.UserID(fmt.Sprintf("u%06d", i)), events.Reacted{Target: 2, TargetIndex: 1, Emoji: fmt.Sprint(i % 2)}))
	}
	apply(t, r, said...)
}

func apply(t testing.TB, r hot.Store, said ...hottest.Said) {
	t.Helper()
	if err := r.Apply(t.Context(), "1", hottest.Changes(said...)); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func setWhole(t testing.TB, r hot.Store, p int32) {
	t.Helper()
	life, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range []bool{false, true} {
		if err := r.SetView(t.Context(), p, hot.ViewState{ID: "1", Whole: whole, Run: life}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReactionsTakeNoRoomForEver: when the window has moved on nothing is left of reactions, also of
// those that came late; more of them than one call takes out go by and by.
func TestReactionsTakeNoRoomForEver(t *testing.T) {
	t.Parallel()
	addr := devstack.RedisForTest(t).Addr()
	o := options(t, addr, false)
	o.Window = 2000
	r := open(t, o)
	admin := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { _ = admin.Close() })
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: o.Partitions})
	t.Cleanup(log.Close)
	c := hottest.NewChat(t, log)
	const s = "g_room"
	reacted(t, r, c, s, 1500)
	kept := func() string {
		key := func(part string) string { return o.Prefix + "annal:{" + s + "}:" + part }
		n, messages := admin.ZCard(t.Context(), key("reactions")).Val(), admin.HLen(t.Context(), key("emojis")).Val()
		return fmt.Sprintf("%d %d %s", n, messages, admin.HGet(t.Context(), key("head"), "reacted").Val())
	}
	if got := kept(); got != "1500 1 1500 1" {
		t.Fatalf("while the window has the message: reactions, messages and what the head says are %s, want 1500 1 1500 1", got)
	}
	said := make([]hottest.Said, o.Window)
	for i := range said {
		said[i] = c.Accept(s, "ann", events.Sent{Body: events.TextBody("hello")})
	}
	apply(t, r, said...)
	apply(t, r, c.Accept(s, "late", events.Reacted{Target: 2, TargetIndex: 1, Emoji: "late"}))
	if got := kept(); got != "0 0 0 0" {
		t.Errorf("when it has moved on: %s, want 0 0 0 0", got)
	}
}

// BenchmarkReactions reads a page that has a message which very many have reacted to.
func BenchmarkReactions(b *testing.B) {
	o := options(b, devstack.RedisForTest(b).Addr(), false)
	o.Window = 2 * reactors
	r := open(b, o)
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: o.Partitions})
	b.Cleanup(log.Close)
	const s = "g_much"
	reacted(b, r, hottest.NewChat(b, log), s, reactors)
	setWhole(b, r, eventlog.KeyPartition([]byte(s), o.Partitions))
	for b.Loop() {
		items, err := r.Reader().Forward(b.Context(), s, 1, 3, 3, "u000002")
		if err != nil || len(items) != 3 || len(items[1].State.Reactions) != 2 || items[1].State.Reactions[0].Count != reactors/2 {
			b.Fatalf("got %+v, %v", items, err)
		}
	}
}
