package rearchive_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/internal/freshness"
	"annal/internal/rearchive"
	"annal/pkg/connectors/clickhouse"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// world is a log that is written to, an archive, archivers, and somebody who counts.
type world struct {
	*testing.T
	chat     *chat
	opts     clickhouse.Options
	store    *clickhouse.ClickHouse
	conn     conn.Conn
	database string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	o := clickhouse.Defaults()
	o.URL = devstack.ClickHouseForTest(t).URL()
	o.Database = "t_" + strings.ReplaceAll(devstack.UniqueName(t), "-", "_")
	o.Timeout, o.HolderGone = 20*time.Second, 2*time.Second
	c, err := driver.Open(&driver.Options{Addr: []string{strings.TrimPrefix(o.URL, "http://")}, Protocol: driver.HTTP, Auth: driver.Auth{Username: "default"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &world{T: t, opts: o, conn: c, database: o.Database, chat: newChat(t)}
	w.store = w.open()
	if _, err := w.store.Migrate(t.Context(), clickhouse.MigrateOptions{Program: "test", Holder: "test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, database := range []string{o.Database, o.Database + "_v1"} {
			if err := c.Exec(context.Background(), "DROP DATABASE IF EXISTS "+database); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

func (w *world) open() *clickhouse.ClickHouse {
	w.Helper()
	c, err := clickhouse.Open(w.opts)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) exec(text string) {
	w.Helper()
	if err := w.conn.Exec(w.Context(), strings.ReplaceAll(text, "DB.", w.database+".")); err != nil {
		w.Fatal(err)
	}
}

func (w *world) settle() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if err := freshness.Await(ctx, w.chat.log); err != nil {
		w.Fatal(err)
	}
}

// differences holds the archive, which is at rest, against the log.
func (w *world) differences() []string {
	w.Helper()
	var report fold.Report
	if err := fold.Verify(w.Context(), fold.Options{Log: w.chat.log, Archive: w.store, Group: archive.Group, Patience: time.Minute}, &report); err != nil {
		w.Fatal(err)
	}
	return report.Problems
}

// damage spoils rows so that no archiver makes them good again.
func (w *world) damage() {
	w.Helper()
	w.exec("ALTER TABLE DB.message_rows UPDATE body = (9999, 'text', 'planted') WHERE seq = 3 AND session IN ('g_0', 'g_1') SETTINGS mutations_sync = 2")
	w.exec("ALTER TABLE DB.event_rows DELETE WHERE seq = 4 AND session IN ('g_0', 'g_1') SETTINGS mutations_sync = 2")
	w.exec("INSERT INTO DB.event_rows (session, partition, offset, outcome, time) VALUES ('g_nobody', 0, 1, 'accepted', now64(3))")
	if len(w.differences()) < 3 {
		w.Fatal("the damage is not noticed")
	}
}

func (w *world) rebuild(ctx context.Context, progress func(done, total int64)) error {
	_, err := rearchive.Run(ctx, rearchive.Options{Log: w.chat.log, Archive: w.open(), Holder: "the test", Batch: 200, Said: func(string) {}, Progress: progress})
	return err
}

// counting counts all the time, and holds that to what was archived before and said after.
type counting struct {
	stop  context.CancelFunc
	gone  sync.WaitGroup
	polls int
	wrong string
}

func (w *world) count() *counting {
	ctx, stop := context.WithCancel(w.Context())
	c := &counting{stop: stop}
	c.gone.Go(func() {
		for ctx.Err() == nil && c.wrong == "" {
			least := w.chat.committed(ctx)
			var n, places, messages uint64
			row := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT countIf(session != 'g_nobody'), uniqExact(partition, offset), (SELECT count() FROM %[1]s.messages) FROM %[1]s.events", w.database))
			err := row.Scan(&n, &places, &messages)
			most := w.chat.written()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				c.wrong = err.Error()
			case n < least.outcomes || n > most.outcomes || messages < least.messages || messages > most.messages:
				c.wrong = fmt.Sprintf("%d outcomes and %d messages; want %+v to %+v", n, messages, least, most)
			}
			c.polls++
		}
	})
	w.Cleanup(stop)
	return c
}

func (c *counting) finish(t *testing.T) {
	t.Helper()
	c.stop()
	c.gone.Wait()
	if c.wrong != "" || c.polls < 10 {
		t.Errorf("of %d counts one was wrong: %s", c.polls, c.wrong)
	}
	t.Logf("%d counts, each right", c.polls)
}

// TestRebuildUnderTraffic: two archivers go on while the archive is built anew, an ordinary count is right at every moment, and
// what was spoilt is gone.
func TestRebuildUnderTraffic(t *testing.T) {
	w := newWorld(t)
	w.chat.say(1200)
	for range 2 {
		w.chat.archive(w.open())
	}
	w.settle()
	w.damage()
	w.exec("ALTER TABLE DB.event_rows DELETE WHERE session = 'g_nobody' SETTINGS mutations_sync = 2")
	w.exec("ALTER TABLE DB.event_rows UPDATE actor = 'mallory' WHERE seq = 5 SETTINGS mutations_sync = 2")
	stop := w.chat.flow(100)
	if err := w.rebuild(t.Context(), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	c := w.count()
	if err := w.rebuild(t.Context(), func(int64, int64) {}); err != nil { // now that it is whole, each count can be judged
		t.Fatal(err)
	}
	c.finish(t)
	if d := w.differences(); len(d) > 0 {
		t.Errorf("while all goes on %d differences: %q", len(d), d)
	}
	stop()
	w.settle()
	if d := w.differences(); len(d) > 0 {
		t.Errorf("afterwards %d differences: %q", len(d), d)
	}
	var tables uint64
	if err := w.conn.QueryRow(t.Context(), "SELECT count() FROM system.tables WHERE database = '"+w.database+"' AND (endsWith(name, '_next') OR startsWith(name, 'rebuilding'))").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables are left, %v", tables, err)
	}
}

// TestKilledInTheMiddle: it goes on where it was; two at once are refused; it can be given up.
func TestKilledInTheMiddle(t *testing.T) {
	w := newWorld(t)
	w.chat.say(1200)
	w.chat.archive(w.open())
	w.settle()
	w.damage()
	ctx, kill := context.WithCancel(t.Context())
	reached := int64(0)
	err := w.rebuild(ctx, func(done, total int64) {
		if other := w.rebuild(t.Context(), nil); !errors.Is(other, archive.ErrRebuilding) {
			t.Errorf("a second one at the same time: %v", other)
		}
		if err := w.store.Abandon(t.Context(), "x"); !errors.Is(err, archive.ErrRebuilding) {
			t.Errorf("abandoning it meanwhile: %v", err)
		}
		reached = done
		kill()
	})
	if err == nil || reached == 0 {
		t.Fatalf("killed at %d: %v", reached, err)
	}
	if err := w.store.Remove(t.Context(), "g_1"); !errors.Is(err, archive.ErrRebuilding) {
		t.Errorf("a session alone meanwhile: %v", err)
	}
	stop := w.chat.flow(100)
	first := int64(0)
	w.eventually(func() error {
		return w.rebuild(t.Context(), func(done, total int64) {
			if first == 0 {
				first = done
			}
		})
	})
	if first <= reached {
		t.Errorf("it went on at %d, having come to %d", first, reached)
	}
	stop()
	w.settle()
	if d := w.differences(); len(d) > 0 {
		t.Errorf("afterwards %d differences: %q", len(d), d)
	}

	if err := w.store.Abandon(t.Context(), "x"); !errors.Is(err, archive.ErrNoRebuild) {
		t.Errorf("abandoning none: %v", err)
	}
	ctx, kill = context.WithCancel(t.Context())
	if err := w.rebuild(ctx, func(int64, int64) { kill() }); err == nil {
		t.Fatal("it was not killed")
	}
	w.eventually(func() error { return w.store.Abandon(t.Context(), "x") })
	w.chat.say(100)
	w.settle()
	if d := w.differences(); len(d) > 0 {
		t.Errorf("after giving up %d differences: %q", len(d), d)
	}
}

func (w *world) eventually(try func() error) {
	w.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	until := time.After(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-until:
			w.Fatal(err)
		}
	}
}

// known reads a session's archived part all the time: whatever is there of it shows each message as changed as it was at first.
func (w *world) known(s events.SessionID) *counting {
	w.Helper()
	read := func(ctx context.Context) (changed map[events.Seq]bool, err error) {
		entries, err := w.store.Timeline(ctx, s, archive.Span{First: 1, Last: math.MaxInt64, Limit: 10_000})
		changed = map[events.Seq]bool{}
		for _, e := range entries {
			if e.Now != nil {
				changed[e.Seq] = e.Now.Overridden > 0
			}
		}
		return changed, err
	}
	first, err := read(w.Context())
	if err != nil || len(first) == 0 {
		w.Fatalf("%d messages of %s, %v", len(first), s, err)
	}
	ctx, stop := context.WithCancel(w.Context())
	c := &counting{stop: stop}
	c.gone.Go(func() {
		for ctx.Err() == nil && c.wrong == "" {
			now, err := read(ctx)
			if err != nil && ctx.Err() == nil {
				c.wrong = err.Error()
			}
			for seq, changed := range now {
				if first[seq] && !changed {
					c.wrong = fmt.Sprintf("seq %d is shown as it was before it was changed", seq)
				}
			}
			c.polls++
		}
	})
	w.Cleanup(stop)
	return c
}

// TestSession: one session's rows are made anew, and no other's; readers meanwhile miss some of it, and see nothing that was changed
// as it was before.
func TestSession(t *testing.T) {
	w := newWorld(t)
	w.chat.say(1000)
	w.chat.archive(w.open())
	w.settle()
	w.damage()
	w.exec("ALTER TABLE DB.event_rows DELETE WHERE session = 'g_nobody' SETTINGS mutations_sync = 2")
	stop := w.chat.flow(100)
	known := w.known("g_0")
	for _, s := range slices.Repeat(w.chat.sessions()[:2], 2) {
		n, err := rearchive.Session(t.Context(), rearchive.SessionOptions{
			Log: w.chat.log, Store: w.store, Session: s, Said: func(string) {}, Progress: func(int64, int64) {},
		})
		if err != nil || n == 0 {
			t.Fatalf("%s: %d, %v", s, n, err)
		}
	}
	known.finish(t)
	stop()
	w.settle()
	if d := w.differences(); len(d) > 0 {
		t.Errorf("afterwards %d differences: %q", len(d), d)
	}
	if _, err := rearchive.Session(t.Context(), rearchive.SessionOptions{
		Log: w.chat.log, Store: w.store, Session: "g_none", Said: func(string) {}, Progress: func(int64, int64) {},
	}); !errors.Is(err, rearchive.ErrNoSession) {
		t.Errorf("a session that is none: %v", err)
	}
}
