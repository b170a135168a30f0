package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"annal/pkg/eventlog"
)

// Spec is how the topics are to be. In a check, zero fields are not looked at.
type Spec struct {
	// Partitions of commands and events; fixed for ever at creation, since a key's
	// partition follows from it.
	Partitions  int32
	Replication int16
	// MinISR is min.insync.replicas: how many copies an ack stands for.
	MinISR int
	// CommandsRetention is for how long commands are kept, decided or not.
	CommandsRetention time.Duration
	// CommandsSegmentBytes, when set, lets commands go in small steps: for the
	// embedded log, which keeps everything in memory.
	CommandsSegmentBytes int64
}

// DefaultSpec is for clusters.
func DefaultSpec() Spec {
	return Spec{Partitions: 96, Replication: 3, MinISR: 2, CommandsRetention: 7 * 24 * time.Hour}
}

// EmbeddedSpec is for one broker that holds everything in memory.
func EmbeddedSpec() Spec {
	return Spec{Partitions: 4, Replication: 1, MinISR: 1, CommandsRetention: 10 * time.Minute, CommandsSegmentBytes: 4 << 20}
}

// quarantineRetention is for how long poison records wait for somebody to look.
const quarantineRetention = 30 * 24 * time.Hour

// A segment of the snapshots is closed when it is that large or old.
const (
	snapshotsSegmentBytes = 16 << 20
	snapshotsSegmentAge   = 10 * time.Minute
)

// A segment of the accounts is closed when it is that large or old, and compacted by then at the latest.
const (
	accountsSegmentBytes  = 16 << 20
	accountsSegmentAge    = 10 * time.Minute
	accountsCompactionLag = time.Hour
)

var topics = []eventlog.Topic{eventlog.Commands, eventlog.Events, eventlog.Snapshots, eventlog.Quarantine, eventlog.Accounts, settled}

// settings are the topic's configuration as it must be.
func (s Spec) settings(t eventlog.Topic) map[string]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	c := map[string]string{
		"cleanup.policy":         "delete",
		"message.timestamp.type": "LogAppendTime",
		"min.insync.replicas":    strconv.Itoa(s.MinISR),
		"max.message.bytes":      strconv.Itoa(eventlog.MaxRecordBytes),
		"retention.bytes":        "-1",
	}
	switch t {
	case eventlog.Commands:
		c["retention.ms"] = ms(s.CommandsRetention)
		if s.CommandsSegmentBytes > 0 {
			c["segment.bytes"] = strconv.FormatInt(s.CommandsSegmentBytes, 10)
		}
	case eventlog.Events:
		c["retention.ms"] = "-1"
	case eventlog.Snapshots:
		c["cleanup.policy"], c["retention.ms"] = "compact", "-1"
		// Only closed segments are compacted, and whoever restores reads what is not.
		c["segment.bytes"], c["segment.ms"] = strconv.Itoa(snapshotsSegmentBytes), ms(snapshotsSegmentAge)
		c["min.cleanable.dirty.ratio"] = "0.2"
	case eventlog.Accounts:
		c["cleanup.policy"], c["retention.ms"] = "compact", "-1"
		// A password's hash that was replaced is gone for good within that.
		c["segment.bytes"], c["segment.ms"] = strconv.Itoa(accountsSegmentBytes), ms(accountsSegmentAge)
		c["max.compaction.lag.ms"], c["min.cleanable.dirty.ratio"] = ms(accountsCompactionLag), "0.1"
	case settled:
		c["cleanup.policy"], c["retention.ms"] = "compact", "-1"
	case eventlog.Quarantine:
		c["retention.ms"] = ms(quarantineRetention)
	}
	return c
}

// CreateTopics creates those that are not there; it changes none that is. It writes down
// how many partitions there are, which CheckTopics holds them to for ever.
func (l *Log) CreateTopics(ctx context.Context, s Spec) error {
	if err := l.createTopics(ctx, s); err != nil {
		return err
	}
	return l.settleCount(ctx)
}

func (l *Log) createTopics(ctx context.Context, s Spec) error {
	for _, t := range topics {
		configs := map[string]*string{}
		for k, v := range s.settings(t) {
			configs[k] = &v
		}
		partitions := s.Partitions
		if t == eventlog.Quarantine || t == eventlog.Accounts || t == settled {
			partitions = 1
		}
		_, err := l.admin.CreateTopic(ctx, partitions, s.Replication, configs, l.opts.topic(t))
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("kafka: create %s: %w", l.opts.topic(t), err)
		}
	}
	return l.awaitTopics(ctx)
}

// awaitTopics waits until each broker has the new topics, with leaders: they hear of
// them one by one, and whoever comes next may ask any of them.
func (l *Log) awaitTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for try := 0; ; try++ {
		missing, err := l.missingTopic(ctx)
		if err == nil && missing == "" {
			return nil
		}
		pause(ctx, backoff(try))
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("kafka: topic %s does not come up: %w", missing, ctx.Err()), err)
		}
	}
}

// missingTopic names a topic that one of the brokers has not yet, with the broker.
func (l *Log) missingTopic(ctx context.Context) (string, error) {
	brokers, err := l.admin.ListBrokers(ctx)
	if err != nil {
		return "", fmt.Errorf("kafka: %w", err)
	}
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		asked := kmsg.NewMetadataRequestTopic()
		asked.Topic = kmsg.StringPtr(l.opts.topic(t))
		req.Topics = append(req.Topics, asked)
	}
	for _, b := range brokers {
		resp, err := l.client.Broker(int(b.NodeID)).RetriableRequest(ctx, req)
		if err != nil {
			return "", fmt.Errorf("kafka: broker %d: %w", b.NodeID, err)
		}
		for _, t := range resp.(*kmsg.MetadataResponse).Topics {
			if t.ErrorCode != 0 || len(t.Partitions) == 0 {
				return fmt.Sprintf("%s on broker %d", *t.Topic, b.NodeID), nil
			}
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return fmt.Sprintf("%s/%d on broker %d", *t.Topic, p.Partition, b.NodeID), nil
				}
			}
		}
	}
	return "", nil
}

// EnsureTopic creates a topic that is none of Annal's own, with the broker's own settings, unless it is there.
func (l *Log) EnsureTopic(ctx context.Context, t eventlog.Topic, partitions int32) error {
	name := l.opts.topic(t)
	_, err := l.admin.CreateTopic(ctx, partitions, -1, nil, name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("kafka: create %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for try := 0; ; try++ {
		_, err := l.Partitions(ctx, t)
		if err == nil {
			return nil
		}
		pause(ctx, backoff(try))
		if ctx.Err() != nil {
			return fmt.Errorf("kafka: topic %s does not come up: %w", name, err)
		}
	}
}
