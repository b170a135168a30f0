package hot

import (
	"errors"
	"fmt"
	"time"

	"annal/pkg/events"
)

// way is how to go on with what the store has.
type way uint8

const (
	// goOn: the view is as the last commit left it.
	goOn way = iota + 1
	// replay: the store may have fallen back to an older copy of the view. What was
	// applied lately is applied again, which changes nothing where it is there.
	replay
	// again: what was applied since the store was last seen to be as it was left may be lost.
	again
	// build: the view is made anew from the log's start.
	build
)

// work takes up the view and follows the log, again and again when the view was lost.
func (w *worker) work() error {
	how, reason, err := w.resume()
	for losses := 0; ; {
		if err == nil {
			var ours bool
			if ours, err = w.start(how, reason); err == nil && !ours {
				return nil
			}
		}
		if err == nil {
			err = w.follow()
		}
		if err == nil {
			if w.stillThere() == nil {
				_ = w.commitOrSay() // What is not there as it was, the next claim finds out.
			}
			return nil
		}
		if reason = lossOf(err); reason == "" {
			return err
		}
		if reason != "outage" {
			losses = w.setbacks(losses)
		}
		w.log.Warn("the view is not as it was left", "reason", reason, "error", err)
		w.whole.Store(false)
		// What was applied was told; it is not told again.
		w.told = max(w.told, w.applied.Offset)
		var ours bool
		if how, reason, ours, err = w.afterLoss(reason, losses); err != nil || !ours {
			return err
		}
	}
}

// lossOf is a word for how the view was lost; empty when it was not.
func lossOf(err error) string {
	switch {
	case errors.Is(err, ErrGap):
		return "gap"
	case errors.Is(err, errViewGone):
		return "view_gone"
	case errors.Is(err, ErrSuperseded):
		return "superseded"
	case errors.Is(err, ErrMoved):
		return "moved"
	case errors.Is(err, errOutage):
		return "outage"
	}
	return ""
}

// Waits between recoveries, so that what keeps going wrong, or two builders that don't
// know of each other yet, do not chase each other.
const (
	minRebuildWait = 100 * time.Millisecond
	maxRebuildWait = 30 * time.Second
)

// setbacks is how many losses the waits grow with: not with those to who empties the
// store, since nobody chases us there and readers have nothing meanwhile, nor with those
// before a view that was whole for long.
func (w *worker) setbacks(losses int) int {
	if w.whole.Load() && time.Since(w.wholeAt) > maxRebuildWait {
		losses = 0
	}
	if v, err := w.opts.Store.View(w.ctx, w.partition); err == nil && v.ID == "" {
		return losses
	}
	return losses + 1
}

// afterLoss waits a while and finds how to go on; not ours when the partition was given away.
func (w *worker) afterLoss(reason string, losses int) (how way, why string, ours bool, err error) {
	select {
	case <-time.After(min(minRebuildWait<<min(max(losses-1, 0), 10), maxRebuildWait)):
	case <-w.reading.Done():
		return 0, "", false, nil
	}
	if reason == "outage" {
		return again, "", true, nil
	}
	// A gap in a store that was just failed over may be the copy's.
	if (reason == "gap" || reason == "moved") && !w.building {
		last, shaken := w.life, w.shaken.Load()
		how, why, err := w.look()
		switch {
		case err != nil:
			return 0, "", false, err
		case how == build:
			reason = why
		case reason == "moved" || w.life != last:
			return replay, "", true, nil
		case how == goOn && shaken:
			return again, "", true, nil
		}
	}
	return build, reason, true, nil
}

// resume takes up what the commit says, and finds how to go on.
func (w *worker) resume() (how way, reason string, err error) {
	if w.claim.Offset < 0 {
		return build, "first", nil
	}
	m, err := parseMark(w.claim.Metadata)
	switch {
	case errors.Is(err, errUnfinished):
		return build, "unfinished", nil
	case errors.Is(err, errOtherForm):
		return build, "other_form", nil
	case err != nil || m.progress.Offset != w.claim.Offset:
		w.log.Warn("the commit says nothing of a view", "error", err)
		return build, "commit_unreadable", nil
	}
	w.view, w.life, w.reader = m.view, m.life, events.NewReader(m.progress)
	w.older, w.younger, w.youngerAt = m.older, m.progress, time.Now()
	w.reached = m.progress.Offset
	return w.look()
}

