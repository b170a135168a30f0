package follow

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

// worker follows one partition: read, hand over, commit.
type worker struct {
	follower  *Follower
	opts      Options
	partition int32
	label     string
	log       *slog.Logger
	claim     eventlog.Claim

	ctx    context.Context
	cancel context.CancelFunc
	// reading ends first when draining: what was read is still finished.
	reading context.Context
	noMore  context.CancelFunc
	done    chan struct{}

	// begun is set once it knows where it reads on.
	begun  atomic.Bool
	reader events.Reader
	// keeper is the handler if it is one, and marks the progress before each batch that it may not have finished, ascending.
	keeper Keeper
	marks  []events.Progress
	// committed is the last progress that was, and commits when the last commit was tried.
	committed events.Progress
	commits   time.Time
	// trouble is the last that there was, told by the next commit.
	trouble Trouble
	told    bool
}

func newWorker(f *Follower, c eventlog.Claim) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	reading, noMore := context.WithCancel(ctx)
	keeper, _ := f.opts.Handler.(Keeper)
	return &worker{
		keeper:   keeper,
		follower: f, opts: f.opts, partition: c.Partition, label: strconv.Itoa(int(c.Partition)), claim: c,
		log: f.opts.Logger.With("role", f.opts.Role, "partition", c.Partition),
		ctx: ctx, cancel: cancel, reading: reading, noMore: noMore, done: make(chan struct{}),
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
	defer w.opts.Metrics.seconds.DeleteLabelValues(w.label)
	if w.keeper != nil {
		// Behind the cancelling, so it waits for nothing where the worker failed or was stopped.
		defer w.keeper.Finish(w.ctx, w.partition)
	}
	defer w.cancel()
	if err := w.work(); err != nil && w.ctx.Err() == nil {
		w.log.Error("stopped", "error", err)
		w.follower.crew.Fail(w.partition, err)
	}
}

func (w *worker) work() error {
	last, drained, err := w.beginning()
	if err != nil || drained {
		return err
	}
	w.reader, w.committed, w.trouble, w.told = events.NewReader(last.Progress), last.Progress, last.Trouble, true
	cursor, err := w.open(last.Progress.Offset)
	if err != nil {
		return err
	}
	defer cursor.Close()
	w.begun.Store(true)
	for {
		records, drained, err := w.gather(cursor)
		if err != nil {
			return err
		}
		if err := w.handle(records); err != nil {
			return err
		}
		switch {
		case drained && w.keeper != nil:
			w.commit(w.before(w.keeper.Finish(w.ctx, w.partition)))
		case drained || time.Since(w.commits) >= w.opts.CommitEvery:
			w.commit(w.finished())
		}
		if drained {
			return nil
		}
	}
}

func (w *worker) open(from int64) (cursor eventlog.Cursor, err error) {
	var outside error
	err = w.patiently("open a cursor", func() (err error) {
		cursor, err = w.opts.Log.Read(w.ctx, eventlog.Events, w.partition, from)
		if errors.Is(err, eventlog.ErrTrimmed) || errors.Is(err, eventlog.ErrBeyond) {
			outside = err
			return nil
		}
		return err
	})
	if err == nil && outside != nil {
		err = fmt.Errorf("follow: events from %d: %w", from, outside)
	}
	return cursor, err
}

// gather waits for records, but not longer than until the next commit is due, and for what comes
// close behind them. It says when there is no more to be read.
func (w *worker) gather(cursor eventlog.Cursor) (records []eventlog.Record, drained bool, err error) {
	records, drained, err = w.next(cursor, w.opts.CommitEvery)
	if w.opts.Gather.Wait <= 0 || len(records) == 0 {
		return records, drained, err
	}
	until, share, size := time.Now().Add(w.opts.Gather.Wait), w.follower.share(), bytesOf(records)
	for err == nil && !drained && size < share {
		left := time.Until(until)
		if left <= 0 {
			break
		}
		var more []eventlog.Record
		more, drained, err = w.next(cursor, left)
		records, size = append(records, more...), size+bytesOf(more)
	}
	return records, drained, err
}

func bytesOf(records []eventlog.Record) (n int) {
	for i := range records {
		n += len(records[i].Key) + len(records[i].Value)
	}
	return n
}

