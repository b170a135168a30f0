package hot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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
	// wholeAt is since when it is.
	wholeAt time.Time

	// told is the offset below which everything was told before.
	told int64
	// applied is how far everything was applied, and told.
	applied events.Progress
	// quarantined is the offset below which poison was put aside.
	quarantined int64
	claim       eventlog.Claim
	view        string
	// life is the store's that the view is, or is to be, whole in (Store.Run); reached is
	// how far it was declared to be.
	life    string
	reached int64
	// sure is how far everything was applied when the store was last seen to be as it was
	// left. shaken: a call failed since then, so what was applied behind it may have gone to
	// a store that took over, and is gone again with it.
	sure   events.Progress
	shaken atomic.Bool
	// building: what is read comes from the log's start.
	building bool
	// silent: what is read was told before and is not told again, so that nobody hears what
	// became of it until the view is whole.
	silent  bool
	reader  events.Reader
	commits time.Time
	// changed was told and is not noted yet.
	changed Changed
	// older is the progress of Recall ago at least. It takes the place of younger, noted
	// at youngerAt, when that is as old.
	older, younger events.Progress
	youngerAt      time.Time

	// underWay is work beside the view, nil for none; when it is looked after next, and how long it waits
	// after a failure.
	underWay *underWay
	// wake ends the present wait for records.
	wake     atomic.Pointer[context.CancelFunc]
	nextTend time.Time
	jobWait  time.Duration
	// at is the offset of applied, and rounds how many were written, for that work.
	at, rounds atomic.Int64
	// besideView is the id of what this worker builds, or built, beside the view; besideLost: it can't be gone on with.
	besideView string
	besideLost atomic.Bool
	// left is under which id the other side may hold sessions that are not read any more, empty while something is built there.
	left string
}

func newWorker(p *Projector, c eventlog.Claim) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	reading, noMore := context.WithCancel(ctx)
	return &worker{
		projector: p, opts: p.opts, partition: c.Partition, label: strconv.Itoa(int(c.Partition)), claim: c,
		log: p.opts.Logger.With("role", "hot", "partition", c.Partition),
		ctx: ctx, cancel: cancel, reading: reading, noMore: noMore, done: make(chan struct{}),
		told: max(c.Offset, 0), view: newestView(c.Metadata), changed: NewChanged(),
	}
}

func (w *worker) Stop() {
	w.cancel()
	<-w.done
}

func (w *worker) Drain(ctx context.Context) {
	w.noMore()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.log.Warn("drain cut short", "error", ctx.Err())
		w.Stop()
	}
}

func (w *worker) Run() {
	defer close(w.done)
	defer w.opts.Metrics.behind.DeleteLabelValues(w.label)
	defer w.cancel()
	err := w.work()
	if err != nil && w.ctx.Err() == nil {
		w.log.Error("stopped", "error", err)
		w.projector.crew.Fail(w.partition, err)
	}
}

// errViewGone: the store no longer has our view: it was emptied or replaced.
var errViewGone = errors.New("hot: the store lost the view")

// errOutage: the store was away, and looks as it was left; yet another may have stood in
// for it meanwhile.
var errOutage = errors.New("hot: the store was away")

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
	defer w.stopJob()
	if w.building || end-w.reader.Progress().Offset > int64(w.opts.MaxRound) {
		if drained, err := w.catchUp(cursor, end); err != nil || drained {
			return err
		}
	}
	for {
		if err := w.becomeWhole(end); err != nil {
			return err
		}
		records, drained, err := w.next(cursor)
		if err != nil || drained {
			return err
		}
		if err := w.project(records); err != nil {
			return err
		}
		w.applied = w.reader.Progress()
		w.at.Store(w.applied.Offset)
		if err := w.checkpoint(); err != nil {
			return err
		}
		if err := w.tend(); err != nil {
			return err
		}
	}
}

