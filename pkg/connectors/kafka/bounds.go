package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"annal/pkg/eventlog"
)

// Timestamps that ListOffsets takes for the two ends of a log.
const (
	logStart = -2
	logEnd   = -1
)

// Bounds asks the partition's leader.
func (l *Log) Bounds(ctx context.Context, t eventlog.Topic, partition int32) (start, end int64, err error) {
	if start, err = l.bound(ctx, t, partition, logStart); err != nil {
		return 0, 0, err
	}
	end, err = l.bound(ctx, t, partition, logEnd)
	return start, end, err
}

func (l *Log) bound(ctx context.Context, t eventlog.Topic, partition int32, which int64) (int64, error) {
	for try := 0; ; try++ {
		offset, err := l.listOffset(ctx, t, partition, which)
		if err == nil || !kerr.IsRetriable(err) || try >= 20 {
			return offset, err
		}
		pause(ctx, backoff(try))
		if ctx.Err() != nil {
			return 0, err
		}
	}
}

func (l *Log) listOffset(ctx context.Context, t eventlog.Topic, partition int32, which int64) (int64, error) {
	n, err := l.Partitions(ctx, t)
	if err != nil {
		return 0, err
	}
	name := l.opts.topic(t)
	if partition < 0 || partition >= n {
		return 0, fmt.Errorf("kafka: %s has %d partitions, none is %d", name, n, partition)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Partition, rp.Timestamp = partition, which
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic, rt.Partitions = name, []kmsg.ListOffsetsRequestTopicPartition{rp}
	req.Topics = []kmsg.ListOffsetsRequestTopic{rt}
	resp, err := req.RequestWith(ctx, l.client)
	if err != nil {
		return 0, fmt.Errorf("kafka: bounds of %s/%d: %w", name, partition, err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("kafka: bounds of %s/%d: the answer is about others", name, partition)
	}
	p := resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return 0, fmt.Errorf("kafka: bounds of %s/%d: %w", name, partition, err)
	}
	return p.Offset, nil
}
