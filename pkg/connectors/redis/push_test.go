package redis_test

import (
	"errors"
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushstoretest"
)

func TestPush(t *testing.T) {
	t.Parallel()
	addr := devstack.RedisForTest(t).Addr()
	pushstoretest.Run(t, func(t *testing.T) push.Store { return pushStore(t, options(t, addr, false)) })
}

func TestPushOnMiniredis(t *testing.T) {
	t.Parallel()
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	pushstoretest.Run(t, func(t *testing.T) push.Store { return pushStore(t, options(t, m.Addr(), true)) })
}

func TestPushOnACluster(t *testing.T) {
	t.Parallel()
	addrs := devstack.RedisClusterForTest(t).Addrs()
	pushstoretest.Run(t, func(t *testing.T) push.Store {
		o := options(t, addrs[0], false)
		o.Addrs = addrs
		return pushStore(t, o)
	})
}

func pushStore(t *testing.T, o redis.Options) push.Store {
	r := open(t, o)
	for _, wrong := range []time.Duration{time.Minute, 365 * 24 * time.Hour} {
		if _, err := r.Push(wrong); !errors.Is(err, redis.ErrKeep) {
			t.Error(wrong, err)
		}
	}
	s, err := r.Push(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
