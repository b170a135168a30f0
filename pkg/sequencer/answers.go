package sequencer

import (
	"errors"
	"fmt"

	"annal/pkg/eventlog"
)

// answer is what became of an append.
type answer struct {
	append Append
	offset int64
	err    error
}

// appendLater appends; heardAnswers hears what becomes of it.
func (w *worker) appendLater(a Append) {
	w.unanswered++
	w.role.opts.Log.Append(w.ctx, eventlog.Events, w.partition, a.Record, func(_ int32, offset int64, err error) {
		w.answerMu.Lock()
		w.answers = append(w.answers, answer{a, offset, err})
		w.answerMu.Unlock()
		select {
		case w.answered <- struct{}{}:
		default:
		}
	})
}

// heardAnswers hands the machine what was appended, as if it were read, and what
// failed. As long as nobody else writes to the partition the answers name every record
// of it, so that it need not be fetched; as soon as they leave one out it is read. What
// they can't tell, such as a fence of somebody else's while nothing is decided here, the
// log's end tells, which is asked for with every commit.
func (w *worker) heardAnswers() error {
	w.answerMu.Lock()
	answers := w.answers
	w.answers = nil
	w.answerMu.Unlock()
	w.unanswered -= len(answers)
	var run []eventlog.Record
	for _, a := range answers {
		next := w.machine.Progress().Offset + int64(len(run))
		switch {
		case a.err != nil:
			if err := w.heard(batch{records: run}); err != nil {
				return err
			}
			run = nil
			w.tell(w.machine.Failed(a.append, errors.Is(a.err, eventlog.ErrRefused)))
		case a.offset == next:
			run = append(run, eventlog.Record{Record: a.append.Record, Topic: eventlog.Events, Partition: w.partition, Offset: a.offset})
		case a.offset > next:
			w.known = max(w.known, a.offset+1)
		}
	}
	if err := w.heard(batch{records: run}); err != nil {
		return err
	}
	return w.readUpTo(w.known)
}

// heard hands records to the machine; those it has already are passed over.
func (w *worker) heard(b batch) error {
	if b.err != nil {
		return fmt.Errorf("sequencer: events: %w", b.err)
	}
	next := w.machine.Progress().Offset
	for len(b.records) > 0 && b.records[0].Offset < next {
		b.records = b.records[1:]
	}
	if len(b.records) == 0 {
		return nil
	}
	t, err := w.machine.Events(b.records)
	w.tell(t)
	return err
}

// readUpTo has the events read from where the machine stands, unless it is at end.
func (w *worker) readUpTo(end int64) error {
	w.known = max(w.known, end)
	if w.events != nil || w.machine.Progress().Offset >= w.known {
		return nil
	}
	cursor, err := w.openCursor(eventlog.Events, w.machine.Progress().Offset)
	if err != nil {
		return fmt.Errorf("sequencer: events from %d: %w", w.machine.Progress().Offset, err)
	}
	w.events = newPump(w.ctx, cursor)
	return nil
}

func (w *worker) stopReading() {
	if w.events != nil {
		w.events.close()
		w.events = nil
	}
}

// read gives what is read of the events; nil, which never has anything, when they
// are not.
func (w *worker) read() <-chan batch {
	if w.events == nil {
		return nil
	}
	return w.events.batches
}
