package redis_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// startServer starts a Redis of the test's own that keeps a dump in dir, behind a proxy.
func startServer(t testing.TB) (p *proxy, dir string) {
	t.Helper()
	dir = t.TempDir()
	return startProxy(t, serverIn(t, dir)), dir
}

func serverIn(t testing.TB, dir string) (addr string) {
	t.Helper()
	server, err := devstack.StartRedis(t.Context(), devstack.RedisOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server.Addr()
}

// copyOf dumps the server in dir; failOver leads the proxy to another one that has the dump.
func copyOf(t testing.TB, p *proxy, dir string) (failOver func()) {
	t.Helper()
	admin := goredis.NewClient(&goredis.Options{Addr: p.target()})
	defer func() { _ = admin.Close() }()
	if err := admin.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		p.redirect(serverIn(t, elsewhere))
	}
}

// newRealWorld is a world on a Redis of its own that can fail over.
func newRealWorld(t *testing.T) (w *world, dir string) {
	t.Helper()
	p, dir := startServer(t)
	return worldOn(t, p, false), dir
}

// ids are those of the views of all partitions.
func (w *world) ids() string {
	w.Helper()
	var ids []string
	for p := range w.opts.Partitions {
		v, err := w.store.View(w.ctx, p)
		if err != nil {
			w.Fatal(err)
		}
		ids = append(ids, v.ID)
	}
	return fmt.Sprint(ids)
}

// watch reads what is known of sessions, again and again until stop, which gives how
// often readers were told to come again. What they are shown must be all there is.
func (w *world) watch(sessions int) (stop func() (again int)) {
	ctx, cancel := context.WithCancel(w.ctx)
	view, again := w.store.Reader(), 0
	heads := map[events.SessionID]events.Seq{}
	for i := range sessions {
		heads[session(i)] = w.chat.Seq(session(i))
	}
	look := func(s events.SessionID) {
		p, err := view.Person(ctx, s, "bob")
		switch {
		case errors.Is(err, hot.ErrNoSession):
			w.Errorf("a reader was told that %s is not there", s)
		case err != nil:
			again++
		case p.Head.Seq != heads[s] || p.Member.Marker != 2:
			w.Errorf("a reader was shown %s at seq %d with marker %d, want %d and 2", s, p.Head.Seq, p.Member.Marker, heads[s])
		}
	}
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			look(session(i % sessions))
			if ids, err := view.Sessions(ctx, "bob", "", 100); err == nil && len(ids) != sessions {
				w.Errorf("a reader was shown %d sessions, want %d", len(ids), sessions)
			}
		}
	})
	return func() int {
		cancel()
		running.Wait()
		return again
	}
}

// TestProjectorFailsOver: a server that takes over with an older copy is brought up from
// the older progress, in silence; meanwhile readers get right answers or none.
func TestProjectorFailsOver(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "running", false: "away"}[running], func(t *testing.T) {
			w, dir := newRealWorld(t)
			p, stop := w.run(w.log.Client(), "")
			w.ready(p)
			w.converse(8, 20)
			w.matches()
			failOver := copyOf(t, w.proxy, dir)
			// Lost to the copy: messages, sessions, and markers, which have no seq.
			w.converse(10, 5)
			for i := range 10 {
				w.chat.Accept(session(i), "bob", events.Read{Marker: 2, MarkerIndex: 1})
			}
			w.matches()
			told, ids := w.told.count("answers gw"), w.ids()
			wantEqual(t, "answers told", told, 10+8*20+10*5)
			if !running {
				stop()
			}
			done := w.watch(10)
			failOver()
			if !running {
				w.until("a reader that is told to come again", func() bool {
					_, err := w.store.Reader().Sessions(w.ctx, "bob", "", 100)
					return errors.Is(err, hot.ErrRebuilding)
				})
				p, stop = w.run(w.log.Client(), "")
				w.ready(p)
			}
			w.matches()
			if again := done(); again == 0 {
				t.Error("no reader was told to come again")
			}
			wantEqual(t, "views", w.ids(), ids)
			w.converse(10, 1)
			w.wantTold("answers gw", told+10)
			w.matches()
			stop()
		})
	}
}

// TestProjectorRebuildsAnOldCopy: one that is older than the older progress is of no use.
func TestProjectorRebuildsAnOldCopy(t *testing.T) {
	w, dir := newRealWorld(t)
	w.recall = time.Millisecond
	log := notingLog{w.log.Client(), &sync.Map{}}
	p, _ := w.run(log, "")
	w.ready(p)
	w.converse(8, 5)
	w.matches()
	failOver := copyOf(t, w.proxy, dir)
	w.converse(8, 15)
	w.matches()
	for partition := range w.opts.Partitions {
		_, end, err := w.log.Bounds(w.ctx, eventlog.Events, partition)
		if err != nil {
			t.Fatal(err)
		}
		w.until("an older progress beyond the copy", func() bool { return log.older(t, partition) == end })
	}
	ids := w.ids()
	failOver()
	w.matches()
	w.until("other views", func() bool { return w.ids() != ids })
	w.wantTold("answers gw", 8+8*5*4)
}

// notingLog keeps the metadata of the last commits, by partition.
type notingLog struct {
	eventlog.Log
	commits *sync.Map
}

type notingMember struct {
	eventlog.Membership
	commits *sync.Map
}

func (l notingLog) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	m, err := l.Log.Join(ctx, group, t, instance)
	return notingMember{m, l.commits}, err
}

func (m notingMember) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	m.commits.Store(partition, metadata)
	return m.Membership.Commit(ctx, partition, offset, metadata)
}

// older is the older progress' offset in the last commit, -1 before any.
func (l notingLog) older(t *testing.T, partition int32) int64 {
	t.Helper()
	metadata, ok := l.commits.Load(partition)
	if !ok {
		return -1
	}
	text := metadata.(string)
	p, err := events.ParseProgress(text[strings.LastIndex(text, "|")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return p.Offset
}

func wantEqual[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