// look finds how to go on with a view that this worker, or the one before, left whole.
// w.life is the store's present one afterwards.
func (w *worker) look() (how way, reason string, err error) {
	var run string
	var v ViewState
	if err := w.patiently("read the view's state", func() (err error) {
		if run, err = w.opts.Store.Run(w.ctx); err == nil {
			v, err = w.opts.Store.View(w.ctx, w.partition)
		}
		return err
	}); err != nil {
		return 0, "", err
	}
	if v.ID != w.view {
		if err := w.swappedMeanwhile(v); err != nil {
			return 0, "", err
		}
	}
	same := run == w.life && v.Run == run && v.Reached >= w.reached
	w.life = run
	switch {
	case v.ID != w.view || !v.Whole || v.Lost:
		return build, "view_gone", nil
	case same:
		return goOn, "", nil
	case v.Reached < w.older.Offset:
		return build, "copy_too_old", nil
	}
	return replay, "", nil
}

// swappedMeanwhile takes up a view that took the place of ours before anybody could commit that.
func (w *worker) swappedMeanwhile(v ViewState) error {
	r, err := w.rebuild()
	if err == nil && r.From == w.view && v.Whole {
		w.log.Info("the view was swapped for the one built beside it", "view", v.ID, "before", w.view)
		w.view, w.older, w.younger = v.ID, events.Start(), events.Start()
	}
	return err
}

// rebuild reads what was asked of the view.
func (w *worker) rebuild() (r Rebuild, err error) {
	err = w.patiently("read what is built beside the view", func() (err error) {
		r, err = w.opts.Store.Rebuild(w.ctx, w.partition)
		return err
	})
	return r, err
}

// start makes ready to follow; not ours when the partition is to be given back first.
func (w *worker) start(how way, reason string) (ours bool, err error) {
	defer func() { w.applied, w.sure = w.reader.Progress(), w.reader.Progress() }()
	if how != build {
		r, err := w.rebuild()
		if err != nil {
			return true, err
		}
		if w.left = r.Left; r.Beside != "" {
			w.left = "" // it is being built there
		}
	}
	switch how {
	case goOn:
		w.isWhole()
		w.log.Info("resumed", "offset", w.reader.Progress().Offset, "view", w.view)
	case replay:
		w.opts.Metrics.replays.Inc()
		w.shaken.Store(false)
		w.silent = true
		w.reader, w.reached = events.NewReader(w.older), 0
		w.log.Warn("replaying what the store may have lost", "offset", w.older.Offset, "view", w.view)
	case again:
		w.opts.Metrics.replays.Inc()
		w.shaken.Store(false)
		if !w.silent {
			// It is little, and who hears it a second time knows it.
			w.told = min(w.told, w.sure.Offset)
		}
		w.reader, w.reached = events.NewReader(w.sure), 0
		w.log.Info("applying again what the outage may have cost", "offset", w.sure.Offset, "view", w.view)
	case build:
		return w.begin(reason)
	}
	return true, nil
}

// begin opens a new view and goes back to the log's start; not ours when the partition is
// to be given back before that.
func (w *worker) begin(reason string) (ours bool, err error) {
	w.opts.Metrics.rebuilds.WithLabelValues(reason).Inc()
	if err := w.patiently("learn which view there is", func() error {
		old, err := w.opts.Store.View(w.ctx, w.partition)
		if err != nil {
			return err
		}
		if w.life, err = w.opts.Store.Run(w.ctx); err != nil {
			return err
		}
		r, err := w.opts.Store.Rebuild(w.ctx, w.partition)
		if err != nil {
			return err
		}
		last := max(old.ID, w.view)
		w.view = OnSide(w.opts.NewViewID(max(last, r.Beside, r.Left, w.besideView)), Side(last))
		if !printable(w.view, maxViewID) || !printable(w.life, MaxRun) {
			return fmt.Errorf("hot: view %q in life %q can't be committed", w.view, w.life)
		}
		return nil
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
	w.building, w.silent = true, true
	w.left = ""
	w.shaken.Store(false)
	w.reader, w.reached = events.NewReader(events.Start()), 0
	// A copy may be from the middle of the building.
	w.older, w.younger = events.Start(), events.Start()
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
		return w.projector.membership.Commit(w.ctx, w.partition, max(w.told, w.applied.Offset), buildingMark(w.view, 0))
	})
	return ours, err
}
