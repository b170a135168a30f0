package hot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// worker follows one partition: read, apply, tell, commit.
type worker struct {
	projector *Projector
	opts      Options
	partition int32
	label     string
	log       *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	// reading ends first when draining: what was read is still finished.
	reading context.Context
	noMore  context.CancelFunc
	done    chan struct{}
	whole   atomic.Bool

	// told is the offset below which everything was told before.
	told int64
	// finished is the offset below which everything was applied and told.
	finished int64
	// quarantined is the offset below which poison was put aside.
	quarantined int64
	claim       eventlog.Claim
	view        string
	reader      events.Reader
	commits     time.Time
}

func newWorker(p *Projector, c eventlog.Claim) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	reading, noMore := context.WithCancel(ctx)
	// Whatever else it says, a commit begins with the newest view's id.
	view, _, _ := strings.Cut(c.Metadata, " ")
	return &worker{
		projector: p, opts: p.opts, partition: c.Partition, label: strconv.Itoa(int(c.Partition)), claim: c,
		log: p.opts.Logger.With("role", "hot", "partition", c.Partition),
		ctx: ctx, cancel: cancel, reading: reading, noMore: noMore, done: make(chan struct{}),
		told: max(c.Offset, 0), view: view,
	}
}

func (w *worker) stop() {
	w.cancel()
	<-w.done
}

func (w *worker) drain(ctx context.Context) {
	w.noMore()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.log.Warn("drain cut short", "error", ctx.Err())
		w.stop()
	}
}

func (w *worker) run() {
	defer close(w.done)
	defer w.opts.Metrics.behind.DeleteLabelValues(w.label)
	defer w.cancel()
	err := w.work()
	if err != nil && w.ctx.Err() == nil {
		w.log.Error("stopped", "error", err)
		select {
		case w.projector.fatal <- fmt.Errorf("partition %d: %w", w.partition, err):
		default:
		}
	}
}

// work builds the view and follows the log, again and again when the view was lost.
func (w *worker) work() error {
	reason, err := w.resume()
	if err != nil {
		return err
	}
	for losses := 0; ; losses++ {
		var err error
		if reason != "" {
			var ours bool
			if ours, err = w.begin(reason); err == nil && !ours {
				return nil
			}
		}
		if err == nil {
			err = w.follow()
			if err == nil {
				w.commitOrSay()
				return nil
			}
		}
		switch {
		case errors.Is(err, ErrGap):
			reason = "gap"
		case errors.Is(err, errViewGone):
			reason = "view_gone"
		case errors.Is(err, ErrSuperseded):
			reason = "superseded"
		default:
			return err
		}
		w.whole.Store(false)
		w.log.Warn("the view must be built anew", "reason", reason, "error", err)
		// What was applied was told; the rebuilding tells nothing again.
		w.told = max(w.told, w.finished)
		if !w.pause(losses) {
			return nil
		}
	}
}

// Waits between buildings, so that what keeps going wrong, or two builders that don't
// know of each other yet, do not chase each other.
const (
	minRebuildWait = 100 * time.Millisecond
	maxRebuildWait = 30 * time.Second
)

// pause is false when the partition is to be given back.
func (w *worker) pause(losses int) bool {
	select {
	case <-time.After(min(minRebuildWait<<min(losses, 10), maxRebuildWait)):
		return true
	case <-w.reading.Done():
		return false
	}
}

// resume takes up the view where the commit says, or says why it must be built anew.
func (w *worker) resume() (reason string, err error) {
	var v ViewState
	if err := w.patiently("read the view's state", func() (err error) {
		v, err = w.opts.Store.View(w.ctx, w.partition)
		return err
	}); err != nil {
		return "", err
	}
	id, text, ok := strings.Cut(w.claim.Metadata, " ")
	progress, parseErr := events.ParseProgress(text)
	switch {
	case w.claim.Offset < 0:
		return "first", nil
	case !ok || parseErr != nil || progress.Offset != w.claim.Offset:
		return "commit_unreadable", nil
	case v.ID != id || !v.Whole || v.Lost:
		return "view_gone", nil
	}
	w.view, w.reader = v.ID, events.NewReader(progress)
	w.whole.Store(true)
	w.log.Info("resumed", "offset", progress.Offset, "view", v.ID)
	return "", nil
}

// begin opens a new view and goes back to the log's start; false when the partition is
// to be given back before that.
func (w *worker) begin(reason string) (ours bool, err error) {
	w.opts.Metrics.rebuilds.WithLabelValues(reason).Inc()
	if err := w.patiently("learn which view there is", func() error {
		old, err := w.opts.Store.View(w.ctx, w.partition)
		w.view = w.opts.NewViewID(max(old.ID, w.view))
		return err
	}); err != nil {
		return false, err
	}
	if ours, err := w.claimView(); err != nil || !ours {
		return false, err
	}
	if err := w.patiently("open a new view", func() error {
		return w.opts.Store.SetView(w.ctx, w.partition, ViewState{ID: w.view})
	}); err != nil {
		return true, err
	}
	w.reader = events.NewReader(events.Start())
	w.log.Info("building the view", "reason", reason, "view", w.view)
	return true, nil
}

