package rearchive

import (
	"context"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// reading reads outcomes of a partition that count.
type reading struct {
	log       eventlog.Log
	partition int32
	rule      events.Reader
	cursor    eventlog.Cursor
	// left was read and not yet judged.
	left []eventlog.Record
}

func (r *reading) close() {
	if r.cursor != nil {
		r.cursor.Close()
	}
}

// batch reads on, up to end or until it is most, or enough for an insertion; wanted chooses keys, nil all.
func (r *reading) batch(ctx context.Context, end int64, most int, wanted func(key []byte) bool) (outcomes []follow.Outcome, err error) {
	if r.cursor == nil {
		if r.cursor, err = r.log.Read(ctx, eventlog.Events, r.partition, r.rule.Progress().Offset); err != nil {
			return nil, err
		}
	}
	size := 0
	for r.rule.Progress().Offset < end && len(outcomes) < most && size < batchBytes {
		if len(r.left) == 0 {
			if r.left, err = r.cursor.Next(ctx); err != nil {
				return nil, err
			}
		}
		rec := &r.left[0]
		r.left = r.left[1:]
		verdict, stamp, err := r.rule.Read(rec.Offset, rec.Record)
		switch {
		case verdict == 0:
			return nil, err
		case verdict != events.Counted || wanted != nil && !wanted(rec.Key):
			continue
		}
		o, err := events.DecodeOutcome(rec.Record)
		if err != nil { // archived as one that cannot be read, as an archiver does
			o = events.Outcome{Session: events.SessionID(rec.Key), Time: r.rule.Progress().Time}
		}
		outcomes = append(outcomes, follow.Outcome{Outcome: o, Err: err, Offset: rec.Offset, Stamp: stamp, Record: rec.Record})
		size += len(rec.Value)
	}
	return outcomes, nil
}