// next waits for records, for so long at most. It says when there is no more to be read.
func (w *worker) next(cursor eventlog.Cursor, wait time.Duration) (records []eventlog.Record, drained bool, err error) {
	ctx, cancel := context.WithTimeout(w.reading, wait)
	defer cancel()
	records, err = cursor.Next(ctx)
	switch {
	case err == nil:
		return records, false, nil
	case w.reading.Err() != nil && w.ctx.Err() == nil:
		return nil, true, nil
	case w.reading.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("follow: read: %w", err)
}

// handle hands the outcomes over that count.
func (w *worker) handle(records []eventlog.Record) error {
	var outcomes []Outcome
	before := w.reader.Progress()
	for i := range records {
		rec := &records[i]
		verdict, stamp, err := w.reader.Read(rec.Offset, rec.Record)
		if verdict == 0 {
			return fmt.Errorf("follow: %w", err)
		}
		w.opts.Metrics.records.WithLabelValues(verdict.String()).Inc()
		if verdict != events.Counted {
			continue
		}
		o, err := events.DecodeOutcome(rec.Record)
		if err != nil {
			w.opts.Metrics.unreadable.Inc()
			w.log.Error("an outcome cannot be read, and is passed over", "offset", rec.Offset, "error", err)
			o = events.Outcome{Session: events.SessionID(rec.Key), Time: w.reader.Progress().Time}
		}
		outcomes = append(outcomes, Outcome{Outcome: o, Err: err, Offset: rec.Offset, Stamp: stamp, Record: rec.Record})
	}
	if len(outcomes) == 0 {
		return nil
	}
	if w.keeper != nil {
		w.mark(before)
	}
	return w.patiently("do what outcomes ask for", func() error { return w.opts.Handler.Handle(w.ctx, w.partition, outcomes) })
}

// commit notes that all before p is done. One that fails costs no more than a repeat: the next one
// is soon.
func (w *worker) commit(p events.Progress) {
	w.commits = time.Now()
	w.measure(p)
	if p.Offset == w.committed.Offset && w.told {
		return
	}
	if err := w.follower.membership.Commit(w.ctx, w.partition, p.Offset, Commit{p, w.trouble}.String()); err != nil {
		if w.ctx.Err() == nil {
			w.log.Warn("commit failed", "error", err)
		}
		return
	}
	w.committed, w.told = p, true
}

// measure tells how many records there are behind the progress, all before it being dealt with.
func (w *worker) measure(p events.Progress) {
	_, end, err := w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition)
	if err != nil {
		return
	}
	w.opts.Metrics.behind.WithLabelValues(w.label).Set(float64(max(0, end-p.Offset)))
	seconds := 0.0
	if end > p.Offset {
		seconds = max(0, time.Since(time.UnixMilli(int64(p.Time))).Seconds())
	}
	w.opts.Metrics.seconds.WithLabelValues(w.label).Set(seconds)
	if watcher, ok := w.opts.Handler.(Watcher); ok {
		watcher.Reached(w.partition, p, end)
	}
}

// tellTrouble commits, once in a while, that nothing goes on and why, for whoever looks on from outside.
func (w *worker) tellTrouble(trouble Trouble) {
	w.trouble, w.told = trouble, false
	if time.Since(w.commits) < tellEvery {
		return
	}
	w.commits = time.Now()
	if w.follower.membership.Commit(w.ctx, w.partition, w.committed.Offset, Commit{w.committed, w.trouble}.String()) == nil {
		w.told = true
	}
}

// tellEvery is how often it commits while it waits.
const tellEvery = 5 * time.Second

// mostWait is how long it waits at most before it tries again.
const mostWait = time.Second

// patiently tries again until it works or the worker ends. It says when that is over.
func (w *worker) patiently(what string, try func() error) error {
	var since time.Time
	err := Patiently(w.ctx, mostWait, try, func(err error, wait time.Duration) {
		if since.IsZero() {
			since = time.Now()
		}
		w.opts.Metrics.retries.Inc()
		w.measure(w.committed) // nothing since is sure to be dealt with
		if w.opts.TellTrouble {
			w.tellTrouble(Trouble{At: events.Millis(time.Now().UnixMilli()), What: "cannot " + what + ": " + err.Error()})
		}
		w.log.Warn("cannot "+what+"; trying again", "retry_in", wait, "error", err)
	})
	if err == nil && !since.IsZero() {
		w.log.Info("could "+what+" again", "seconds", int(time.Since(since).Seconds()))
	}
	return err
}
