package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Trim deletes a partition's records below an offset for good. An offset beyond the log's end is an error, and one below its
// start changes nothing.
func (l *Log) Trim(ctx context.Context, t eventlog.Topic, partition int32, before int64) error {
	name := l.opts.topic(t)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: name, Partition: partition, At: before})
	deleted, err := l.admin.DeleteRecords(ctx, offsets)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("kafka: delete records of %s/%d below %d: %w", name, partition, before, err)
	}
	return nil
}

// Since gives the first offset whose record was appended then or later; the log's end when none was.
func (l *Log) Since(ctx context.Context, t eventlog.Topic, partition int32, then events.Millis) (int64, error) {
	// Before 1970 there is nothing, and negative times have meanings of their own.
	offset, err := l.bound(ctx, t, partition, max(int64(then), 0))
	if err != nil || offset >= 0 {
		return offset, err
	}
	return l.bound(ctx, t, partition, logEnd)
}
