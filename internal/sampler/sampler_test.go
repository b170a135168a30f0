package sampler

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/fold"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

var (
	owner    = events.Owner{N: 1, Random: [16]byte{1}}
	envelope = events.Envelope{Source: "test"}
)

// world is a log of one group, and the archive of it.
type world struct {
	log     *eventlog.Memory
	archive *archive.Memory
	logged  bytes.Buffer
	metrics *Metrics

	registry *prometheus.Registry
}

func newWorld(t *testing.T, messages int) *world {
	t.Helper()
	w := &world{log: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1}), archive: archive.NewMemory(), registry: prometheus.NewRegistry()}
	w.metrics = NewMetrics(w.registry)
	t.Cleanup(w.log.Close)
	put := func(rec events.Record, err error) {
		t.Helper()
		done := make(chan error, 1)
		if err == nil {
			w.log.Append(context.Background(), eventlog.Events, 0, rec, func(_ int32, _ int64, err error) { done <- err })
			err = <-done
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(events.EncodeFence(events.Fence{Owner: owner}, envelope))
	var prev events.Hash
	for i := range messages + 1 {
		o := events.Outcome{ID: events.ID{byte(i), byte(i >> 8), 1}, Session: "g_1", Actor: events.Actor{User: "ann"}, ClientID: fmt.Sprint(i), Time: events.Millis(1000 + i), PrevHash: prev}
		o.Result = events.Accepted{Seq: events.Seq(i + 1), Event: events.Sent{Index: events.Index(i), Body: events.TextBody(fmt.Sprint("text ", i))}}
		if i == 0 {
			o.Result = events.Accepted{Seq: 1, Event: events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}}}
		}
		stamp := events.Stamp{Owner: owner, Command: int64(i), Prev: int64(i) - 1}
		rec, err := events.EncodeOutcome(o, stamp, envelope)
		put(rec, err)
		prev = sha256.Sum256(rec.Value)
		rows := archive.Plan(0, []follow.Outcome{{Outcome: o, Offset: int64(i + 1), Stamp: stamp, Record: rec}})
		if err := w.archive.Insert(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// claims tells of a partition that was given.
type claims chan struct{}

func (c claims) Claimed(eventlog.Claim)          { c <- struct{}{} }
func (c claims) Released(context.Context, int32) {}
func (c claims) Lost(int32)                      {}

// commit says that all is archived, until the test ends.
func (w *world) commit(t *testing.T) {
	t.Helper()
	_, end, err := w.log.Bounds(t.Context(), eventlog.Events, 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.log.Join(t.Context(), archive.Group, eventlog.Events, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	given := make(claims, 1)
	gone.Go(func() { _ = m.Run(ctx, given) }) // it ends with ctx
	t.Cleanup(func() {
		stop()
		gone.Wait()
	})
	<-given
	if err := m.Commit(t.Context(), 0, end, ""); err != nil {
		t.Fatal(err)
	}
}

func (w *world) options(view archive.View) Options {
	return Options{
		Name: "archive", View: fold.Options{Log: w.log, Archive: view}, From: view, Partitions: func() []int32 { return []int32{0} },
		Dice: rand.New(rand.NewPCG(1, 2)), Logger: slog.New(slog.NewTextHandler(&w.logged, nil)), Metrics: w.metrics,
	}
}

// looked is how many sessions were looked at, what differed, and what was skipped.
func (w *world) looked(t *testing.T) [3]float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all [3]float64
	for _, f := range families {
		for i, name := range []string{"annal_verify_sampled_total", "annal_verify_differences_total", "annal_verify_skipped_total"} {
			for _, m := range f.GetMetric() {
				if f.GetName() == name {
					all[i] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return all
}

// spoilt is an archive in which a text is not what was said.
type spoilt struct{ archive.View }

func (s spoilt) Messages(ctx context.Context, id events.SessionID, after events.Seq, limit int) ([]archive.MessageNow, error) {
	all, err := s.View.Messages(ctx, id, after, limit)
	if len(all) > 0 {
		all[0].Text = "planted"
	}
	return all, err
}

func TestLook(t *testing.T) {
	w := newWorld(t, 20)
	for range 20 { // one of 22 records is a fence
		Look(t.Context(), w.options(w.archive))
	}
	got := w.looked(t)
	if got[0] < 15 || got[1] != 0 || got[2] != 0 || w.logged.Len() > 0 {
		t.Fatalf("of a right archive: %v, %s", got, w.logged.String())
	}
	Look(t.Context(), w.options(spoilt{w.archive}))
	if now := w.looked(t); now[0] != got[0]+1 || now[1] != 1 {
		t.Errorf("of a spoilt one: %v after %v", now, got)
	}
	for _, want := range []string{"a view differs from the log", "session=g_1", "what=message.text", `must="\"text 1\""`} {
		if !strings.Contains(w.logged.String(), want) {
			t.Errorf("%q is not in %s", want, w.logged.String())
		}
	}
}

// TestFarBack: a session of a long partition is read from the archive, whose bytes the chain of hashes proves.
func TestFarBack(t *testing.T) {
	w := newWorld(t, 20)
	w.commit(t)
	for name, c := range map[string]struct {
		view archive.View
		want string
	}{"right": {w.archive, ""}, "a text": {spoilt{w.archive}, "message.text"}, "a missing outcome": {forgetful{w.archive}, "log"}} {
		var report fold.Report
		o := fold.Options{Log: w.log, Archive: c.view, Session: "g_1"}
		err := fold.VerifyArchived(t.Context(), o, c.view, 100, &report)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "" && report.Found > 0, c.want != "" && (report.Found == 0 || report.Differences[len(report.Differences)-1].What != c.want && report.Differences[0].What != c.want):
			t.Errorf("%s: %v, want %q", name, report.Differences, c.want)
		}
	}
}

// forgetful is an archive that lacks an outcome.
type forgetful struct{ archive.View }

func (f forgetful) Outcomes(ctx context.Context, id events.SessionID, after int64, limit int) ([]archive.Outcome, error) {
	all, err := f.View.Outcomes(ctx, id, after, limit)
	if len(all) > 5 {
		all = append(all[:3:3], all[4:]...)
	}
	return all, err
}

// TestNothing: where there is nothing to look at, nothing is counted.
func TestNothing(t *testing.T) {
	w := newWorld(t, 0)
	o := w.options(w.archive)
	o.Partitions = func() []int32 { return nil }
	Look(t.Context(), o)
	if got := w.looked(t); got != [3]float64{} {
		t.Errorf("%v", got)
	}
}
