package redis_test

import (
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/pkg/nodes/nodestest"
)

// passing waits: what is announced ends by Redis's clock.
func passing(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	addr := devstack.RedisForTest(t).Addr()
	nodestest.Run(t, func(t *testing.T) nodestest.Fixture {
		return nodestest.Fixture{Registry: open(t, options(t, addr, false)).Registry(), Pass: passing}
	})
}

func TestNodesOnMiniredis(t *testing.T) {
	t.Parallel()
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	nodestest.Run(t, func(t *testing.T) nodestest.Fixture {
		return nodestest.Fixture{Registry: open(t, options(t, m.Addr(), true)).Registry(), Pass: passing}
	})
}

func TestNodesOnACluster(t *testing.T) {
	t.Parallel()
	addrs := devstack.RedisClusterForTest(t).Addrs()
	nodestest.Run(t, func(t *testing.T) nodestest.Fixture {
		o := options(t, addrs[0], false)
		o.Addrs = addrs
		return nodestest.Fixture{Registry: open(t, o).Registry(), Pass: passing}
	})
}
