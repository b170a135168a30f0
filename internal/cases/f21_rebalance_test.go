package cases

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/annaltest"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

const (
	// restarts is how often each of the two projectors is killed and started again, in turn.
	restarts = 10
	// expelled is longer than a group waits for a member that says nothing (6 s).
	expelled = 8 * time.Second
)

// TestF21RebalanceInMidBatch
//
// Given a projector and an archiver in the middle of traffic, when a second one of each joins, one of each is stopped for so long that the
// group takes its partitions away and its next commits are refused (they are of a generation that is over), and all are killed and started
// again 10 times in turn: view and archive have each event once, unread is right, and at no moment did a commit lie beyond what the
// view had. (Of the archive TestF23ArchiveKilled shows that.)
func TestF21RebalanceInMidBatch(t *testing.T) {
	d := annaltest.NewDeployment(t)
	d.Archive(t)
	d.Serve(t, "sequencer", "hot", "gateway", "archive")
	p := annaltest.Meet(t, annaltest.Connect(t, d.File(), d.Token(t, "u1"), ""), annaltest.Connect(t, d.File(), d.Token(t, "u2"), ""))
	annaltest.Until(t, p.AtBob, func(e *clientv1.Event) bool { return e.GetCreated() != nil })
	f := p.Flow(t)
	w := watchCommits(t, d, events.SessionID(p.Session))
	f.GoesOn(t, 50)
	d.Serve(t, "hot-2", "archive-2")
	f.GoesOn(t, 50)

	first := []*annaltest.Server{d.Roles["hot"], d.Roles["archive"]}
	for _, s := range first {
		s.Signal(syscall.SIGSTOP)
	}
	over := time.NewTimer(expelled)
	defer over.Stop()
	<-over.C
	f.GoesOn(t, 50)
	for _, s := range first {
		s.Signal(syscall.SIGCONT)
	}
	annaltest.Eventually(t, annaltest.Patience, func() error {
		for _, s := range first {
			lost, err := s.Metric(t.Context(), "annal_log_partitions_lost_total")
			if err == nil && lost == 0 {
				err = fmt.Errorf("the group has taken nothing away from %s", s.Name())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.GoesOn(t, 50)

	for range restarts {
		for _, name := range []string{"hot", "hot-2", "archive", "archive-2"} {
			d.Roles[name].Crash(t)
			f.GoesOn(t, 10)
		}
	}
	f.Finish(t)
	w.finish(t)

	reader := dial(t, d.Roles["gateway"].At.WS).hello(d.Token(t, "u2"), "tablet")
	state := reader.state(p.Session)
	if state.GetUnread() != state.GetIndex() || state.GetSeq() != state.GetIndex()+1 {
		t.Errorf("U2, who read nothing, stands at %v; want all unread", state)
	}
	annaltest.Verify(t, d.File())
	t.Logf("annal verify archive: %s", annaltest.Run(t, "verify", "archive", "--endpoints", d.Roles["archive"].File))
}

// commits watches what the projectors commit, and what the view has then.
type commits struct {
	opened  hot.View
	session events.SessionID
	stop    context.CancelFunc
	gone    sync.WaitGroup
	log     eventlog.Log

	mu sync.Mutex
	// least is the session's seq in the view, seen after a commit of its partition up to an offset was seen.
	least map[int64]events.Seq
	err   error
}

// watchCommits looks until finish, as often as it can.
func watchCommits(t *testing.T, d *annaltest.Deployment, session events.SessionID) *commits {
	t.Helper()
	opened := d.Open(t)
	admin := administer(t, d)
	ctx, stop := context.WithCancel(t.Context())
	w := &commits{opened: opened.View, log: opened.Log, session: session, stop: stop, least: map[int64]events.Seq{}}
	w.gone.Go(func() {
		for ctx.Err() == nil {
			if err := w.look(ctx, admin, d.Prefix); err != nil && ctx.Err() == nil {
				w.mu.Lock()
				w.err = err
				w.mu.Unlock()
				return
			}
		}
	})
	t.Cleanup(func() {
		stop()
		w.gone.Wait()
	})
	return w
}

// look asks for the commit first: what the view has afterwards must reach up to it.
func (w *commits) look(ctx context.Context, admin *kadm.Client, prefix string) error {
	offsets, err := admin.FetchOffsets(ctx, prefix+hot.Group)
	if err != nil {
		return err
	}
	partition := eventlog.KeyPartition([]byte(w.session), annaltest.Partitions)
	commit, ok := offsets.Lookup(prefix+string(eventlog.Events), partition)
	if !ok || commit.Err != nil {
		return commit.Err
	}
	heads, err := w.opened.Heads(ctx, []events.SessionID{w.session})
	if err != nil {
		return err
	}
	seq, told := heads[w.session]
	if !told {
		return nil // the view is being rebuilt
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if had, ok := w.least[commit.At]; !ok || seq < had {
		w.least[commit.At] = seq
	}
	return nil
}

// finish reads the log, and holds every commit that was seen to it.
func (w *commits) finish(t *testing.T) {
	t.Helper()
	w.stop()
	w.gone.Wait()
	if w.err != nil {
		t.Fatalf("watching commits: %v", w.err)
	}
	partition := eventlog.KeyPartition([]byte(w.session), annaltest.Partitions)
	_, end, err := w.log.Bounds(t.Context(), eventlog.Events, partition)
	if err != nil {
		t.Fatal(err)
	}
	cursor, err := w.log.Read(t.Context(), eventlog.Events, partition, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close()
	// below is the session's last seq below an offset.
	below := map[int64]events.Seq{0: 0}
	rule, seq := events.NewReader(events.Start()), events.Seq(0)
	for next := int64(0); next < end; {
		records, err := cursor.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			verdict, _, _ := rule.Read(r.Offset, r.Record)
			if o, err := events.DecodeOutcome(r.Record); verdict == events.Counted && err == nil && o.Session == w.session {
				if a, ok := o.Result.(events.Accepted); ok {
					seq = max(seq, a.Seq)
				}
			}
			next = r.Offset + 1
			below[next] = seq
		}
	}
	if len(w.least) < 5 { // one a second and partition
		t.Errorf("%d commits were seen, too few to say anything", len(w.least))
	}
	for offset, seq := range w.least {
		if seq < below[offset] {
			t.Errorf("the commit of %d covers seq %d, when the view was at %d", offset, below[offset], seq)
		}
	}
	t.Logf("%d commits were held to what the view had", len(w.least))
}
