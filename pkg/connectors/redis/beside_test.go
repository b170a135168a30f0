package redis_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// askAll asks that all partitions be built anew.
func (w *world) askAll(request string) {
	w.Helper()
	for p := range w.opts.Partitions {
		if got, err := w.store.Ask(w.ctx, p, request, ""); err != nil || got != request {
			w.Fatalf("ask for partition %d: got %q, %v", p, got, err)
		}
	}
}

// swapped waits until what was asked is done and nothing is left of what was there before.
func (w *world) swapped(request string) {
	w.Helper()
	w.until("all views to be swapped", func() bool {
		for p := range w.opts.Partitions {
			if r, err := w.store.Rebuild(w.ctx, p); err != nil || r.Done != request || r.Said != hot.SaidSwapped || r.Left != "" {
				return false
			}
		}
		return true
	})
}

// watched are readers that go on while something is rebuilt; what they must not be told is a failure.
func (w *world) watched(sessions int) (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	var last [64]events.Seq
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			n := i % sessions
			p, err := w.store.Reader().Person(ctx, session(n), "ann")
			switch {
			case ctx.Err() != nil:
			case err != nil || p.Head.Seq < last[n]:
				w.Errorf("%s read while it is rebuilt: seq %d after %d, %v", session(n), p.Head.Seq, last[n], err)
				return
			}
			last[n] = p.Head.Seq
			if _, err := w.store.Reader().Forward(ctx, session(n), 1, 100, 100); err != nil && ctx.Err() == nil {
				w.Errorf("items of %s read while it is rebuilt: %v", session(n), err)
				return
			}
			if _, err := w.store.Reader().Sessions(ctx, "ann", "", 100); err != nil && ctx.Err() == nil {
				w.Errorf("sessions read while they are rebuilt: %v", err)
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

func testRebuildBeside(t *testing.T, w *world) {
	const sessions = 8
	w.converse(sessions, 10)
	p, stop := w.run(w.log.Client(), "")
	w.ready(p)
	w.matches()
	before := w.told.count("session " + string(session(0)))
	read := w.watched(sessions)
	said := 0
	for _, request := range []string{"there", "and back"} {
		w.askAll(request)
		for range 20 { // live traffic goes on
			w.chat.Accept(session(said%sessions), "ann", events.Sent{Body: events.TextBody("meanwhile")})
			said++
			<-time.After(2 * time.Millisecond)
		}
		w.swapped(request)
		w.matches()
	}
	read()
	w.until("all to be told", func() bool { return w.told.count("session "+string(session(0))) == before+said/sessions })
	w.told.mu.Lock()
	defer w.told.mu.Unlock()
	if len(w.told.early) > 0 {
		t.Errorf("told before it could be read: %q", w.told.early[0])
	}
	stop()
}

// TestRebuildBeside: a view is built anew while it is read and written; nobody is told TRY_AGAIN, and nothing twice.
func TestRebuildBeside(t *testing.T) {
	t.Parallel()
	testRebuildBeside(t, newWorld(t))
}

func TestRebuildBesideOnRedis(t *testing.T) {
	t.Parallel()
	testRebuildBeside(t, worldAt(t, false, devstack.RedisForTest(t).Addr()))
}

func TestRebuildBesideOnCluster(t *testing.T) {
	t.Parallel()
	testRebuildBeside(t, worldAt(t, false, devstack.RedisClusterForTest(t).Addrs()...))
}

// TestRebuildLeavesNothing: keys of the side that is not read any more are gone, lists and all else stay.
func TestRebuildLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converse(8, 10)
	p, _ := w.run(w.log.Client(), "")
	w.ready(p)
	before := w.keys()
	w.askAll("once")
	w.swapped("once")
	var want []string
	for _, k := range before {
		if strings.Contains(k, "}:") && !strings.Contains(k, "{u:") && !strings.Contains(k, "{view:") {
			k += "~"
		}
		want = append(want, k)
	}
	slices.Sort(want)
	if got := w.keys(); !slices.Equal(got, want) {
		t.Errorf("keys after the swap are\n%q, want\n%q", got, want)
	}
}

// TestRebuildNotesHolders: who registered a token is noted again by what is built beside, and stays when that takes the view's place.
func TestRebuildNotesHolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	push := events.PushToken{Service: "fcm", Token: "k1"}
	for _, u := range []events.UserID{"ann", "bob"} {
		self := events.NewSelfID(u)
		w.chat.Accept(self, u, events.Created{Kind: events.KindSelf, Members: []events.NewMember{{User: u, Role: events.RoleOwner}}})
		w.chat.Accept(self, u, events.DeviceSet{Device: "phone", Push: push})
	}
	w.chat.Wait()
	p, _ := w.run(w.log.Client(), "")
	w.ready(p)
	admin := w.admin()
	if n, err := admin.Del(w.ctx, w.opts.Prefix+"annal:{t:"+hot.TokenKey(push)+"}:holders").Result(); err != nil || n != 1 {
		t.Fatalf("%d keys of the token's holders, %v", n, err)
	}
	w.askAll("once")
	w.swapped("once")
	got, err := w.store.Reader().Holders(w.ctx, []events.PushToken{push})
	if err != nil || len(got) != 1 || len(got[0]) != 2 {
		t.Errorf("the holders are %v, %v; want both", got, err)
	}
}

