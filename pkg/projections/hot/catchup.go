package hot

import (
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Bounds of a round while catching up. Great rounds pay: a session's events of a round
// are applied together. Two rounds are in memory at a time, one being read and one being
// written, of maxCatchingUp partitions at once.
const (
	defaultMaxRound = 1 << 17
	maxRoundBytes   = 32 << 20
	maxCatchingUp   = 2
)

// catchUp brings the view up to where the log ended, in great rounds. Drained: the
// partition is to be given back before that.
func (w *worker) catchUp(cursor eventlog.Cursor, end int64) (drained bool, err error) {
	for err == nil && !drained && w.reader.Progress().Offset < end {
		var records []eventlog.Record
		// Who waits for the log stands in nobody's way meanwhile.
		for err == nil && !drained && len(records) == 0 {
			if err = w.checkpoint(); err == nil {
				records, drained, err = w.next(cursor)
			}
		}
		if err == nil && !drained {
			drained, err = w.catchUpInTurn(cursor, end, records)
		}
	}
	return drained, err
}

// catchUpInTurn goes on from records that were read until the log's end, or until it
// brings nothing more: while one round is written, the next is read.
func (w *worker) catchUpInTurn(cursor eventlog.Cursor, end int64, records []eventlog.Record) (drained bool, err error) {
	select {
	case w.projector.catching <- struct{}{}:
		defer func() { <-w.projector.catching }()
	case <-w.reading.Done():
		return w.ctx.Err() == nil, w.ctx.Err()
	}
	var under *round
	for silent := false; err == nil && !drained && !silent && w.reader.Progress().Offset < end; {
		p := newPlan(w.building)
		silent, drained, err = w.gather(cursor, end, records, p)
		records = nil
		if landed := w.land(under); err == nil {
			err = landed
		}
		under = nil
		if err == nil {
			under = w.launch(p)
		}
	}
	if landed := w.land(under); err == nil {
		err = landed
	}
	return drained, err
}

// gather takes records, and reads on until a round is full, all is read, or nothing
// comes: then it was silent.
func (w *worker) gather(cursor eventlog.Cursor, end int64, records []eventlog.Record, p *plan) (silent, drained bool, err error) {
	for {
		if err := w.count(records, p); err != nil {
			return false, false, err
		}
		if err := w.checkpoint(); err != nil {
			return false, false, err
		}
		if w.reader.Progress().Offset >= end || p.outcomes >= w.opts.MaxRound || p.bytes >= maxRoundBytes {
			return false, false, nil
		}
		if records, drained, err = w.next(cursor); err != nil || drained || len(records) == 0 {
			return true, drained, err
		}
	}
}

// round is a plan being written.
type round struct {
	plan *plan
	// reaches is the progress once it is.
	reaches events.Progress
	done    chan error
}

func (w *worker) launch(p *plan) *round {
	r := &round{plan: p, reaches: w.reader.Progress(), done: make(chan error, 1)}
	go func() { r.done <- w.write(p) }()
	return r
}

// land waits until a round was written; none is none.
func (w *worker) land(r *round) error {
	if r == nil {
		return nil
	}
	if err := <-r.done; err != nil {
		return err
	}
	w.applied = r.reaches
	w.changed.Merge(r.plan.changed)
	return w.noteMuch()
}
