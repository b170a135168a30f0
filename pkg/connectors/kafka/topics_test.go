package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
)

func TestTopicsOnKafka(t *testing.T) { testTopics(t, devstack.KafkaForTest(t).Addrs()) }

func TestTopicsOnKfake(t *testing.T) { testTopics(t, kfake(t)) }

func testTopics(t *testing.T, seeds []string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log := openLog(t, options(t, seeds))
	wantDifferences(t, log.CheckTopics(ctx, 1), "annal.commands", "annal.events", "annal.snapshots", "annal.quarantine", "annal.accounts", "annal.config")

	spec := Spec{Partitions: 6, Replication: 1, MinISR: 1, CommandsRetention: 7 * 24 * time.Hour}
	for range 2 { // again: what is there stays
		if err := log.CreateTopics(ctx, spec); err != nil {
			t.Fatal(err)
		}
		if err := log.CheckSpec(ctx, spec); err != nil {
			t.Fatalf("topics just created are refused: %v", err)
		}
	}
	if err := log.CheckTopics(ctx, 1); err != nil {
		t.Fatal(err)
	}
	wantDifferences(t, log.CheckTopics(ctx, 2), slices.Repeat([]string{"min.insync.replicas"}, 6)...)
	more := spec
	more.Partitions, more.Replication = 12, 3
	wantDifferences(t, log.CheckSpec(ctx, more), append([]string{"annal.events has 6 partitions, not 12"},
		slices.Repeat([]string{"has 1 replicas, must have 3"}, 6+6+6+1+1+1)...)...)

	for _, c := range []struct{ topic, key, value string }{
		{"annal.events", "cleanup.policy", "compact"},
		{"annal.snapshots", "cleanup.policy", "delete"},
		{"annal.events", "retention.ms", "604800000"},
		{"annal.events", "retention.bytes", "1000000"},
		{"annal.events", "message.timestamp.type", "CreateTime"},
		{"annal.commands", "max.message.bytes", "1000"},
		{"annal.commands", "retention.ms", "86400000"},
		{"annal.config", "cleanup.policy", "delete"},
		{"annal.accounts", "cleanup.policy", "delete"},
		{"annal.quarantine", "retention.ms", "86400000"},
		{"annal.quarantine", "message.timestamp.type", "CreateTime"},
	} {
		old := spec.settings(eventlog.Topic(c.topic))[c.key]
		alter(t, log, c.topic, c.key, c.value)
		wantDifferences(t, log.CheckSpec(ctx, spec), c.topic+": "+c.key+" is \""+c.value+"\"")
		alter(t, log, c.topic, c.key, old)
	}
	addPartitions(t, log, eventlog.Commands)
	wantDifferences(t, log.CheckTopics(ctx, 1), "annal.commands has 8 partitions, ")
	// Raised alike they agree with each other, and not with what was written down.
	addPartitions(t, log, eventlog.Events)
	addPartitions(t, log, eventlog.Snapshots)
	wantDifferences(t, log.CheckTopics(ctx, 1), "annal.events has 8 partitions, but was created with 6")
	if err := log.CreateTopics(ctx, spec); err != nil {
		t.Fatal(err)
	}
	wantDifferences(t, log.CheckTopics(ctx, 1), "annal.events has 8 partitions, but was created with 6")
}

// addPartitions gives a topic of 6 partitions 2 more.
func addPartitions(t *testing.T, log *Log, topic eventlog.Topic) {
	t.Helper()
	name := log.opts.topic(topic)
	if _, err := log.admin.CreatePartitions(t.Context(), 2, name); err != nil {
		t.Fatal(err)
	}
	await(t, "the added partitions show", func() bool {
		d, err := log.admin.ListTopics(t.Context(), name)
		return err == nil && len(d[name].Partitions) == 8
	})
}

func alter(t *testing.T, log *Log, topic, key, value string) {
	t.Helper()
	resp, err := log.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, log.opts.Prefix+topic)
	if err == nil {
		_, err = resp.On(log.opts.Prefix+topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		t.Fatalf("set %s of %s to %s: %v", key, topic, value, err)
	}
	await(t, fmt.Sprintf("%s of %s is %s", key, topic, value), func() bool {
		configs, err := log.admin.DescribeTopicConfigs(t.Context(), log.opts.Prefix+topic)
		return err == nil && slices.ContainsFunc(configs[0].Configs, func(c kadm.Config) bool { return c.Key == key && c.MaybeValue() == value })
	})
}

// await asks until the brokers, who hear of changes one by one, say so.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := within(t)
	for try := 0; !ok(); try++ {
		pause(ctx, backoff(try))
		if ctx.Err() != nil {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// wantDifferences wants one difference for each text, containing it.
func wantDifferences(t *testing.T, err error, texts ...string) {
	t.Helper()
	diffs, ok := errors.AsType[*TopicsError](err)
	if !ok {
		t.Fatalf("got %v, want a TopicsError", err)
	}
	if len(diffs.Differences) != len(texts) {
		t.Fatalf("got %d differences, want %d: %v", len(diffs.Differences), len(texts), err)
	}
	for i, text := range texts {
		if !strings.Contains(diffs.Differences[i], text) {
			t.Errorf("difference %d is %q, want it to say %q", i, diffs.Differences[i], text)
		}
	}
}
