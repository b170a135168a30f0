package redis_test

import (
	"context"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/presence/presencetest"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	addr := devstack.RedisForTest(t).Addr()
	presencetest.Run(t, func(t *testing.T) presencetest.Fixture { return presenceFixture(t, options(t, addr, false)) })
}

func TestPresenceOnMiniredis(t *testing.T) {
	t.Parallel()
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	presencetest.Run(t, func(t *testing.T) presencetest.Fixture { return presenceFixture(t, options(t, m.Addr(), true)) })
}

func TestPresenceOnACluster(t *testing.T) {
	t.Parallel()
	addrs := devstack.RedisClusterForTest(t).Addrs()
	presencetest.Run(t, func(t *testing.T) presencetest.Fixture {
		o := options(t, addrs[0], false)
		o.Addrs = addrs
		return presenceFixture(t, o)
	})
}

func presenceFixture(t *testing.T, o redis.Options) presencetest.Fixture {
	return presencetest.Fixture{Store: open(t, o).Presence(), Pass: passing, Empty: func(t *testing.T) {
		each := func(_ context.Context, m *goredis.Client) error {
			flush(t, m, o.Prefix)
			return nil
		}
		if len(o.Addrs) == 1 {
			admin := goredis.NewClient(&goredis.Options{Addr: o.Addrs[0]})
			defer func() { _ = admin.Close() }()
			_ = each(t.Context(), admin)
			return
		}
		admin := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: o.Addrs})
		defer func() { _ = admin.Close() }()
		if err := admin.ForEachMaster(t.Context(), each); err != nil {
			t.Fatal(err)
		}
	}}
}
