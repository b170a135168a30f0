package cases

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/rebuild"
	"annal/internal/replay"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// TestF24Rebuilt
//
// The session of F24, when an operator asks during sends that the view be built anew, and then one session of it, and then the view again, the
// projector being killed in the middle of that: sends are acked, and every read is answered, rightly, and none with TRY_AGAIN.
func TestF24Rebuilt(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.what = "nothing, but the view was rebuilt, and"
	f := w.FlowEvery(t, pace)
	for i, session := range []events.SessionID{"", events.SessionID(w.Session), ""} {
		done := w.rebuild(t, session)
		if i == 2 {
			w.d.Roles["hot"].Crash(t)
		}
		w.answersAllOf(t, done)
		f.GoesOn(t, 10)
	}
	f.Finish(t)
	w.readsRightly(t)
	annaltest.Verify(t, w.d.File())
}

// rebuild asks for a rebuild; done gets what came of it.
func (w *window) rebuild(t *testing.T, session events.SessionID) (done chan error) {
	t.Helper()
	opened, done := w.d.Open(t), make(chan error, 1)
	h := rebuild.Hot{
		Log: opened.Log, Store: opened.Store, Session: session, Request: "test-" + time.Now().Format(time.RFC3339Nano), Idle: wholeTime, Show: func(rebuild.State) {},
	}
	go func() {
		results, err := h.Run(t.Context())
		for _, r := range results {
			if r.Said != hot.SaidSwapped {
				t.Errorf("partition %d ended as %s", r.Partition, r.Said)
			}
		}
		done <- err
	}()
	return done
}

// answersAllOf reads until what is done is done.
func (w *window) answersAllOf(t *testing.T, done chan error) {
	t.Helper()
	for n := 0; ; n++ {
		if !w.read(t) {
			t.Fatal("while the view is rebuilt a read is answered with TRY_AGAIN")
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("rebuilt; %d times all was read meanwhile", n)
			return
		default:
		}
	}
}

// TestF19OldEventsTellNobody
//
// Given a session with a history, when the view is rebuilt and the log replayed: nothing is published for what is old. (Pushes follow what is
// published, or the log by commits of their own; a replay commits in no group.)
func TestF19OldEventsTellNobody(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	before := w.published(t)
	commits := w.atRest(t)
	if err := <-w.rebuild(t, ""); err != nil {
		t.Fatal(err)
	}
	w.replayed(t)
	if after := w.published(t); after != before {
		t.Errorf("published %s messages before, %s after", before, after)
	}
	if after := w.atRest(t); after != commits {
		t.Errorf("the projector had committed up to %d, and after a rebuild and a replay up to %d", commits, after)
	}
	w.send(t)
	if after := w.published(t); after == before {
		t.Error("a new message does not count as published either: nothing is seen here")
	}
}

var publishCalls = regexp.MustCompile(`cmdstat_spublish:calls=(\d+)`)

// published is how many messages Redis was given to publish.
func (w *window) published(t *testing.T) string {
	t.Helper()
	stats, err := w.client(t).Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := publishCalls.FindStringSubmatch(stats)
	if found == nil {
		t.Fatalf("Redis counts no publishing: %s", stats)
	}
	return found[1]
}

// atRest waits until projectors have committed all of the log, and gives the sum of what they committed.
func (w *window) atRest(t *testing.T) (committed int64) {
	t.Helper()
	log := w.d.Open(t).Log
	annaltest.Eventually(t, annaltest.Patience, func() error {
		committed = 0
		claims, err := log.Commits(t.Context(), hot.Group, eventlog.Events)
		if err != nil {
			return err
		}
		for _, c := range claims {
			committed += c.Offset
			if _, end, err := log.Bounds(t.Context(), eventlog.Events, c.Partition); err != nil || end != c.Offset {
				return fmt.Errorf("partition %d is committed up to %d and ends at %d, %w", c.Partition, c.Offset, end, err)
			}
		}
		return nil
	})
	return committed
}

// replayed replays the log to nobody, and has it tell what is in the session.
func (w *window) replayed(t *testing.T) {
	t.Helper()
	opened := w.d.Open(t)
	r, err := replay.New(opened.Log, replay.Options{Session: events.SessionID(w.Session)})
	if err == nil {
		err = r.Run(t.Context(), replay.Lines{W: t.Output()})
	}
	if told := r.Progress().Told; err != nil || told < windowSeq {
		t.Fatalf("replayed %d outcomes, %v; want %d at least", told, err, windowSeq)
	}
}