// next waits for records, but not longer than until the next checkpoint is due or work beside the view is done. It says
// when there is no more to be read.
func (w *worker) next(cursor eventlog.Cursor) (records []eventlog.Record, drained bool, err error) {
	ctx, cancel := context.WithTimeout(w.reading, w.opts.CommitEvery)
	defer cancel()
	w.wake.Store(&cancel)
	records, err = cursor.Next(ctx)
	switch {
	case err == nil:
		return records, false, nil
	case w.reading.Err() != nil && w.ctx.Err() == nil:
		return nil, true, nil
	case w.reading.Err() == nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("hot: read: %w", err)
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
	if w.shaken.Load() {
		return errOutage
	}
	// First this: whoever dies in between leaves a view that is not whole, or older than its
	// commit, and the next worker comes by here.
	if err := w.noteAll(); err != nil {
		return err
	}
	if err := w.patiently("declare the view whole", w.declare); err != nil {
		return err
	}
	if w.building {
		w.building = false
		w.younger, w.youngerAt = w.reader.Progress(), time.Now()
	}
	w.isWhole()
	w.log.Info("the view is whole", "offset", end)
	return w.commitOrSay()
}

// noteAll has everybody look at all of the partition, after recovering in silence.
func (w *worker) noteAll() error {
	if !w.silent {
		return nil
	}
	err := w.patiently("note that the view is whole again", func() error {
		return w.opts.Store.Note(w.ctx, w.partition, Changed{All: true})
	})
	w.silent = w.silent && err != nil
	return err
}

func (w *worker) isWhole() {
	w.whole.Store(true)
	w.wholeAt = time.Now()
}

// declare says that the view is whole up to here.
func (w *worker) declare() error {
	p := w.reader.Progress()
	err := w.opts.Store.SetView(w.ctx, w.partition, ViewState{ID: w.view, Whole: true, Run: w.life, Reached: p.Offset})
	if err == nil {
		w.reached = p.Offset
	}
	return w.shakenBy(err)
}

// shakenBy notes that a call to the store failed.
func (w *worker) shakenBy(err error) error {
	if err != nil && lossOf(err) == "" {
		w.shaken.Store(true)
	}
	return err
}

// checkpoint commits and makes sure, once in a while, that the view is still there.
func (w *worker) checkpoint() error {
	if time.Since(w.commits) < w.opts.CommitEvery {
		return nil
	}
	w.commits = time.Now()
	if err := w.stillThere(); err != nil {
		return err
	}
	if !w.shaken.Load() {
		w.sure = w.applied
	}
	if _, end, err := w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition); err == nil {
		w.opts.Metrics.behind.WithLabelValues(w.label).Set(float64(max(0, end-w.reader.Progress().Offset)))
	}
	return w.commitOrSay()
}

// stillThere is an error when the view is not as this worker left it; nil during an outage.
func (w *worker) stillThere() error {
	run, err := w.opts.Store.Run(w.ctx)
	if w.shakenBy(err) != nil {
		return nil
	}
	v, err := w.opts.Store.View(w.ctx, w.partition)
	switch {
	case w.shakenBy(err) != nil:
		return nil
	case v.ID > w.view:
		return fmt.Errorf("%w: %s after %s", ErrSuperseded, v.ID, w.view)
	case v.ID != w.view || v.Lost:
		return errViewGone
	case run != w.life, w.whole.Load() && (v.Run != run || v.Reached < w.reached):
		return ErrMoved
	case w.shaken.Load():
		return errOutage
	}
	return nil
}

// commitOrSay notes what changed and commits a whole view's progress. A commit that fails
// costs no more than a repeat: the next one is soon, and a claim that begins earlier changes nothing. An
// error says that the view is not there as it was.
func (w *worker) commitOrSay() error {
	err := w.commit()
	switch {
	case errors.Is(err, ErrGap):
		return errViewGone
	case errors.Is(err, ErrSuperseded), errors.Is(err, ErrMoved):
		return err
	case err != nil && w.ctx.Err() == nil:
		w.opts.Metrics.commits.Inc()
		w.log.Warn("commit failed", "error", err)
	}
	return nil
}

// commit notes how far the view reaches, there and then in the log: so a view that
// reaches less far than a commit says is an older copy. What a commit covers is told,
// and noted, by nobody else.
func (w *worker) commit() error {
	if err := w.note(); err != nil {
		return err
	}
	if w.building {
		return w.commitBuilding()
	}
	if !w.whole.Load() || w.shaken.Load() {
		return nil
	}
	if err := w.declare(); err != nil {
		return err
	}
	p := w.reader.Progress()
	older, younger, at := w.older, w.younger, w.youngerAt
	if now := time.Now(); now.Sub(at) >= w.opts.Recall {
		older, younger, at = younger, p, now
	}
	text := mark{view: w.view, life: w.life, progress: p, older: older}.String()
	if err := w.projector.membership.Commit(w.ctx, w.partition, p.Offset, text); err != nil {
		return fmt.Errorf("hot: commit: %w", err)
	}
	w.older, w.younger, w.youngerAt = older, younger, at
	return nil
}

// commitBuilding tells whoever looks on how far a view is that is built in place. As to what was told it repeats claimView's commit.
func (w *worker) commitBuilding() error {
	if err := w.projector.membership.Commit(w.ctx, w.partition, w.told, buildingMark(w.view, w.applied.Offset)); err != nil {
		return fmt.Errorf("hot: commit how far the building is: %w", err)
	}
	return nil
}

// maxRetryWait is the longest wait for a store that is away: what it adds to an outage.
const maxRetryWait = 500 * time.Millisecond

// patiently tries again until it works, the worker ends, or it is no outage. It says when that is over.
func (w *worker) patiently(what string, try func() error) error {
	var since time.Time
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, maxRetryWait) {
		err := try()
		if !since.IsZero() && err == nil {
			w.log.Info("could "+what+" again", "seconds", int(time.Since(since).Seconds()))
		}
		if err == nil || lossOf(err) != "" {
			return err
		}
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		if since.IsZero() {
			since = time.Now()
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
