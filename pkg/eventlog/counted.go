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
	if end == 0 {
		return nil
	}
	cursor, err := log.Read(ctx, Events, partition, 0)
	if err != nil {
		return fmt.Errorf("eventlog: partition %d: %w", partition, err)
	}
	defer cursor.Close()
	rule := events.NewReader(events.Start())
	for rule.Progress().Offset < end {
		records, err := cursor.Next(ctx)
		if err != nil {
			return fmt.Errorf("eventlog: partition %d: %w", partition, err)
		}
		for i := range records {
			verdict, _, _ := rule.Read(records[i].Offset, records[i].Record)
			if verdict != events.Counted || records[i].Offset >= end {
				continue
			}
			if err := each(&records[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
