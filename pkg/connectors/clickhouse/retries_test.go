package clickhouse

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/internal/devstack"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// outcomes are n of a session, a message each.
func outcomes(t testing.TB, s events.SessionID, n int) []follow.Outcome {
	t.Helper()
	all := make([]follow.Outcome, n)
	for i := range all {
		o := events.Outcome{
			ID: events.ID{byte(i), byte(i >> 8), 1}, Session: s, Actor: events.Actor{User: "ann"}, ClientID: fmt.Sprint(i), Time: 1_773_000_000_000 + events.Millis(i),
			Result: events.Accepted{Seq: events.Seq(i + 1), Event: events.Sent{Index: events.Index(i + 1), Body: events.TextBody(fmt.Sprint("text ", i))}},
		}
		rec, err := events.EncodeOutcome(o, events.Stamp{Owner: events.Owner{N: 1, Random: [16]byte{1}}, Command: int64(i), Prev: int64(i) - 1}, events.Envelope{Source: "test"})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = follow.Outcome{Outcome: o, Offset: int64(i + 1), Record: rec}
	}
	return all
}

// watcher asks for ordinary counts all the time.
type watcher struct {
	stop  context.CancelFunc
	gone  sync.WaitGroup
	asked int
	wrong string
}

// watch holds every answer to least and most, which may change meanwhile.
func watch(t *testing.T, c *ClickHouse, bounds func() (least, most uint64)) *watcher {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &watcher{stop: stop}
	w.gone.Go(func() {
		for ctx.Err() == nil && w.wrong == "" {
			least, _ := bounds()
			var n, rows, messages uint64
			err := c.query(ctx, "count", "SELECT count(), (SELECT count() FROM (SELECT partition, offset FROM %[1]s.events)), (SELECT count() FROM %[1]s.messages) FROM %[1]s.events", func(r conn.Rows) error {
				return r.Scan(&n, &rows, &messages)
			})
			_, most := bounds()
			switch {
			case ctx.Err() != nil:
			case err != nil:
				w.wrong = err.Error()
			case n < least || n > most || rows < least || rows > most || messages < least || messages > most:
				w.wrong = fmt.Sprintf("counted %d, listed %d, %d messages; want %d to %d", n, rows, messages, least, most)
			}
			w.asked++
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *watcher) finish(t *testing.T) {
	t.Helper()
	w.stop()
	w.gone.Wait()
	if w.wrong != "" || w.asked < 5 {
		t.Errorf("of %d counts one was wrong: %s", w.asked, w.wrong)
	}
}

// A server remembers 10,000 blocks, where it is told to: it is not. -further 10500 was run once for all (docs/verification.md).
var furtherBatches = flag.Int("further", 500, "insertions between the first and the replay of TestF23Retries")

// TestF23Retries
//
// Given 1,000 events, when their insertion times out after the server stored them, the retry comes as 600 and 400, and after many
// further insertions all is replayed from the beginning: an ordinary count and listing give exactly 1,000 at every moment,
// before any merge too.
func TestF23Retries(t *testing.T) {
	server := devstack.ClickHouseForTest(t)
	c := migrated(t)
	proxy, err := devstack.StartProxy(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	o := c.opts
	o.URL, o.Timeout = "http://"+proxy.Addr(), 10*time.Second
	through, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = through.Close() })
	c.mustExec(t, "SYSTEM STOP MERGES {{.Database}}.event_rows")
	all := outcomes(t, "g_1", 1000)
	insert := func(to archive.Store, part []follow.Outcome) error {
		rows := archive.Plan(0, part)
		return to.Insert(t.Context(), &rows)
	}
	var mu sync.Mutex
	least, most := uint64(0), uint64(1000)
	w := watch(t, c, func() (uint64, uint64) {
		mu.Lock()
		defer mu.Unlock()
		return least, most
	})
	// It has said that it writes before an answer is lost.
	if err := through.Insert(t.Context(), &archive.Rows{}); err != nil {
		t.Fatal(err)
	}
	// All tables but the last are stored and told; the answer for the events is lost.
	lost := 0
	for range 4 {
		proxy.LoseInsertAnswers(1)
		if err := insert(through, all); err == nil {
			t.Fatal("a lost answer was taken for one")
		}
		lost += proxy.Lost()
	}
	if lost != 4 {
		t.Fatalf("%d answers were lost, want 4", lost)
	}
	for _, part := range [][]follow.Outcome{all[:600], all[600:]} {
		if err := insert(through, part); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	least = 1000
	mu.Unlock()
	c.mustExec(t, "SYSTEM START MERGES {{.Database}}.event_rows")
	further(t, c)
	for i := 0; i < len(all); i += 250 {
		if err := insert(c, all[i:i+250]); err != nil {
			t.Fatal(err)
		}
	}
	w.finish(t)
	messages, err := c.Messages(t.Context(), "g_1", 0, 2000)
	if err != nil || len(messages) != 1000 || messages[999].Text != "text 999" {
		t.Errorf("%d messages, %v", len(messages), err)
	}
	t.Logf("%d counts, each right", w.asked)
}

// further makes many insertions that change nothing of what is counted, several at once.
func further(t *testing.T, c *ClickHouse) {
	t.Helper()
	var all sync.WaitGroup
	work := make(chan int)
	for range 4 {
		all.Go(func() {
			for i := range work {
				if err := c.conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s.event_rows (session, partition, offset) SELECT 'g_1', 0, %d", c.opts.Database, 1+i%1000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range *furtherBatches {
		work <- i
	}
	close(work)
	all.Wait()
}

// TestF23Times
//
// Given ClickHouse in Asia/Shanghai and the archiver in America/New_York, times around changes of the clock and of the day: the
// milliseconds read back are identical and each lies in its UTC day, whatever zone server, client or session use.
func TestF23Times(t *testing.T) {
	server, err := devstack.StartClickHouse(t.Context(), devstack.ClickHouseOptions{Env: []string{"TZ=Asia/Shanghai"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	was := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = was })
	o := Defaults()
	o.URL, o.Database = server.URL(), "t_times"
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Migrate(t.Context(), byTest); err != nil {
		t.Fatal(err)
	}
	var serverZone string
	if err := c.query(t.Context(), "zone", "SELECT timezone() -- %s", func(r conn.Rows) error { return r.Scan(&serverZone) }); err != nil || serverZone != "Asia/Shanghai" {
		t.Fatalf("the server's zone is %q, %v", serverZone, err)
	}
	times := []string{"2026-03-08T06:59:59.999Z", "2026-11-01T05:30:00.123Z", "2026-11-01T06:30:00.123Z", "2026-12-31T23:30:00.000Z"}
	all := outcomes(t, "g_1", len(times))
	for i, text := range times {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		all[i].Time, all[i].Origin = events.Millis(at.UnixMilli()), events.Millis(at.UnixMilli())
	}
	rows := archive.Plan(0, all)
	if err := c.Insert(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	messages, err := c.Messages(t.Context(), "g_1", 0, 10)
	if err != nil || len(messages) != len(times) {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	for i, m := range messages {
		if m.Time != all[i].Time || m.Origin != all[i].Origin {
			t.Errorf("%s was read back as %d and %d, want %d", times[i], m.Time, m.Origin, all[i].Time)
		}
	}
	for _, session := range []string{"", "America/New_York", "Asia/Shanghai", "Pacific/Auckland"} {
		ctx := driver.Context(t.Context(), driver.WithSettings(driver.Settings{"session_timezone": session}))
		i := 0
		if err := c.query(ctx, "times", "SELECT toString(time), toString(toDate(time, 'UTC')), toUnixTimestamp64Milli(time) FROM %s.messages ORDER BY seq", func(r conn.Rows) error {
			var shown, day string
			var ms int64
			err := r.Scan(&shown, &day, &ms)
			want := times[i]
			if shown != want[:10]+" "+want[11:23] || day != want[:10] || ms != int64(all[i].Time) {
				t.Errorf("session in %q: %s is shown as %s, of the day %s, %d ms", session, want, shown, day, ms)
			}
			i++
			return err
		}); err != nil || i != len(times) {
			t.Errorf("session in %q: %d rows, %v", session, i, err)
		}
		days := ""
		if err := c.query(ctx, "days", "SELECT toString(day), messages FROM %s_v1.activity_per_day ORDER BY day", func(r conn.Rows) error {
			var day string
			var n uint64
			err := r.Scan(&day, &n)
			days += fmt.Sprintf("%s %d, ", day, n)
			return err
		}); err != nil || days != "2026-03-08 1, 2026-11-01 2, 2026-12-31 1, " {
			t.Errorf("session in %q: days are %s, %v", session, days, err)
		}
		hours := ""
		if err := c.query(ctx, "hours", "SELECT toString(hour, 'UTC'), messages FROM %s_v1.activity_per_hour_by_origin ORDER BY hour", func(r conn.Rows) error {
			var hour string
			var n uint64
			err := r.Scan(&hour, &n)
			hours += fmt.Sprintf("%s %d, ", hour[5:13], n)
			return err
		}); err != nil || hours != "03-08 06 1, 11-01 05 1, 11-01 06 1, 12-31 23 1, " {
			t.Errorf("session in %q: hours are %s, %v", session, hours, err)
		}
	}
}
