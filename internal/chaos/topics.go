package chaos

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/internal/chaos/check"
)

// readLog reads both topics from their beginnings to where they end now.
func readLog(ctx context.Context, brokers []string) (*check.Log, error) {
	log := check.NewLog()
	if err := readTopic(ctx, brokers, "annal.events", log.Event); err != nil {
		return nil, err
	}
	if err := readTopic(ctx, brokers, "annal.commands", log.Command); err != nil {
		return nil, err
	}
	log.Decided()
	return log, nil
}

func readTopic(ctx context.Context, brokers []string, topic string, each func(*kgo.Record)) error {
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	defer admin.Close()
	ends, err := kadm.NewClient(admin).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("chaos: ends of %s: %w", topic, err)
	}
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	for p, end := range ends[topic] {
		if end.Offset > 0 {
			from[p], left[p] = kgo.NewOffset().At(0), end.Offset
		}
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	defer reader.Close()
	for len(left) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("chaos: read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, open := left[r.Partition]
			if !open {
				return
			}
			each(r)
			if r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
	return nil
}
