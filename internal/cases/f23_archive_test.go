package cases

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/internal/freshness"
	"annal/pkg/client"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

var (
	chatFile     = flag.String("chat", filepath.Join("..", "..", "examples", "ubuntu-irc-sample.jsonl.gz"), "the chat that is archived under kills")
	killEvery    = flag.Duration("kill-every", 4*time.Second, "how often the archiver is killed meanwhile")
	archiveAway  = flag.Duration("archive-away", 8*time.Second, "how long ClickHouse is away in TestF22ArchiveOutage")
	archivedTime = 2 * time.Minute
)

const (
	// lostAnswers is how many insertions' answers are lost between two kills.
	lostAnswers = 2
	leastKills  = 5
	// meddlers are people who override, revoke, react and read while the chat comes in, one step each pace.
	meddlers     = 6
	meddlersPace = 15 * time.Millisecond
)

// TestF23ArchiveKilled
//
// Given a chat that comes in, with edits, revokes, reactions and markers, and an archiver that is killed again and again, behind a proxy
// that loses answers to insertions that were stored: at every poll an ordinary count is right for what is committed, and has nothing
// twice; at the end the archive equals an independent fold of the log, in texts, versions, markers and all else.
//
// `make archive-soak CHAT=…` runs it on a larger file, with a kill every 15 s.
func TestF23ArchiveKilled(t *testing.T) {
	clickhouse := devstack.ClickHouseForTest(t)
	proxy, err := devstack.StartProxy(clickhouse.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	d := annaltest.NewDeployment(t)
	d.ArchiveAt(t, "http://"+proxy.Addr())
	d.Serve(t, "sequencer", "hot", "gateway", "archive")
	counts := watchCounts(t, d, clickhouse.URL())

	importing := annaltest.Start(t, "import", nil, "import", *chatFile, "--endpoints", d.File(), "--token", d.ServiceToken(t), "--url", d.Roles["gateway"].At.WS, "--inflight", "32")
	meddling, stop := context.WithCancel(t.Context())
	var gone sync.WaitGroup
	t.Cleanup(func() {
		stop()
		gone.Wait()
	})
	session := awaitChannel(t, d)
	for i, u := range talkers(t, *chatFile, meddlers) {
		c := annaltest.Connect(t, d.File(), d.ServiceToken(t), u)
		gone.Go(func() { meddle(meddling, c, session, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	kills, lost := 0, 0
	tick := time.NewTicker(*killEvery)
	defer tick.Stop()
	for over := false; !over; {
		proxy.LoseInsertAnswers(lostAnswers)
		<-tick.C
		lost += proxy.Lost()
		d.Roles["archive"].Crash(t)
		kills++
		ended, err := importing.HasEnded()
		if err != nil {
			t.Fatalf("the import: %v", err)
		}
		over = ended && kills >= leastKills
	}
	proxy.LoseInsertAnswers(0)
	stop()
	gone.Wait()
	counts.finish(t)
	if lost == 0 {
		t.Error("no answer was lost")
	}
	t.Logf("%d kills, %d answers lost", kills, lost)
	for _, view := range []string{"archive", "hot"} {
		t.Logf("annal verify %s: %s", view, annaltest.Start(t, "verify", nil, "verify", view, "--endpoints", d.Roles["archive"].File).Wait(verifyTime))
	}
}

// verifyTime is how long holding a whole chat against the log may take.
const verifyTime = 10 * time.Minute

// talkers are those who say most in a chat.
func talkers(t *testing.T, path string, n int) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: closing can lose nothing
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for lines := bufio.NewScanner(unzipped); lines.Scan(); {
		var line struct{ Kind, User string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Kind == "message" {
			said[line.User]++
		}
	}
	users := slices.SortedFunc(maps.Keys(said), func(a, b string) int { return cmp.Or(cmp.Compare(said[b], said[a]), cmp.Compare(a, b)) })
	return users[:min(n, len(users))]
}

// awaitChannel waits for the session that the import opens.
func awaitChannel(t *testing.T, d *annaltest.Deployment) (session string) {
	t.Helper()
	owner := annaltest.Connect(t, d.File(), d.ServiceToken(t), "importer")
	annaltest.Eventually(t, annaltest.Patience, func() error {
		page, err := owner.Sync(t.Context(), "", 10)
		if err != nil {
			return err
		}
		for _, s := range page.GetSessions() {
			if strings.HasPrefix(s.GetSession(), "c_") && s.GetIndex() >= 30 {
				session = s.GetSession()
				return nil
			}
		}
		return errors.New("there is no channel with much in it yet")
	})
	return session
}

// meddle has somebody change what was said, and refused, until ctx ends.
func meddle(ctx context.Context, c *client.Client, session string, dice *rand.Rand) {
	tick := time.NewTicker(meddlersPace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		page, err := c.History(ctx, session, client.Newest{}, 30)
		if err != nil || len(page.GetEvents()) == 0 {
			continue // not in it now
		}
		e := page.GetEvents()[dice.IntN(len(page.GetEvents()))]
		switch n := dice.IntN(10); {
		case e.GetSent() == nil:
			_, _ = c.MarkRead(ctx, session, e.GetSeq())
		case e.GetUser() == c.User() && n < 5:
			_, _ = c.Override(ctx, session, e.GetSeq(), fmt.Sprint("rather ", n, " ", e.GetSent().GetText()))
		case e.GetUser() == c.User():
			_, _ = c.Revoke(ctx, session, e.GetSeq())
		case n < 4:
			_, _ = c.React(ctx, session, e.GetSeq(), []string{"👍", "❤", "😀"}[dice.IntN(3)])
		case n < 5:
			_, _ = c.Unreact(ctx, session, e.GetSeq(), "👍")
		case n < 8:
			_, _ = c.MarkRead(ctx, session, e.GetSeq())
		case n < 9:
			_, _ = c.MarkDelivered(ctx, session, e.GetSeq())
		default:
			_, _ = c.Revoke(ctx, session, e.GetSeq()) // another's: refused
		}
	}
}

// counts polls what an analyst would count, and what archivers had committed just before.
type counts struct {
	log  eventlog.Log
	conn conn.Conn
	stop context.CancelFunc
	gone sync.WaitGroup

	// polls are what was seen: by partition the commit, and the outcomes archived below it.
	polls  []map[int32]poll
	failed error
}

type poll struct {
	committed int64
	archived  uint64
}

func watchCounts(t *testing.T, d *annaltest.Deployment, url string) *counts {
	t.Helper()
	c, err := driver.Open(&driver.Options{Addr: []string{strings.TrimPrefix(url, "http://")}, Protocol: driver.HTTP, Auth: driver.Auth{Username: "default"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := &counts{log: d.Open(t).Log, conn: c, stop: stop}
	w.gone.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := w.poll(ctx, d.ClickHouse.Database); err != nil && ctx.Err() == nil {
				w.failed = err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		stop()
		w.gone.Wait()
		_ = c.Close()
	})
	return w
}

func (w *counts) poll(ctx context.Context, database string) error {
	commits, err := w.log.Commits(ctx, archive.Group, eventlog.Events)
	if err != nil {
		return err
	}
	seen := map[int32]poll{}
	for _, c := range commits {
		var n, places uint64
		text := "SELECT countIf(offset < {below:Int64}), uniqExactIf(offset, offset < {below:Int64}) FROM " + database + ".events WHERE partition = {partition:Int32}"
		row := w.conn.QueryRow(ctx, text, driver.Named("below", fmt.Sprint(c.Offset)), driver.Named("partition", fmt.Sprint(c.Partition)))
		if err := row.Scan(&n, &places); err != nil {
			return err
		}
		if n != places {
			return fmt.Errorf("partition %d: %d outcomes at %d places", c.Partition, n, places)
		}
		seen[c.Partition] = poll{c.Offset, n}
	}
	w.polls = append(w.polls, seen)
	return nil
}

// finish holds every poll to the log.
func (w *counts) finish(t *testing.T) {
	t.Helper()
	waiting, cancel := context.WithTimeout(t.Context(), archivedTime)
	defer cancel()
	if err := freshness.Await(waiting, w.log); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.gone.Wait()
	if w.failed != nil {
		t.Fatalf("counting: %v", w.failed)
	}
	// below are the offsets of the outcomes that count, ascending.
	below := map[int32][]int64{}
	for p := range int32(annaltest.Partitions) {
		if err := eventlog.EachCounted(t.Context(), w.log, p, func(r *eventlog.Record) error {
			below[p] = append(below[p], r.Offset)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	moved := map[poll]bool{}
	for _, seen := range w.polls {
		for p, got := range seen {
			want, _ := slices.BinarySearch(below[p], got.committed)
			if got.archived != uint64(want) {
				t.Errorf("partition %d: the commit of %d covers %d outcomes, when %d were archived", p, got.committed, want, got.archived)
			}
			moved[got] = true
		}
	}
	if len(moved) < 5 {
		t.Errorf("%d different commits were seen, too few to say anything", len(moved))
	}
	t.Logf("%d polls, %d different commits, each right", len(w.polls), len(moved))
}

// TestF22ArchiveOutage
//
// Given traffic, when ClickHouse is away: the archiver waits, in bounded memory, and says so in its commits and metrics; everything else goes on;
// nothing is put aside; once ClickHouse is back it catches up, and has everything once. (-archive-away 5m is the case's own.)
func TestF22ArchiveOutage(t *testing.T) {
	clickhouse, err := devstack.StartClickHouse(t.Context(), devstack.ClickHouseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := clickhouse.Stop(); err != nil {
			t.Error(err)
		}
	})
	d := annaltest.NewDeployment(t)
	d.ArchiveAt(t, clickhouse.URL())
	d.Serve(t, "sequencer", "hot", "gateway", "archive")
	p := annaltest.Meet(t, annaltest.Connect(t, d.File(), d.Token(t, "u1"), ""), annaltest.Connect(t, d.File(), d.Token(t, "u2"), ""))
	annaltest.Until(t, p.AtBob, func(e *clientv1.Event) bool { return e.GetCreated() != nil })
	f := p.Flow(t)
	f.GoesOn(t, 50)
	archiver := d.Roles["archive"]
	annaltest.Eventually(t, annaltest.Patience, func() error {
		n, err := archiver.Metric(t.Context(), `annal_archive_rows_total{table="events"}`)
		if err == nil && n == 0 {
			err = errors.New("nothing is archived yet")
		}
		return err
	})
	clickhouse.Kill()
	over := time.NewTimer(*archiveAway)
	defer over.Stop()
	for away := true; away; {
		select {
		case <-over.C:
			away = false
		default:
			f.GoesOn(t, 300)
		}
	}
	status := annaltest.Run(t, "archive", "status", "--json", "--endpoints", archiver.File)
	var s freshness.Status
	if err := json.Unmarshal([]byte(status), &s); err != nil {
		t.Fatal(err)
	}
	if s.Behind == 0 || s.Seconds < (*archiveAway-2*time.Second).Seconds() || !strings.Contains(s.Trouble, "connection refused") || s.Error == "" {
		t.Errorf("while it is away the status is %s", status)
	}
	if n, err := archiver.Metric(t.Context(), "annal_archive_lag_seconds{"); err != nil || n < (*archiveAway-3*time.Second).Seconds() {
		t.Errorf("while it is away the metric is %v, %v", n, err)
	}
	if err := clickhouse.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.GoesOn(t, 50)
	f.Finish(t)
	t.Logf("annal verify archive: %s", annaltest.Start(t, "verify", nil, "verify", "archive", "--endpoints", archiver.File).Wait(verifyTime))
	if list := annaltest.Run(t, "quarantine", "list", "--json", "--endpoints", archiver.File); strings.TrimSpace(list) != "" {
		t.Errorf("put aside in the outage: %s", list)
	}
	if n, err := archiver.Metric(t.Context(), "annal_archive_quarantined_total"); err != nil || n != 0 {
		t.Errorf("%v put aside, %v", n, err)
	}
	messages, err := d.Open(t).Archive.Messages(t.Context(), events.SessionID(p.Session), 0, 100_000)
	if err != nil || len(messages) < 100 {
		t.Errorf("%d messages archived, %v", len(messages), err)
	}
}
