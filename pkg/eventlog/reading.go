package eventlog

import (
	"context"
	"fmt"

	"annal/pkg/events"
)

// Reading reads a partition of the events topic in order, and says of each record what the reader's rule makes of it. For one
// goroutine.
type Reading struct {
	log       Log
	partition int32
	cursor    Cursor
	rule      events.Reader
	// ahead was read and is not judged yet.
	ahead []Record
}

// Judged is a record with what the reader's rule says of it.
type Judged struct {
	*Record
	Verdict events.Verdict
	Stamp   events.Stamp
}

// NewReading reads on from a reader's progress; nothing is read before Next.
func NewReading(log Log, partition int32, from events.Progress) *Reading {
	return &Reading{log: log, partition: partition, rule: events.NewReader(from)}
}

// Progress is behind the last record that Next gave.
func (r *Reading) Progress() events.Progress { return r.rule.Progress() }

// Reached says whether there is nothing more to be read below an offset: it was read, or what comes next lies at it or beyond.
func (r *Reading) Reached(offset int64) bool {
	return r.rule.Progress().Offset >= offset || len(r.ahead) > 0 && r.ahead[0].Offset >= offset
}

// Next gives the next record below an offset, and waits for it; false when there is none. What lies at end and beyond stays to be
// given later. Errors are those of Log.Read and Cursor.Next, and a record that this program must not pass over.
func (r *Reading) Next(ctx context.Context, end int64) (j Judged, ok bool, err error) {
	if len(r.ahead) == 0 && !r.Reached(end) {
		if err := r.read(ctx); err != nil {
			return j, false, fmt.Errorf("eventlog: partition %d: %w", r.partition, err)
		}
	}
	if r.Reached(end) {
		return j, false, nil
	}
	j.Record = &r.ahead[0]
	if j.Verdict, j.Stamp, err = r.rule.Read(j.Offset, j.Record.Record); j.Verdict == 0 {
		return j, false, fmt.Errorf("eventlog: partition %d offset %d: %w", r.partition, j.Offset, err)
	}
	r.ahead = r.ahead[1:]
	return j, true, nil
}

func (r *Reading) read(ctx context.Context) (err error) {
	if r.cursor == nil {
		if r.cursor, err = r.log.Read(ctx, Events, r.partition, r.rule.Progress().Offset); err != nil {
			return err
		}
	}
	r.ahead, err = r.cursor.Next(ctx)
	return err
}

// Close ends it.
func (r *Reading) Close() {
	if r.cursor != nil {
		r.cursor.Close()
	}
}
