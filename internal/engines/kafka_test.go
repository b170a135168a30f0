package engines

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
)

// Metrics and log lines of the log, as docs/operations.md names them.
const (
	waitingSeconds = "annal_log_append_waiting_seconds"
	takesNothing   = "the log takes nothing; appends wait"
	takesAgain     = "the log takes appends again"
)

// lineBudget is how many lines an outage of a few seconds may take: each text a few times, not by the retry.
const lineBudget = 80

// hangs bounds how long a broker that hangs keeps a partition without service: it took longer while each request to it
// was waited for as long as franz-go would, and takes 12 s on a machine that does little else.
const hangs = 40 * time.Second

// lasts lets a failure last: how long it does is what it is.
func (w *world) lasts(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.Context().Done():
	}
}

// TestKafkaAway: appends wait while no broker can be reached, and go on once one can.
func TestKafkaAway(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(2)
	said := w.log.count()
	for _, n := range kafka.Nodes {
		w.ok(n.Proxy().Refuse())
	}
	w.says(takesNothing, "annal.commands")
	w.rises(waitingSeconds+`{topic="annal.commands"}`, 4)
	for _, n := range kafka.Nodes {
		w.ok(n.Proxy().Accept())
	}
	t.Logf("goes on after %v", f.goesOn(50))
	w.says(takesAgain, "annal.commands")
	w.saidLittle(said, lineBudget)
	f.finish()
}

// TestKafkaSlow: what comes late is waited for, whether slowly or held up altogether on connections that stay open.
func TestKafkaSlow(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(2)
	said := w.log.count()
	all := func(do func(*devstack.Proxy)) {
		for _, n := range kafka.Nodes {
			do(n.Proxy())
		}
	}
	const late = 250 * time.Millisecond
	slow := func() float64 {
		return w.metric(`annal_log_append_round_seconds_count`) - w.metric(`annal_log_append_round_seconds_bucket{topic="annal.commands",le="0.256"}`) -
			w.metric(`annal_log_append_round_seconds_bucket{topic="annal.events",le="0.256"}`)
	}
	before := slow()
	all(func(p *devstack.Proxy) { p.Delay(late) })
	t.Logf("50 messages more while everything is %v late, both ways: %v", late, f.goesOn(50))
	all(func(p *devstack.Proxy) { p.Delay(0) })
	if slow() <= before {
		t.Error("the metric of rounds of appends shows none that took longer")
	}
	f.goesOn(20)
	all((*devstack.Proxy).Stall)
	w.says(takesNothing)
	all((*devstack.Proxy).Flow)
	t.Logf("goes on %v after all was held up", f.goesOn(50))
	w.says(takesAgain)
	w.saidLittle(said, lineBudget)
	f.finish()
}

// TestLeaderChanges: a broker is killed while it leads a partition of the commands. Two of three go on.
func TestLeaderChanges(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(4)
	said := w.log.count()
	leader := w.leader(kafka, eventlog.Commands, 0)
	kafka.Nodes[leader].Kill()
	t.Logf("goes on %v after a leader was killed", f.goesOn(100))
	if now := w.leader(kafka, eventlog.Commands, 0); now == leader {
		t.Error("the killed broker still leads")
	}
	w.ok(kafka.Nodes[leader].Restart(t.Context()))
	w.inSync(kafka)
	f.goesOn(20)
	w.saidLittle(said, lineBudget)
	f.finish()
}

// TestLeaderHangs: a broker that leads a partition of the events says nothing more, and keeps its connections open.
func TestLeaderHangs(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(4)
	said := w.log.count()
	leader := w.leader(kafka, eventlog.Events, 1)
	w.ok(kafka.Nodes[leader].Pause())
	took := f.goesOn(100)
	t.Logf("goes on %v after a leader hung", took)
	if took > hangs {
		t.Errorf("it took %v to leave a broker that hung, want %v at most", took, hangs)
	}
	w.ok(kafka.Nodes[leader].Resume())
	w.inSync(kafka)
	w.saidLittle(said, lineBudget)
	f.finish()
}

// TestUnknownOutcomes: brokers take what is appended and their answers are lost, for commands and events alike.
func TestUnknownOutcomes(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(2)
	const each = 10
	lost := func() (n int) {
		for _, node := range kafka.Nodes {
			n += node.Proxy().Lost()
		}
		return n
	}
	for _, node := range kafka.Nodes {
		node.Proxy().LoseProduceAnswers(each)
	}
	// Those that lead nothing of ours lose nothing, and one append may have several messages.
	for range 10 * each {
		if f.goesOn(5); lost() >= each {
			break
		}
	}
	if n := lost(); n < each {
		t.Errorf("%d answers were lost, want %d at least", n, each)
	}
	for _, node := range kafka.Nodes {
		node.Proxy().LoseProduceAnswers(0)
	}
	f.finish()
}

// admin asks Kafka past the proxies, as no client of the roles does.
func (w *world) admin(kafka *devstack.KafkaCluster) *kadm.Client {
	w.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addrs()...))
	w.ok(err)
	w.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// leader is the index of the node that leads a partition.
func (w *world) leader(kafka *devstack.KafkaCluster, topic eventlog.Topic, partition int32) (node int) {
	w.Helper()
	admin, name := w.admin(kafka), w.target.Prefix+string(topic)
	w.until("a leader", func() error {
		topics, err := admin.ListTopics(w.Context(), name)
		if err != nil {
			return err
		}
		p := topics[name].Partitions[partition]
		node = int(p.Leader) - 1
		return p.Err
	})
	return node
}

// inSync waits until every partition of the topics is whole on all three nodes, so that the next may fail.
func (w *world) inSync(kafka *devstack.KafkaCluster) {
	w.Helper()
	admin := w.admin(kafka)
	w.until("all replicas in sync", func() error {
		topics, err := admin.ListTopicsWithInternal(w.Context())
		if err != nil {
			return err
		}
		return wholeOn(topics, len(kafka.Nodes))
	})
}
