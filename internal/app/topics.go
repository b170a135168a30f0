package app

import (
	"context"
	"fmt"

	"annal/pkg/connectors/kafka"
	"annal/pkg/eventlog"
)

// Topics is how `annal topics` is asked for them.
type Topics struct {
	Kafka       []string
	Prefix      string
	Partitions  int32
	Replication int16
	MinISR      int
}

// Create creates the topics that are not there and checks them all.
func (t Topics) Create(ctx context.Context) error {
	log, err := openLog(ctx, Target{Kafka: t.Kafka, Prefix: t.Prefix})
	if err != nil {
		return err
	}
	defer log.Close()
	spec := kafka.DefaultSpec()
	spec.Partitions, spec.Replication, spec.MinISR = t.Partitions, t.Replication, t.MinISR
	if err := log.CreateTopics(ctx, spec); err != nil {
		return err
	}
	if err := log.CheckTopics(ctx, t.MinISR); err != nil {
		return err
	}
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return err
	}
	if n != t.Partitions {
		return fmt.Errorf("app: the topics are there with %d partitions, not %d; the count can't be changed", n, t.Partitions)
	}
	return nil
}

// Check says every difference from what must be.
func (t Topics) Check(ctx context.Context) error {
	log, err := openLog(ctx, Target{Kafka: t.Kafka, Prefix: t.Prefix})
	if err != nil {
		return err
	}
	defer log.Close()
	return log.CheckTopics(ctx, t.MinISR)
}
