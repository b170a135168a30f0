package hot

import (
	"context"
	"errors"
	"time"
)

// job is long work on a whole view that goes on beside the worker's own, one at a time.
type job interface {
	// run does it, up to where the worker has to pause for the rest.
	run(ctx context.Context) error
	// finish does the rest, between two rounds of the worker.
	finish() error
	// give gives back what it holds.
	give()
}

// underWay is a job that runs.
type underWay struct {
	job    job
	cancel context.CancelFunc
	done   chan error
}

// errNotNow: a job could not be finished now; it goes on and is tried again.
var errNotNow = errors.New("hot: not now")

// Waits after a job that failed.
const (
	minJobWait = 500 * time.Millisecond
	maxJobWait = 30 * time.Second
)

// tend looks after long work, between two rounds. An error is one of the view that is read.
func (w *worker) tend() error {
	if w.underWay != nil {
		select {
		case err := <-w.underWay.done:
			return w.jobDone(w.underWay.job, err)
		default:
			return nil
		}
	}
	if now := time.Now(); !w.whole.Load() || now.Before(w.nextTend) {
		return nil
	}
	w.nextTend = time.Now().Add(w.opts.CommitEvery)
	r, err := w.opts.Store.Rebuild(w.ctx, w.partition)
	if w.shakenBy(err) != nil {
		return nil
	}
	switch {
	case r.Asked != "" && r.Session != "":
		w.launchJob(&renewal{w: w, view: w.view, session: r.Session, request: r.Asked}, 0)
	case r.Asked != "":
		w.launchJob(newBuilder(w, r), 0)
	case r.Left != "":
		w.left = r.Left
		w.launchJob(&cleaner{w: w, upTo: r.Left, until: w.applied.Offset}, 0)
	}
	return nil
}

// notNowWait is how long a job that may not be finished yet leaves the worker to its reading.
const notNowWait = 50 * time.Millisecond

// launchJob runs a job after a wait, beside the worker.
func (w *worker) launchJob(j job, after time.Duration) {
	ctx, cancel := context.WithCancel(w.reading)
	u := &underWay{job: j, cancel: cancel, done: make(chan error, 1)}
	w.underWay = u
	w.at.Store(w.applied.Offset)
	go func() {
		if after > 0 {
			pause(ctx, after)
		}
		u.done <- j.run(ctx)
		(*w.wake.Load())()
	}()
}

// jobDone finishes a job that came as far as it could by itself. One that failed is begun again after a while, from what is noted
// of it; one that may not be finished yet goes on.
func (w *worker) jobDone(j job, err error) error {
	w.underWay.cancel()
	w.underWay = nil
	if err == nil {
		err = j.finish()
	}
	switch {
	case err == nil:
		w.jobWait = 0
	case errors.Is(err, errNotNow):
		w.launchJob(j, notNowWait)
		return nil
	case w.reading.Err() == nil:
		w.jobWait = min(max(2*w.jobWait, minJobWait), maxJobWait)
		w.nextTend = time.Now().Add(w.jobWait)
		w.opts.Metrics.jobs.Inc()
		w.log.Warn("work beside the view failed; it is taken up again", "again_in", w.jobWait, "error", err)
	}
	j.give()
	return w.viewLost(err)
}

// viewLost is the error if it says that the view that is read is not as it was left.
func (w *worker) viewLost(err error) error {
	if _, is := errors.AsType[*lostError](err); is {
		return err
	}
	return nil
}

// lostError is about the view that is read, not about what is built beside it.
type lostError struct{ error }

func (e *lostError) Unwrap() error { return e.error }

// stopJob ends the job under way; what is noted of it stays.
func (w *worker) stopJob() {
	if w.underWay == nil {
		return
	}
	w.underWay.cancel()
	if err := <-w.underWay.done; err != nil {
		w.log.Debug("work beside the view was stopped", "error", err)
	}
	w.underWay.job.give()
	w.underWay = nil
}

// leaseTime is for how long somebody may swap: less than a member of the group keeps its partitions without a heartbeat after a
// commit that succeeded, so that nobody else has the partition before it is over.
const leaseTime = 2 * time.Second

// leased has do called within a lease. The worker's commit within the same lease proves that the partition is ours. do is repeated
// when its answer was lost: until the lease is over nobody can tell whether it was done.
func (w *worker) leased(lease func() (time.Time, error), do func(lease time.Time) error) error {
	if w.shaken.Load() {
		return errNotNow
	}
	until, err := lease()
	if w.shakenBy(err) != nil {
		return errNotNow
	}
	if err := w.commit(); err != nil {
		if lossOf(err) != "" {
			return &lostError{w.asLoss(err)}
		}
		return errNotNow
	}
	var refused error
	err = w.patiently("swap", func() error {
		err := do(until)
		if errors.Is(err, ErrLate) || errors.Is(err, ErrBehind) {
			refused = err
			return nil
		}
		return w.shakenBy(err)
	})
	if err == nil && refused != nil {
		w.log.Debug("not swapped", "why", refused)
		return errNotNow
	}
	return err
}

// asLoss is what an answer of the store about the view means.
func (w *worker) asLoss(err error) error {
	if errors.Is(err, ErrGap) {
		return errViewGone
	}
	return err
}
