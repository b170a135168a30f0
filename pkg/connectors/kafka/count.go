package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
)

// settled is the topic of what is settled once for a cluster's log: how many partitions it has. Kafka itself does not
// remember: where all topics are raised alike, nothing else tells that keys would go elsewhere from now on.
const settled eventlog.Topic = "annal.config"

// countKey is the key under which the number of partitions stands, as decimal text.
const countKey = "partitions"

const (
	// countTimeout bounds how long reading the number of partitions takes: a partition without a leader would be waited for
	// without end, and nothing said.
	countTimeout = 10 * time.Second
	// countPatience is for how long somebody who creates the topics just now may not have come to writing it down.
	countPatience = 5 * time.Second
)

// settleCount writes down how many partitions the events have, unless it is there.
func (l *Log) settleCount(ctx context.Context) error {
	if n, err := l.settledCount(ctx); n > 0 || err != nil {
		return err
	}
	n, err := l.Partitions(ctx, eventlog.Events)
	if err != nil {
		return err
	}
	r := &kgo.Record{Topic: l.opts.topic(settled), Key: []byte(countKey), Value: strconv.AppendInt(nil, int64(n), 10)}
	if err := l.client.ProduceSync(ctx, r).FirstErr(); err != nil {
		return fmt.Errorf("kafka: write down the number of partitions: %w", err)
	}
	return nil
}

// awaitedCount is settledCount, with a moment's patience when it is 0.
func (l *Log) awaitedCount(ctx context.Context) (int32, error) {
	for began, try := time.Now(), 0; ; try++ {
		n, err := l.settledCount(ctx)
		if n > 0 || err != nil || time.Since(began) >= countPatience {
			return n, err
		}
		pause(ctx, backoff(try))
	}
}

// settledCount is the number of partitions that was written down; 0 when none was.
func (l *Log) settledCount(ctx context.Context) (int32, error) {
	bounded, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	n, err := l.readCount(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("kafka: %s/0, where it is written down how many partitions there are, can't be read within %v: %w",
			l.opts.topic(settled), countTimeout, err)
	}
	return n, err
}

func (l *Log) readCount(ctx context.Context) (int32, error) {
	start, end, err := l.Bounds(ctx, settled, 0)
	if err != nil || start == end {
		return 0, err
	}
	name := l.opts.topic(settled)
	client, err := l.opts.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {0: kgo.NewOffset().At(start)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var count int32
	for next := start; next < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, fmt.Errorf("kafka: read %s: %w", name, err)
		}
		var wrong error
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if string(r.Key) != countKey {
				return
			}
			n, err := strconv.ParseInt(string(r.Value), 10, 32)
			if err != nil || n < 1 {
				wrong = fmt.Errorf("kafka: %s: %q is no number of partitions", name, r.Value)
				return
			}
			count = int32(n)
		})
		if wrong != nil {
			return 0, wrong
		}
	}
	return count, nil
}
