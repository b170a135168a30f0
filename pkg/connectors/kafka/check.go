package kafka

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"annal/pkg/eventlog"
)

// TopicsError says how the topics differ from what they must be. A role does not
// start on such topics.
type TopicsError struct{ Differences []string }

func (e *TopicsError) Error() string {
	return "kafka: the topics are not as Annal needs them:\n  " + strings.Join(e.Differences, "\n  ")
}

func (e *TopicsError) add(format string, args ...any) {
	e.Differences = append(e.Differences, fmt.Sprintf(format, args...))
}

// CheckTopics gives a *TopicsError that names every difference from what must hold
// everywhere, with min.insync.replicas of minISR at least.
func (l *Log) CheckTopics(ctx context.Context, minISR int) error {
	return l.CheckSpec(ctx, Spec{MinISR: minISR})
}

// CheckSpec is CheckTopics with the fields of s that are not zero: the partition
// count as it is there, replicas and retention at least.
func (l *Log) CheckSpec(ctx context.Context, s Spec) error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = l.opts.topic(t)
	}
	details, err := l.admin.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	diffs := &TopicsError{}
	for _, name := range names {
		if err := details[name].Err; err != nil {
			diffs.add("%s can't be used (%v); annal topics create makes topics that are missing", name, err)
		}
	}
	if len(diffs.Differences) > 0 {
		return diffs
	}
	count, err := l.awaitedCount(ctx)
	if err != nil {
		return err
	}
	diffs.counts(names, details, s, int(count))
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
			return fmt.Errorf("kafka: configuration of %s: %w", names[i], err)
		}
		diffs.settings(t, rc, s)
	}
	if len(diffs.Differences) > 0 {
		return diffs
	}
	return nil
}

// counts compares partitions, with each other and with how many were written down at creation, and replicas. names are
// commands, events, snapshots, and those whose partitions don't matter.
func (e *TopicsError) counts(names []string, details kadm.TopicDetails, s Spec, settledCount int) {
	commands, outcomes := len(details[names[0]].Partitions), len(details[names[1]].Partitions)
	const fixed = "a key's partition follows from the count, so it can't be changed once there is data"
	if commands != outcomes {
		e.add("%s has %d partitions, %s has %d: they must be equal; %s", names[0], commands, names[1], outcomes, fixed)
	}
	if snapshots := len(details[names[2]].Partitions); snapshots != outcomes {
		e.add("%s has %d partitions, %s has %d: they must be equal; %s", names[2], snapshots, names[1], outcomes, fixed)
	}
	switch {
	case settledCount == 0:
		e.add("it is not written down how many partitions %s was created with; annal topics create does", names[1])
	case outcomes != settledCount:
		e.add("%s has %d partitions, but was created with %d: %s", names[1], outcomes, settledCount, fixed)
	}
	if s.Partitions > 0 && outcomes != int(s.Partitions) {
		e.add("%s has %d partitions, not %d: %s", names[1], outcomes, s.Partitions, fixed)
	}
	for _, name := range names {
		for _, p := range details[name].Partitions.Sorted() {
			if len(p.Replicas) < int(s.Replication) {
				e.add("%s/%d has %d replicas, must have %d", name, p.Partition, len(p.Replicas), s.Replication)
			}
		}
	}
}

// settings compares a topic's configuration.
func (e *TopicsError) settings(t eventlog.Topic, rc kadm.ResourceConfig, s Spec) {
	have := map[string]string{}
	for _, c := range rc.Configs {
		have[c.Key] = c.MaybeValue()
	}
	must := func(key, want, why string) {
		if have[key] != want {
			e.add("%s: %s is %q, must be %q: %s", rc.Name, key, have[key], want, why)
		}
	}
	atLeast := func(key string, least int64, why string) {
		n, err := strconv.ParseInt(have[key], 10, 64)
		if err != nil || n < least && n != -1 {
			e.add("%s: %s is %q, must be %d at least: %s", rc.Name, key, have[key], least, why)
		}
	}
	switch t {
	case eventlog.Snapshots:
		must("cleanup.policy", "compact", "snapshots are kept until newer ones replace them")
	case eventlog.Accounts:
		must("cleanup.policy", "compact", "an account is kept until it is changed, and nothing of it afterwards")
	case settled:
		must("cleanup.policy", "compact", "what is settled is kept for ever")
	default:
		must("cleanup.policy", "delete", "compaction would take records out of the middle")
	}
	must("message.timestamp.type", "LogAppendTime", "rules go by the brokers' time")
	must("max.message.bytes", strconv.Itoa(eventlog.MaxRecordBytes), "a record is measured against this before it is sent")
	atLeast("min.insync.replicas", int64(s.MinISR), "an acknowledgement stands for that many copies")
	switch t {
	case eventlog.Commands:
		atLeast("retention.ms", s.CommandsRetention.Milliseconds(), "a sequencer that was down for so long still finds its commands")
	case eventlog.Events:
		must("retention.ms", "-1", "events are kept for ever")
		must("retention.bytes", "-1", "events are kept for ever")
	case eventlog.Quarantine:
		atLeast("retention.ms", quarantineRetention.Milliseconds(), "somebody has to look at poison records")
	}
}
