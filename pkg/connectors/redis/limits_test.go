package redis_test

import (
	"testing"

	"annal/internal/devstack"
	"annal/pkg/limits/limitstest"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	addr := devstack.RedisForTest(t).Addr()
	limitstest.Run(t, func(t *testing.T) limitstest.Fixture {
		return limitstest.Fixture{Store: open(t, options(t, addr, false)).Counts(), Pass: passing}
	})
}

func TestLimitsOnMiniredis(t *testing.T) {
	t.Parallel()
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	limitstest.Run(t, func(t *testing.T) limitstest.Fixture {
		return limitstest.Fixture{Store: open(t, options(t, m.Addr(), true)).Counts(), Pass: passing}
	})
}

func TestLimitsOnACluster(t *testing.T) {
	t.Parallel()
	addrs := devstack.RedisClusterForTest(t).Addrs()
	limitstest.Run(t, func(t *testing.T) limitstest.Fixture {
		o := options(t, addrs[0], false)
		o.Addrs = addrs
		return limitstest.Fixture{Store: open(t, o).Counts(), Pass: passing}
	})
}
