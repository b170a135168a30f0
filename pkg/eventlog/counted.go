package eventlog

import (
	"context"
	"fmt"

	"annal/pkg/events"
)

// EachCounted calls each for the records of a partition of the events topic that count, in order, from
// its beginning to where it ends now. It ends with each's first error. ErrTrimmed when the beginning is
// no longer there: who counts cannot be told without it.
func EachCounted(ctx context.Context, log Log, partition int32, each func(*Record) error) error {
	start, end, err := log.Bounds(ctx, Events, partition)
	if err != nil {
		return fmt.Errorf("eventlog: partition %d: %w", partition, err)
	}
	if start > 0 {
		return fmt.Errorf("eventlog: partition %d begins at %d: %w", partition, start, ErrTrimmed)
	}
	return EachCountedFrom(ctx, log, partition, events.Start(), end, each)
}

// EachCountedFrom is EachCounted from a reader's progress on, up to an offset.
func EachCountedFrom(ctx context.Context, log Log, partition int32, from events.Progress, end int64, each func(*Record) error) error {
	r := NewReading(log, partition, from)
	defer r.Close()
	for {
		j, ok, err := r.Next(ctx, end)
		if err != nil || !ok {
			return err
		}
		if j.Verdict != events.Counted {
			continue
		}
		if err := each(j.Record); err != nil {
			return err
		}
	}
}
