package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// lossy is a store whose views are whole, with ann's own session, and what takes keys from it.
type lossy struct {
	*testing.T
	store hot.Store
	view  hot.View
	keys  *goredis.Client
	// prefix goes before all keys.
	prefix string
	parts  int32
}

func newLossy(t *testing.T) *lossy {
	t.Helper()
	return newLossyAt(t, devstack.RedisForTest(t).Addr())
}

func newLossyAt(t *testing.T, addr string) *lossy {
	t.Helper()
	return newLossyWith(t, options(t, addr, false))
}

func newLossyWith(t *testing.T, opts redis.Options) *lossy {
	t.Helper()
	r := open(t, opts)
	l := &lossy{T: t, store: r, view: r.Reader(), keys: goredis.NewClient(&goredis.Options{Addr: opts.Addrs[0]}), prefix: opts.Prefix, parts: opts.Partitions}
	t.Cleanup(func() { _ = l.keys.Close() })
	l.open("1", true)
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: opts.Partitions})
	t.Cleanup(log.Close)
	chat := hottest.NewChat(t, log)
	self := chat.Accept(events.NewSelfID("ann"), "ann", events.Created{Kind: events.KindSelf, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}})
	chat.Wait()
	if err := r.Apply(t.Context(), "1", hottest.Changes(self)); err != nil {
		t.Fatal(err)
	}
	if err := r.AddSessions(t.Context(), map[events.UserID][]events.SessionID{"ann": {events.NewSelfID("ann")}}); err != nil {
		t.Fatal(err)
	}
	return l
}

// open opens all partitions' views, whole or to be built.
func (l *lossy) open(id string, whole bool) {
	l.Helper()
	run, err := l.store.Run(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	for p := range l.parts {
		err := l.store.SetView(l.Context(), p, hot.ViewState{ID: id})
		if err == nil && whole {
			err = l.store.SetView(l.Context(), p, hot.ViewState{ID: id, Whole: true, Run: run})
		}
		if err != nil {
			l.Fatal(err)
		}
	}
}

// lost counts the views that are to be built anew.
func (l *lossy) lost() (n int32) {
	l.Helper()
	for p := range l.parts {
		v, err := l.store.View(l.Context(), p)
		if err != nil {
			l.Fatal(err)
		}
		if v.Lost {
			n++
		}
	}
	return n
}

func (l *lossy) lose(key string) {
	l.Helper()
	if n, err := l.keys.Del(l.Context(), l.prefix+key).Result(); err != nil || n != 1 {
		l.Fatalf("delete %s: %d, %v", key, n, err)
	}
}

// TestAnOlderCopyIsNotShown: an engine that comes back after its place was taken has what it had, in the life that it had. Who saw the view reach
// further waits until it does again, or until that has lasted.
func TestAnOlderCopyIsNotShown(t *testing.T) {
	l := newLossy(t)
	self := events.NewSelfID("ann")
	reach := func(offset int) {
		t.Helper()
		for p := range l.parts {
			key := fmt.Sprintf("%sannal:{view:%d}", l.prefix, p)
			if n, err := l.keys.HSet(t.Context(), key, "reached", offset).Result(); err != nil || n != 0 {
				t.Fatalf("%s: %d fields are new, %v", key, n, err)
			}
		}
	}
	look := func(what string, want error, seq events.Seq) {
		t.Helper()
		if _, err := l.view.Person(t.Context(), self, "ann"); !errors.Is(err, want) {
			t.Errorf("%s: person is told %v, want %v", what, err, want)
		}
		if _, err := l.view.Sessions(t.Context(), "ann", "", 9); !errors.Is(err, want) {
			t.Errorf("%s: sessions are told %v, want %v", what, err, want)
		}
		if heads, err := l.view.Heads(t.Context(), []events.SessionID{self}); err != nil || heads[self] != seq {
			t.Errorf("%s: the head is %d, %v, want %d", what, heads[self], err, seq)
		}
	}
	reach(9)
	look("the view", nil, 1)
	reach(7)
	look("an older copy", hot.ErrRebuilding, 0)
	reach(9)
	look("made good", nil, 1)
}

// TestALossBelongsToItsView: what readers still miss of the view before does not have the new one built again.
func TestALossBelongsToItsView(t *testing.T) {
	l := newLossy(t)
	self := events.NewSelfID("ann")
	l.lose("annal:{" + string(self) + "}:members")
	for _, c := range []struct {
		what string
		want int32
	}{{"the whole view", 1}, {"the one that is being built", 0}} {
		if _, err := l.view.Person(t.Context(), self, "ann"); !errors.Is(err, hot.ErrRebuilding) {
			t.Errorf("reading %s: got %v, want %v", c.what, err, hot.ErrRebuilding)
		}
		if got := l.lost(); got != c.want {
			t.Errorf("of %s %d partitions are said to be lost, want %d", c.what, got, c.want)
		}
		l.open("2", false)
	}
}

// TestALostListIsMissed: F24. A user's list of sessions that was lost is never read as an empty one, nor as one that
// began anew.
func TestALostListIsMissed(t *testing.T) {
	l := newLossy(t)
	self := events.NewSelfID("ann")
	for user, want := range map[events.UserID]int{"ann": 1, "nobody": 0} {
		if ids, err := l.view.Sessions(t.Context(), user, "", 10); err != nil || len(ids) != want || l.lost() != 0 {
			t.Fatalf("before: %s has %v, %v; want %d", user, ids, err, want)
		}
	}
	l.lose("annal:{u:ann}:sessions")
	l.lose("annal:{u:ann}:count")
	if err := l.store.AddSessions(t.Context(), map[events.UserID][]events.SessionID{"ann": {"g_new"}}); err != nil {
		t.Fatal(err)
	}
	if ids, err := l.view.Sessions(t.Context(), "ann", "", 10); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("without %s the list is %v, %v; want %v", self, ids, err, hot.ErrRebuilding)
	}
	if got := l.lost(); got != l.parts {
		t.Errorf("%d partitions are said to be lost, want all %d", got, l.parts)
	}
	if _, err := l.view.Sessions(t.Context(), "nobody", "", 10); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("while lists are lost another's is read as %v, want %v", err, hot.ErrRebuilding)
	}
}

