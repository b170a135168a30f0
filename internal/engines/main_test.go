package engines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"annal/internal/devstack"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(apartEnv); config != "" {
		os.Exit(runApart(config))
	}
	devstack.Main(withCluster{m})
}

// threeBrokers is one Kafka of three nodes, each behind a proxy, for all tests. A test that breaks it mends it.
var threeBrokers = sync.OnceValues(func() (*devstack.KafkaCluster, error) {
	asked.Store(true)
	return devstack.StartKafkaCluster(context.Background(), devstack.KafkaOptions{HeapMiB: 256, Proxied: true})
})

var asked atomic.Bool

// withCluster stops it after all tests.
type withCluster struct{ *testing.M }

func (m withCluster) Run() int {
	code := m.M.Run()
	if !asked.Load() {
		return code
	}
	if c, err := threeBrokers(); err == nil {
		if err := c.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// kafkaCluster gives it, and mends it after the test, whatever that left of it.
func kafkaCluster(t *testing.T) *devstack.KafkaCluster {
	t.Helper()
	c, err := threeBrokers()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			n.Proxy().Delay(0)
			n.Proxy().LoseProduceAnswers(0)
			n.Proxy().Flow()
			err := n.Proxy().Accept()
			if n.Exited(0) {
				err = errors.Join(err, n.Restart(context.Background()))
			}
			if err = errors.Join(err, n.Resume()); err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

// ownProxy is one of the test's own.
func ownProxy(t *testing.T, to string) *devstack.Proxy {
	t.Helper()
	p, err := devstack.StartProxy(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
