package engines

import (
	"testing"
	"time"

	"annal/internal/devstack"
)

// lasts lets a failure last: how long it does is what it is.
func (w *world) lasts(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.Context().Done():
	}
}

func TestKafkaAway(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	f := w.flow(2)
	said := w.log.count()
	for _, n := range kafka.Nodes {
		w.ok(n.Proxy().Refuse())
	}
	w.lasts(8 * time.Second)
	t.Logf("lines: %d\n%s", w.log.count()-said, w.log.tail())
	for _, n := range kafka.Nodes {
		w.ok(n.Proxy().Accept())
	}
	t.Log("after", f.goesOn(50))
	t.Logf("lines: %d", w.log.count()-said)
	f.finish()
}