// TestWhatWasPutAsideIsNamed: an Apply that fails for another session names nobody; its repeat names those it put aside.
func TestWhatWasPutAsideIsNamed(t *testing.T) {
	l := newLossy(t)
	l.open("2", false)
	broken := hot.SessionChanges{Session: "g_beheaded", Building: true, Changes: []hot.Change{{Hole: true, Offset: 7}}}
	both := []hot.SessionChanges{broken, one(t, 1)[0]}
	const head = "annal:{g_x}:head"
	if err := l.keys.Set(t.Context(), l.prefix+head, "no hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := l.store.Apply(t.Context(), "2", both); err == nil {
		t.Fatal("applied to a key of another type: got no error")
	}
	l.lose(head)
	var named *hot.BrokenError
	if err := l.store.Apply(t.Context(), "2", both); !errors.As(err, &named) || len(named.Sessions) != 1 || named.Sessions[0] != broken.Session {
		t.Errorf("the repeat: got error %v, want one that names %s alone", err, broken.Session)
	}
	if err := l.store.Apply(t.Context(), "2", []hot.SessionChanges{{Session: broken.Session, Building: true, Changes: []hot.Change{{Hole: true, Offset: 8}}}}); err != nil {
		t.Errorf("what follows on it: got error %v, want none", err)
	}
}

// TestANewListIsNotMissed: between the writes of a user's first session and of their list nothing is taken for lost.
func TestANewListIsNotMissed(t *testing.T) {
	w := newWorld(t)
	between, goOn := make(chan struct{}), make(chan struct{})
	w.writes = &halfway{Store: w.store, between: sync.OnceFunc(func() { close(between) }), goOn: goOn}
	p, _ := w.run(w.log.Client(), "")
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	w.ready(p)
	self := events.NewSelfID("ann")
	w.chat.Accept(self, "ann", events.Created{Kind: events.KindSelf, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}})
	<-between
	if _, err := w.store.Reader().Sessions(w.ctx, "ann", "", 10); err != nil {
		t.Errorf("before all of it is written: got error %v, want none", err)
	}
	for partition := range w.opts.Partitions {
		if v, err := w.store.View(w.ctx, partition); err != nil || v.Lost {
			t.Errorf("the view of partition %d is %+v, %v; must not be taken for lost", partition, v, err)
		}
	}
	release()
	w.matches()
}

// halfway is a store that waits after the first write of sessions or of users' lists.
type halfway struct {
	hot.Store
	between func()
	goOn    chan struct{}
}