// admin is a connection of its own to the store.
func (w *world) admin() *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: w.opts.Addrs[0]})
	w.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) keys() []string {
	w.Helper()
	keys, err := w.admin().Keys(w.ctx, "*").Result()
	if err != nil {
		w.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

// slowBuilding lets what is built beside a view wait after its first records, until it is let go.
type slowBuilding struct {
	hot.Store
	applied atomic.Int64
	held    chan struct{}
}

func (s *slowBuilding) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	err := s.Store.Apply(ctx, view, sessions)
	if hot.Side(view) != "" && err == nil {
		s.applied.Add(1)
		select {
		case <-s.held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// TestRebuildIsTakenUpAgain: whoever is stopped in the middle, another goes on; and a view that is lost meanwhile is built in place.
func TestRebuildIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converse(8, 10)
	slow := &slowBuilding{Store: w.store, held: make(chan struct{})}
	w.writes = slow
	p, stop := w.run(w.log.Client(), "one")
	w.ready(p)
	w.askAll("once")
	w.until("something to be built", func() bool { return slow.applied.Load() > 0 })
	stop()
	w.writes = w.store
	read := w.watched(8)
	p, stop = w.run(w.log.Client(), "one")
	w.ready(p)
	w.swapped("once")
	w.matches()
	read()
	w.askAll("emptied meanwhile")
	if err := w.admin().FlushAll(w.ctx).Err(); err != nil {
		t.Fatal(err)
	}
	w.until("the views to be whole", func() bool {
		for p := range w.opts.Partitions {
			if v, err := w.store.View(w.ctx, p); err != nil || !v.Whole {
				return false
			}
		}
		return true
	})
	w.matches()
	stop()
}

// TestRebuildOfOneSession: what somebody broke is made good without the partition's other sessions.
func TestRebuildOfOneSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converse(8, 10)
	p, _ := w.run(w.log.Client(), "")
	w.ready(p)
	partition := w.chat.Partition(session(3))
	// Nobody notices this one: the counts stay right.
	key := w.opts.Prefix + "annal:{" + string(session(3)) + "}:head"
	if err := w.admin().HSet(w.ctx, key, "title", "altered").Err(); err != nil {
		t.Fatal(err)
	}
	person, err := w.store.Reader().Person(w.ctx, session(3), "ann")
	if err != nil || person.Head.Title != "altered" {
		t.Fatalf("altered: %q, %v", person.Head.Title, err)
	}
	ask := func(request string, s events.SessionID, want string) {
		t.Helper()
		if _, err := w.store.Ask(w.ctx, partition, request, s); err != nil {
			t.Fatal(err)
		}
		w.until(request, func() bool {
			r, err := w.store.Rebuild(w.ctx, partition)
			return err == nil && r.Done == request && r.Said == want
		})
	}
	read := w.watched(8)
	ask("renew it", session(3), hot.SaidSwapped)
	read()
	w.matches()
	ask("renew nothing", sessionIn(w, partition), hot.SaidNoSession)
	for _, k := range w.keys() {
		if strings.HasSuffix(k, "+") {
			t.Errorf("%s is left", k)
		}
	}
}

// sessionIn is a session of that partition that nobody opened.
func sessionIn(w *world, partition int32) events.SessionID {
	for i := 1000; ; i++ {
		if s := session(i); w.chat.Partition(s) == partition {
			return s
		}
	}
}

// builderTells is a projector whose builder tells what it builds: seen by the count of what is told.
type builderTells struct {
	hot.Store
	told hot.Notifier
}

func (b builderTells) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	err := b.Store.Apply(ctx, view, sessions)
	if err != nil || hot.Side(view) == "" {
		return err
	}
	round := hot.Round{Sessions: map[events.SessionID][][]byte{}}
	for _, s := range sessions {
		for _, c := range s.Changes {
			round.Sessions[s.Session] = append(round.Sessions[s.Session], c.Value)
		}
	}
	return errors.Join(err, b.told.Publish(ctx, round))
}

// TestRebuildTellsNobody: nothing is published for what is built, and the count that says so would see it.
func TestRebuildTellsNobody(t *testing.T) {
	t.Parallel()
	for name, tells := range map[string]bool{"as it is": false, "with a builder that tells": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.converse(3, 10)
			if tells {
				w.writes = builderTells{w.store, w.told}
			}
			p, _ := w.run(w.log.Client(), "")
			w.ready(p)
			to := "session " + string(session(0))
			before := w.told.count(to)
			w.askAll("once")
			w.swapped("once")
			if after := w.told.count(to); (after != before) != tells {
				t.Errorf("told %d outcomes before, %d after a rebuild", before, after)
			}
		})
	}
}
