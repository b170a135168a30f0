package presence_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/bubble"
	"annal/pkg/events"
	"annal/pkg/presence"
)

// faulty is a store that can be away, lose what ends connections, and count what it is asked.
type faulty struct {
	*presence.Memory
	away, loseEnds atomic.Bool
	puts, calls    atomic.Int64
}

var errAway = errors.New("away")

func (f *faulty) Write(ctx context.Context, changes []presence.Change) error {
	f.calls.Add(1)
	if f.away.Load() {
		return errAway
	}
	kept := changes
	if f.loseEnds.Load() {
		kept = nil
		for _, c := range changes {
			if !c.Ended {
				kept = append(kept, c)
			}
		}
	}
	f.puts.Add(int64(len(kept)))
	return f.Memory.Write(ctx, kept)
}

func (f *faulty) Beat(ctx context.Context, node string, floor uint64, ttl time.Duration) (string, error) {
	f.calls.Add(1)
	if f.away.Load() {
		return "", errAway
	}
	return f.Memory.Beat(ctx, node, floor, ttl)
}

// node is a running keeper.
type node struct {
	*presence.Keeper
	stop func()
}

func start(store presence.Store, name string) *node {
	k := presence.NewKeeper(store, name, func(context.Context, []events.UserID) {}, slog.New(slog.DiscardHandler), presence.NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	gone.Go(func() { k.Run(ctx) })
	return &node{k, func() { cancel(); gone.Wait() }}
}

func pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
	synctest.Wait()
}

// tester is what testing and rapid have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
}

func stateOf(t tester, s presence.Store, user events.UserID) presence.State {
	t.Helper()
	all, err := presence.NewLookup(s, 0).Of(context.Background(), user)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func ids(s presence.State) string {
	out := ""
	for _, c := range s.Connections {
		out += c.ID + " "
	}
	return out
}

func TestKeeper(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store := &faulty{Memory: presence.NewMemory(time.Now)}
		n := start(store, "n")
		defer n.stop()
		is := func(when, want string) {
			t.Helper()
			if got := ids(stateOf(t, store, "ann")); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		n.Put(presence.Connection{ID: "n/1", User: "ann"})
		pass(0)
		is("at once", "n/1 ")
		pass(time.Hour)
		is("an hour later", "n/1 ")
		// Away: it is made up for, and the end counts from when it was.
		store.away.Store(true)
		n.Put(presence.Connection{ID: "n/2", User: "ann"})
		n.End("n/1", time.Now())
		ended := time.Now()
		pass(presence.Lasting - presence.Every)
		is("while the store is away", "n/1 ")
		store.away.Store(false)
		pass(2 * time.Second)
		is("when it is back", "n/2 ")
		n.End("n/2", time.Now())
		n.Put(presence.Connection{ID: "n/3", User: "bob"})
		pass(time.Second)
		if s := stateOf(t, store, "ann"); s.Online() || s.Seen < events.Millis(ended.UnixMilli()) {
			t.Errorf("in the end: %+v", s)
		}
		store.away.Store(true)
		n.Put(presence.Connection{ID: "n/4", User: "cat"})
		pass(time.Minute)
		n.End("n/4", time.Now())
		ended = time.Now()
		pass(time.Minute)
		store.away.Store(false)
		pass(2 * time.Second)
		if s := stateOf(t, store, "cat"); s.Seen < events.Millis(ended.UnixMilli()) || s.Seen > events.Millis(ended.Add(time.Second).UnixMilli()) {
			t.Errorf("one that ended at %v while the store was away: %+v", ended, s)
		}
		// Emptied: it is put again.
		store.Empty()
		pass(2 * presence.Every)
		if s := stateOf(t, store, "bob"); ids(s) != "n/3 " {
			t.Errorf("after a loss: %+v", s)
		}
		// An end that was lost is found out by the rounds.
		store.loseEnds.Store(true)
		n.End("n/3", time.Now())
		pass(time.Second)
		if s := stateOf(t, store, "bob"); !s.Online() {
			t.Errorf("its end is lost: %+v", s)
		}
		pass(presence.RoundEvery + time.Minute)
		if s := stateOf(t, store, "bob"); s.Online() || s.Seen == 0 {
			t.Errorf("after a round: %+v", s)
		}
	})
}

// What is idle costs little: of 10,000 connections each is put once in ten minutes, besides signs of life.
func TestIdleCostsLittle(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store := &faulty{Memory: presence.NewMemory(time.Now)}
		n := start(store, "n")
		defer n.stop()
		const all = 10_000
		for i := range all {
			n.Put(presence.Connection{ID: fmt.Sprint("n/", i), User: events.UserID(fmt.Sprint("u", i))})
		}
		pass(10 * time.Second)
		if puts := store.puts.Load(); puts != all {
			t.Errorf("%d puts of %d", puts, all)
		}
		store.puts.Store(0)
		store.calls.Store(0)
		pass(59 * time.Minute)
		if puts := store.puts.Load(); puts != 5*all {
			t.Errorf("%d puts of %d in an hour", puts, all)
		}
		if calls := store.calls.Load(); calls > 5*3000+60*12+10 {
			t.Errorf("%d calls in an hour", calls)
		}
		store.puts.Store(0)
		store.Empty()
		pass(2 * presence.Every)
		if puts := store.puts.Load(); puts != all {
			t.Errorf("%d puts of %d just after a loss", puts, all)
		}
	})
}
