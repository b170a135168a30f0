package rearchive

import (
	"context"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// batch reads outcomes that count, up to end or until it is most, or enough for an insertion; wanted chooses keys, nil all.
func batch(ctx context.Context, r *eventlog.Reading, end int64, most int, wanted func(key []byte) bool) (outcomes []follow.Outcome, err error) {
	for size := 0; len(outcomes) < most && size < batchBytes; {
		j, ok, err := r.Next(ctx, end)
		if err != nil || !ok {
			return outcomes, err
		}
		if j.Verdict != events.Counted || wanted != nil && !wanted(j.Key) {
			continue
		}
		o, err := events.DecodeOutcome(j.Record.Record)
		if err != nil { // archived as one that cannot be read, as an archiver does
			o = events.Outcome{Session: events.SessionID(j.Key), Time: r.Progress().Time}
		}
		outcomes = append(outcomes, follow.Outcome{Outcome: o, Err: err, Offset: j.Offset, Stamp: j.Stamp, Record: j.Record.Record})
		size += len(j.Value)
	}
	return outcomes, nil
}