func (h *halfway) wait(err error) error {
	h.between()
	<-h.goOn
	return err
}

func (h *halfway) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	return h.wait(h.Store.Apply(ctx, view, sessions))
}

func (h *halfway) AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error {
	return h.wait(h.Store.AddSessions(ctx, users))
}

// TestACopyWithoutAListIsNoLoss: a server that took over before it had a user's list is brought up by the replay.
func TestACopyWithoutAListIsNoLoss(t *testing.T) {
	p, dir := startServer(t)
	l := newLossyAt(t, p.addr())
	l.lose("annal:{u:ann}:sessions")
	copyOf(t, p, dir)()
	if _, err := l.view.Sessions(t.Context(), "ann", "", 10); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("the list in a copy: got error %v, want %v", err, hot.ErrRebuilding)
	}
	if got := l.lost(); got != 0 {
		t.Errorf("%d partitions are said to be lost, want none", got)
	}
}

// TestALostListIsReportedToTheEnd: who reads it is gone by the time it is found out; all partitions are told.
func TestALostListIsReportedToTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opts := options(t, devstack.RedisForTest(t).Addr(), false)
	opts.Log = slog.New(onError{slog.DiscardHandler, cancel})
	l := newLossyWith(t, opts)
	l.lose("annal:{u:ann}:sessions")
	if _, err := l.view.Sessions(ctx, "ann", "", 10); !errors.Is(err, hot.ErrRebuilding) || ctx.Err() == nil {
		t.Errorf("the reader is told %v with its context's %v; want %v, and gone", err, ctx.Err(), hot.ErrRebuilding)
	}
	if got := l.lost(); got != l.parts {
		t.Errorf("%d partitions are said to be lost, want all %d", got, l.parts)
	}
}

// onError calls a function when an error is logged.
type onError struct {
	slog.Handler
	call func()
}

func (onError) Enabled(context.Context, slog.Level) bool { return true }

func (h onError) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelError {
		h.call()
	}
	return nil
}

// TestOnePartitionAloneHidesNoLoss: while other partitions cannot be told of a lost list, that of the user's own session is
// not told either: built alone, it would put the session back into a list that lacks others.
func TestOnePartitionAloneHidesNoLoss(t *testing.T) {
	p, _ := startServer(t)
	l := newLossyAt(t, p.addr())
	l.lose("annal:{u:ann}:sessions")
	own := fmt.Sprintf("annal:{view:%d}", eventlog.KeyPartition([]byte(events.NewSelfID("ann")), l.parts))
	err := l.keys.Do(t.Context(), "ACL", "SETUSER", "default", "resetkeys", "%R~*", "~"+l.prefix+own, "~"+l.prefix+"annal:{u:*").Err()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.view.Sessions(t.Context(), "ann", "", 10); err == nil || errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("got error %v, want the one that kept it from being reported", err)
	}
	if got := l.lost(); got != 0 {
		t.Errorf("%d partitions are said to be lost, want none", got)
	}
}

// TestAShortListIsMissed: a list that was lost, and got the user's own session back when that one's partition alone was
// built anew, is missed still; once all are built it is whole.
func TestAShortListIsMissed(t *testing.T) {
	l := newLossy(t)
	add := func(sessions ...events.SessionID) {
		t.Helper()
		if err := l.store.AddSessions(t.Context(), map[events.UserID][]events.SessionID{"ann": sessions}); err != nil {
			t.Fatal(err)
		}
	}
	add("g_1")
	add("g_1", "g_2")
	l.lose("annal:{u:ann}:sessions")
	add(events.NewSelfID("ann"))
	if ids, err := l.view.Sessions(t.Context(), "ann", "", 10); !errors.Is(err, hot.ErrRebuilding) || l.lost() != l.parts {
		t.Errorf("a short list is %v, %v with %d partitions lost; want %v and all %d", ids, err, l.lost(), hot.ErrRebuilding, l.parts)
	}
	l.open("2", true)
	add("g_2", "g_1")
	for range 2 {
		if ids, err := l.view.Sessions(t.Context(), "ann", "", 10); err != nil || len(ids) != 3 || l.lost() != 0 {
			t.Errorf("built again it is %v, %v with %d partitions lost; want three and none", ids, err, l.lost())
		}
		// Without a count, as older versions left lists, nothing is amiss either.
		l.lose("annal:{u:ann}:count")
		add("g_1")
	}
}
