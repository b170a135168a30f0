package engines

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
)

// TestAppendedTwice: what is appended a second time, as by somebody who never learned of the first, takes no second
// effect: a command is answered once, an outcome counts once.
func TestAppendedTwice(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.Addrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(2)
	for _, topic := range []eventlog.Topic{eventlog.Commands, eventlog.Events} {
		w.again(kafka, topic, 40)
		f.goesOn(20)
	}
	if n := w.metric(`annal_sequencer_outcomes_total{code="DUPLICATE"`); n < 20 {
		t.Errorf("%v commands were answered as repeats, want 20 at least", n)
	}
	f.finish()
}

// again appends the first n records of a topic's partitions again, each unchanged.
func (w *world) again(kafka *devstack.KafkaCluster, topic eventlog.Topic, n int) {
	w.Helper()
	name := w.target.Prefix + string(topic)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addrs()...), kgo.ConsumeTopics(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	w.ok(err)
	defer client.Close()
	for left := n; left > 0; {
		fetches := client.PollRecords(w.Context(), left)
		for _, e := range fetches.Errors() {
			w.ok(errors.Join(fmt.Errorf("read %s", name), e.Err))
		}
		for _, r := range fetches.Records() {
			copied := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
			w.ok(client.ProduceSync(w.Context(), copied).FirstErr())
			left--
		}
	}
}
