package redis_test

import (
	"errors"
	"fmt"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

func TestOpenRefusesEviction(t *testing.T) {
	server, err := devstack.StartRedis(t.Context(), devstack.RedisOptions{Args: []string{"--maxmemory-policy", "allkeys-lru"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := redis.Open(t.Context(), options(t, server.Addr(), false)); !errors.Is(err, redis.ErrEviction) {
		t.Errorf("opening a Redis that evicts: got error %v, want %v", err, redis.ErrEviction)
	}
}

func TestOpenRefusesMissingBounds(t *testing.T) {
	for name, spoil := range map[string]func(*redis.Options){
		"address":     func(o *redis.Options) { o.Addrs = nil },
		"partitions":  func(o *redis.Options) { o.Partitions = 0 },
		"window":      func(o *redis.Options) { o.Window = 0 },
		"connections": func(o *redis.Options) { o.Connections = 0 },
		"timeout":     func(o *redis.Options) { o.Timeout = 0 },
		"log":         func(o *redis.Options) { o.Log = nil },
	} {
		o := options(t, "127.0.0.1:1", true)
		spoil(&o)
		if _, err := redis.Open(t.Context(), o); !errors.Is(err, redis.ErrBounds) {
			t.Errorf("without %s: got error %v, want %v", name, err, redis.ErrBounds)
		}
	}
}

// TestForgottenScripts: a restarted Redis has none; they are loaded again by use.
func TestForgottenScripts(t *testing.T) {
	server, err := devstack.StartRedis(t.Context(), devstack.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	r := open(t, options(t, server.Addr(), false))
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reader().Person(t.Context(), "g_x", "ann"); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("read after a restart: got error %v, want %v", err, hot.ErrRebuilding)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := one(t, 0)
	// The first write finds no script and says so as an outage; its repeat works.
	if err := r.Apply(t.Context(), "1", said); err != nil {
		err = r.Apply(t.Context(), "1", said)
		if err != nil {
			t.Errorf("write after a restart, repeated: got error %v, want none", err)
		}
	}
}

// one is a session of its own with that many messages by ann.
func one(t testing.TB, messages int) []hot.SessionChanges {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	chat := hottest.NewChat(t, log)
	said := []hottest.Said{chat.Accept("g_x", "ann", pair())}
	for range messages {
		said = append(said, chat.Accept("g_x", "ann", events.Sent{Body: events.TextBody("hello")}))
	}
	chat.Wait()
	return hottest.Changes(said...)
}

// TestStatesAreBounded: what became of messages goes with the window.
func TestStatesAreBounded(t *testing.T) {
	o := options(t, devstack.RedisForTest(t).Addr(), false)
	r := open(t, o)
	admin := goredis.NewClient(&goredis.Options{Addr: o.Addrs[0]})
	t.Cleanup(func() { _ = admin.Close() })
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	chat := hottest.NewChat(t, log)
	said := []hottest.Said{chat.Accept("g_x", "ann", pair())}
	for i := range 500 {
		said = append(said, chat.Accept("g_x", "ann", events.Sent{Body: events.TextBody("hello")}))
		target, index := chat.Seq("g_x"), chat.Index("g_x")-1
		if i%2 == 0 {
			said = append(said, chat.Accept("g_x", "ann", events.Overridden{Target: target, TargetIndex: index, Body: events.TextBody("x")}))
		}
		said = append(said, chat.Accept("g_x", "ann", events.Revoked{Target: target, TargetIndex: index}))
	}
	chat.Wait()
	for _, s := range said {
		if err := r.Apply(t.Context(), "1", hottest.Changes(s)); err != nil {
			t.Fatal(err)
		}
	}
	key := func(part string) string { return fmt.Sprintf("%sannal:{g_x}:%s", o.Prefix, part) }
	if n := admin.HLen(t.Context(), key("states")).Val(); n < 1 || n > int64(o.Window) {
		t.Errorf("%d states are kept with a window of %d events, want 1 to as many", n, o.Window)
	}
	if n := admin.ZCard(t.Context(), key("gone")).Val(); n != 500 {
		t.Errorf("%d indices are gone, want all 500", n)
	}
}

// TestChangesAge: what is older than a minute goes, but for what was last.
func TestChangesAge(t *testing.T) {
	o := options(t, devstack.RedisForTest(t).Addr(), false)
	r := open(t, o)
	admin := goredis.NewClient(&goredis.Options{Addr: o.Addrs[0]})
	t.Cleanup(func() { _ = admin.Close() })
	key := o.Prefix + "annal:{view:0}:changes"
	for _, id := range []string{"1-0", "2-0", "3-0"} {
		if err := admin.XAdd(t.Context(), &goredis.XAddArgs{Stream: key, ID: id, Values: []string{"c", ""}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	c := hot.NewChanged()
	c.Heads["g_x"] = 1
	for _, want := range []struct {
		entries int64
		err     error
	}{{2, nil}, {2, hot.ErrPassed}, {3, hot.ErrPassed}} {
		if err := r.Note(t.Context(), 0, c); err != nil {
			t.Fatal(err)
		}
		if n := admin.XLen(t.Context(), key).Val(); n != want.entries {
			t.Errorf("%d entries are kept, want %d", n, want.entries)
		}
		if _, _, err := r.Reader().Changed(t.Context(), 0, "3-0"); !errors.Is(err, want.err) {
			t.Errorf("changes after 3-0: got error %v, want %v", err, want.err)
		}
	}
}