// claimView commits the new view's id before anything is written under it. A commit
// succeeds only while the group gives us the partition, so a woken zombie wipes nobody's
// view; and whoever comes next takes a greater id even when the store was emptied
// meanwhile, so what a zombie still writes never stands above what they build. It makes
// the next claim build the view anew as well. A commit is also refused for a moment while
// the group rebalances, so only release or loss of the partition ends the wait with false.
func (w *worker) claimView() (ours bool, err error) {
	err = w.patiently("commit before building the view", func() error {
		if ours = w.reading.Err() == nil; !ours {
			return nil
		}
		return w.projector.membership.Commit(w.ctx, w.partition, max(w.told, w.finished), w.view+" building")
	})
	return ours, err
}

// errViewGone: the store no longer has our view: it was emptied or replaced.
var errViewGone = errors.New("hot: the store lost the view")

// follow reads, applies and tells until there is no more to do (nil) or the view is
// lost.
func (w *worker) follow() error {
	var end int64
	if err := w.patiently("learn the log's end", func() (err error) {
		_, end, err = w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition)
		return err
	}); err != nil {
		return err
	}
	cursor, err := w.open()
	if err != nil {
		return err
	}
	defer cursor.Close()
	for {
		if err := w.becomeWhole(end); err != nil {
			return err
		}
		records, err := w.next(cursor)
		if err != nil {
			if w.reading.Err() != nil && w.ctx.Err() == nil {
				return nil
			}
			return fmt.Errorf("hot: read: %w", err)
		}
		if err := w.project(records); err != nil {
			return err
		}
		w.finished = w.reader.Progress().Offset
		if err := w.checkpoint(); err != nil {
			return err
		}
	}
}

// next waits for records, but not longer than until the next checkpoint is due.
func (w *worker) next(cursor eventlog.Cursor) ([]eventlog.Record, error) {
	ctx, cancel := context.WithTimeout(w.reading, w.opts.CommitEvery)
	defer cancel()
	records, err := cursor.Next(ctx)
	if err != nil && w.reading.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return records, err
}

func (w *worker) open() (eventlog.Cursor, error) {
	var cursor eventlog.Cursor
	var outside error
	err := w.patiently("open a cursor", func() (err error) {
		cursor, err = w.opts.Log.Read(w.ctx, eventlog.Events, w.partition, w.reader.Progress().Offset)
		if errors.Is(err, eventlog.ErrTrimmed) || errors.Is(err, eventlog.ErrBeyond) {
			outside = err
			return nil
		}
		return err
	})
	if err == nil && outside != nil {
		err = fmt.Errorf("hot: events from %d: %w", w.reader.Progress().Offset, outside)
	}
	return cursor, err
}

// becomeWhole says that the view is whole, once what the log held at first is applied.
func (w *worker) becomeWhole(end int64) error {
	if w.whole.Load() || w.reader.Progress().Offset < end {
		return nil
	}
	if err := w.patiently("declare the view whole", func() error {
		return w.opts.Store.SetView(w.ctx, w.partition, ViewState{ID: w.view, Whole: true})
	}); err != nil {
		return err
	}
	w.whole.Store(true)
	w.log.Info("the view is whole", "offset", end)
	w.commitOrSay()
	return nil
}

// checkpoint commits and makes sure, once in a while, that the view is still there.
func (w *worker) checkpoint() error {
	if time.Since(w.commits) < w.opts.CommitEvery {
		return nil
	}
	w.commits = time.Now()
	if v, err := w.opts.Store.View(w.ctx, w.partition); err == nil && (v.ID != w.view || v.Lost) {
		if v.ID > w.view {
			return fmt.Errorf("%w: %s after %s", ErrSuperseded, v.ID, w.view)
		}
		return errViewGone
	}
	if _, end, err := w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition); err == nil {
		w.opts.Metrics.behind.WithLabelValues(w.label).Set(float64(max(0, end-w.reader.Progress().Offset)))
	}
	w.commitOrSay()
	return nil
}

// commitOrSay commits a whole view's progress. A commit that fails costs no more than
// a repeat: the next one is soon, and a claim that begins earlier changes nothing.
func (w *worker) commitOrSay() {
	if err := w.commit(w.ctx); err != nil && w.ctx.Err() == nil {
		w.opts.Metrics.commits.Inc()
		w.log.Warn("commit failed", "error", err)
	}
}

func (w *worker) commit(ctx context.Context) error {
	if !w.whole.Load() {
		return nil
	}
	p := w.reader.Progress()
	if err := w.projector.membership.Commit(ctx, w.partition, p.Offset, w.view+" "+p.String()); err != nil {
		return fmt.Errorf("hot: commit: %w", err)
	}
	return nil
}

// patiently tries again until it works, the worker ends, or it is no outage.
func (w *worker) patiently(what string, try func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := try()
		if err == nil || errors.Is(err, ErrGap) || errors.Is(err, ErrSuperseded) {
			return err
		}
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		w.opts.Metrics.outages.Inc()
		w.log.Warn("cannot "+what+"; trying again", "retry_in", wait, "error", err)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-w.ctx.Done():
			t.Stop()
			return w.ctx.Err()
		}
	}
}
