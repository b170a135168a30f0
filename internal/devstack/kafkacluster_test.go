package devstack

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaClusterLosesABroker kills one broker, restarts it, and kills another, with appends between that all in-sync
// replicas have to acknowledge.
func TestKafkaClusterLosesABroker(t *testing.T) {
	c, err := StartKafkaCluster(testContext(t), KafkaOptions{HeapMiB: 256})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}()
	client := newClient(t, c.Addrs(), kgo.DefaultProduceTopic("kept"), kgo.RequiredAcks(kgo.AllISRAcks()))
	if _, err := kadm.NewClient(client).CreateTopic(testContext(t), 3, -1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	written := 0
	write := func(when string) {
		t.Helper()
		for p := range int32(3) {
			r := kgo.StringRecord(strconv.Itoa(written))
			r.Partition = p
			if err := client.ProduceSync(testContext(t), r).FirstErr(); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			written++
		}
	}
	write("all three up")
	c.Nodes[0].Kill()
	write("one killed")
	if err := c.Nodes[0].Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	inSync(t, client, "kept", len(c.Nodes))
	c.Nodes[1].Kill() // now what was written meanwhile must be on the one that came back, too
	write("another killed")
	if got := consume(t, c.Addrs(), "kept", written); len(got) != written {
		t.Errorf("%d records, want the %d acknowledged ones", len(got), written)
	}
}

// inSync waits until all partitions of a topic are on n brokers that are in sync: one more kill would else leave fewer
// than the two that an acknowledged write needs.
func inSync(t *testing.T, client *kgo.Client, topic string, n int) {
	t.Helper()
	eventually(t, "all replicas are in sync", func() bool {
		topics, err := kadm.NewClient(client).ListTopics(testContext(t), topic)
		if err != nil {
			return false
		}
		for _, p := range topics[topic].Partitions {
			if len(p.ISR) != n {
				return false
			}
		}
		return len(topics[topic].Partitions) > 0
	})
}
