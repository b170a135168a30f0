package sequencer

import (
	"context"
	"fmt"
	"time"

	"annal/pkg/eventlog"
)

// turn fences, decides until the turn is lost or drained, and says whether the
// worker's time is over. An error is fatal.
func (w *worker) turn() (ended bool, err error) {
	if err := w.catchUp(); err != nil {
		return true, err
	}
	fence, err := w.machine.Fence(w.role.turnRandom())
	if err != nil {
		return true, err
	}
	w.appendLater(fence)
	for w.machine.State() == Fencing {
		if err := w.hear(nil, nil); err != nil {
			return true, err
		}
	}
	if w.machine.State() != Deciding {
		return false, nil
	}
	if err := w.openCommands(); err != nil {
		return true, err
	}
	defer w.closeCommands()
	defer w.takeCheckpoints()()
	w.role.opts.Metrics.started.Inc()
	w.role.opts.Metrics.state.WithLabelValues(w.label).Set(1)
	w.deciding.Store(true)
	w.log.Info("deciding", "owner", w.machine.Owner(), "after_command", w.machine.Last())
	return w.decideUntilLost()
}

// catchUp reads the events to the end there is now.
func (w *worker) catchUp() error {
	began := time.Now()
	_, end, err := w.bounds(eventlog.Events)
	if err != nil {
		return err
	}
	if err := w.readUpTo(end); err != nil {
		return err
	}
	for w.machine.Progress().Offset < end {
		if err := w.hear(nil, nil); err != nil {
			return err
		}
		if w.drained.Err() != nil {
			return errDrained
		}
	}
	w.role.opts.Metrics.restore.Observe(time.Since(began).Seconds())
	return nil
}

// openCommands begins after the last counted command. What was trimmed below that was
// decided; a gap above it means undecided commands are gone, and nobody may go on.
func (w *worker) openCommands() error {
	start, end, err := w.bounds(eventlog.Commands)
	if err != nil {
		return err
	}
	last := w.machine.Last()
	from := last + 1
	switch {
	case last < 0:
		from = start // nothing was ever decided here, so nothing is missing that was seen
	case from < start:
		return fmt.Errorf("sequencer: commands %d to %d were trimmed before they were decided: %w", from, start-1, eventlog.ErrTrimmed)
	case from > end:
		return fmt.Errorf("sequencer: command %d was decided, but the commands end at %d; they are another log's: %w", last, end, eventlog.ErrBeyond)
	}
	cursor, err := w.openCursor(eventlog.Commands, from)
	if err != nil {
		return fmt.Errorf("sequencer: commands from %d: %w", from, err)
	}
	w.commands = newPump(w.ctx, cursor)
	return nil
}

// takeCheckpoints begins to, and gives what ends it.
func (w *worker) takeCheckpoints() (end func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	o := w.role.opts
	c := &checkpointer{
		log: o.Log, store: w.store, partition: w.partition, source: o.Source, owner: w.machine.Owner(), since: w.machine.Progress().Offset,
		metrics: o.Metrics, logger: w.log, turns: w.role.checkpoints,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx, o.CheckpointEvery, o.CheckpointEvents)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (w *worker) closeCommands() {
	w.commands.close()
	w.commands, w.pending = nil, nil
}

func (w *worker) decideUntilLost() (ended bool, err error) {
	ticker := time.NewTicker(w.role.opts.CommitEvery)
	defer ticker.Stop()
	for {
		// What came back first: it frees room, and tells of a lost turn soonest.
		select {
		case batch := <-w.read():
			if err := w.heard(batch); err != nil {
				return true, err
			}
		case <-w.answered:
			if err := w.heardAnswers(); err != nil {
				return true, err
			}
		default:
			var commands <-chan batch
			if w.drained.Err() == nil && len(w.pending) == 0 && w.hasRoom() {
				commands = w.commands.batches
			}
			if err := w.hear(commands, ticker.C); err != nil {
				return true, err
			}
		}
		if w.machine.State() != Deciding {
			return false, nil
		}
		if w.machine.Progress().Offset >= w.known {
			w.stopReading()
		}
		if w.drained.Err() != nil {
			if n, _ := w.machine.InFlight(); n == 0 {
				w.commitLast()
				return true, nil
			}
			continue
		}
		if err := w.decidePending(); err != nil {
			return true, err
		}
	}
}

// commitLast commits what was drained. Whoever comes next reads the log, so a failure
// costs nothing but accuracy of the group's lag.
func (w *worker) commitLast() {
	if err := w.commit(); err != nil && w.ctx.Err() == nil {
		w.log.Warn("commit failed", "error", err)
	}
}

func (w *worker) hasRoom() bool {
	n, bytes := w.machine.InFlight()
	return n < w.role.opts.MaxInFlight && bytes < w.role.opts.MaxInFlightBytes
}

// hear waits for the next thing to happen and hands it to the machine. commands and
// tick may be nil.
func (w *worker) hear(commands <-chan batch, tick <-chan time.Time) error {
	// A drain wakes whoever waits, once.
	drain := w.drained.Done()
	if w.drained.Err() != nil {
		drain = nil
	}
	select {
	case b := <-w.read():
		return w.heard(b)
	case b := <-commands:
		w.pending = b.records
		return b.err
	case <-w.answered:
		return w.heardAnswers()
	case end := <-w.ends:
		if w.unanswered == 0 {
			return w.readUpTo(end) // somebody else wrote
		}
	case <-tick:
		w.commitLater()
	case <-drain:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	return nil
}

func (w *worker) tell(t Tally) {
	w.role.opts.Metrics.tally(t)
	n, _ := w.machine.InFlight()
	w.role.opts.Metrics.inFlight.WithLabelValues(w.label).Set(float64(n))
	if t.Poison != nil {
		w.log.Error("poison record", "error", t.Poison)
	}
	if t.Lost != "" {
		w.log.Warn("turn lost", "reason", t.Lost, "owner", w.machine.Owner())
	}
}

// decidePending decides what was read, as far as there is room in flight.
func (w *worker) decidePending() error {
	for len(w.pending) > 0 && w.hasRoom() {
		rec := w.pending[0]
		w.pending = w.pending[1:]
		// Reading the clock twice costs as much as a small decision: one in 16 is timed.
		timed := w.decided&15 == 0
		w.decided++
		var start time.Time
		if timed {
			start = time.Now()
		}
		a, err := w.machine.Command(rec)
		if err != nil {
			return err
		}
		if timed {
			w.role.opts.Metrics.decide.Observe(time.Since(start).Seconds())
		}
		if a.Quarantine != nil {
			if err := w.quarantine(*a.Quarantine); err != nil {
				return err
			}
		}
		w.appendLater(a)
	}
	return nil
}
