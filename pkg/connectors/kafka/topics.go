package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"annal/pkg/eventlog"
)

// Spec is how the topics are to be.
type Spec struct {
	// Partitions of commands and events; fixed for ever at creation, since a key's
	// partition follows from it.
	Partitions  int32
	Replication int16
	// MinISR is min.insync.replicas: how many copies an ack stands for.
	MinISR int
	// CommandsRetention is how long commands are kept after being decided.
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

var topics = []eventlog.Topic{eventlog.Commands, eventlog.Events, eventlog.Quarantine}

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
	case eventlog.Quarantine:
		c["retention.ms"] = ms(quarantineRetention)
	}
	return c
}

// TopicsError says how the topics differ from what they must be.
type TopicsError struct{ Differences []string }

func (e *TopicsError) Error() string {
	return "kafka: the topics are not as Annal needs them:\n  " + strings.Join(e.Differences, "\n  ")
}

// CreateTopics creates those that are not there; it changes none that is.
func (l *Log) CreateTopics(ctx context.Context, s Spec) error {
	for _, t := range topics {
		configs := map[string]*string{}
		for k, v := range s.settings(t) {
			configs[k] = &v
		}
		partitions := s.Partitions
		if t == eventlog.Quarantine {
			partitions = 1
		}
		_, err := l.admin.CreateTopic(ctx, partitions, s.Replication, configs, l.opts.topic(t))
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("kafka: create %s: %w", l.opts.topic(t), err)
		}
	}
	return l.awaitTopics(ctx)
}

// awaitTopics waits until all brokers' metadata has the new topics with leaders.
func (l *Log) awaitTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for try := 0; ; try++ {
		missing := ""
		for _, t := range topics {
			d, err := l.admin.ListTopics(ctx, l.opts.topic(t))
			if err != nil {
				return fmt.Errorf("kafka: %w", err)
			}
			if d.Error() != nil || len(d[l.opts.topic(t)].Partitions) == 0 {
				missing = l.opts.topic(t)
			}
		}
		if missing == "" {
			return nil
		}
		pause(ctx, backoff(try))
		if ctx.Err() != nil {
			return fmt.Errorf("kafka: topic %s does not come up: %w", missing, ctx.Err())
		}
	}
}

// CheckTopics gives a *TopicsError naming every difference. Of the spec it takes
// only what must hold everywhere: counts, cleanup, times and limits; MinISR at least.
func (l *Log) CheckTopics(ctx context.Context, minISR int) error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = l.opts.topic(t)
	}
	details, err := l.admin.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	var diffs []string
	for _, name := range names {
		if err := details[name].Err; err != nil {
			diffs = append(diffs, fmt.Sprintf("%s is not there (%v): run annal topics create", name, err))
		}
	}
	if len(diffs) > 0 {
		return &TopicsError{diffs}
	}
	commands, outcomes := len(details[names[0]].Partitions), len(details[names[1]].Partitions)
	if commands != outcomes {
		diffs = append(diffs, fmt.Sprintf("%s has %d partitions, %s has %d: they must be equal, and can't be changed once there is data",
			names[0], commands, names[1], outcomes))
	}
	configs, err := l.admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	for i, t := range topics {
		rc, err := configs.On(names[i], nil)
		if err == nil {
			err = rc.Err
		}
		if err != nil {
			return fmt.Errorf("kafka: %s: %w", names[i], err)
		}
		diffs = append(diffs, differences(t, rc, minISR)...)
	}
	if len(diffs) > 0 {
		return &TopicsError{diffs}
	}
	return nil
}

func differences(t eventlog.Topic, rc kadm.ResourceConfig, minISR int) []string {
	have := map[string]string{}
	for _, c := range rc.Configs {
		have[c.Key] = c.MaybeValue()
	}
	var diffs []string
	must := func(key, want, why string) {
		if have[key] != want {
			diffs = append(diffs, fmt.Sprintf("%s: %s is %q, must be %q: %s", rc.Name, key, have[key], want, why))
		}
	}
	must("cleanup.policy", "delete", "compaction would take records out of the middle")
	must("message.timestamp.type", "LogAppendTime", "rules go by the broker's time")
	must("max.message.bytes", strconv.Itoa(eventlog.MaxRecordBytes), "a record that one topic takes must fit the next")
	if t == eventlog.Events {
		must("retention.ms", "-1", "events are kept for ever")
		must("retention.bytes", "-1", "events are kept for ever")
	}
	if n, err := strconv.Atoi(have["min.insync.replicas"]); err != nil || n < minISR {
		diffs = append(diffs, fmt.Sprintf("%s: min.insync.replicas is %q, must be at least %d: an ack stands for that many copies",
			rc.Name, have["min.insync.replicas"], minISR))
	}
	return diffs
}
