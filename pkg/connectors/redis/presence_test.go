package redis_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/events"
	"annal/pkg/presence"
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

// A server that takes over with an older copy has connections that have ended, and lacks others: the gateway that has them mends both.
func TestPresenceFailsOver(t *testing.T) {
	t.Parallel()
	p, dir := startServer(t)
	store := open(t, options(t, p.addr(), false)).Presence()
	ctx, stop := context.WithCancel(t.Context())
	metrics := prometheus.NewRegistry()
	losses := func() (n float64) {
		all, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.GetName() == "annal_presence_losses_total" {
				n = f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		return n
	}
	k := presence.NewKeeper(store, "n", func(context.Context, []events.UserID) {}, slog.New(slog.DiscardHandler), presence.NewMetrics(metrics))
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	defer running.Wait()
	defer stop()
	await := func(when string, want ...string) {
		t.Helper()
		var is []string
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && t.Context().Err() == nil; passing(t, 50*time.Millisecond) {
			states, err := presence.NewLookup(store, 0).Of(t.Context(), "ann")
			if err != nil {
				continue // it fails over
			}
			is = nil
			for _, c := range states[0].Connections {
				is = append(is, c.ID)
			}
			if slices.Equal(is, want) {
				return
			}
		}
		t.Errorf("%s: %q, want %q", when, is, want)
	}
	k.Put(presence.Connection{ID: "n/1", User: "ann", Since: 1})
	k.Put(presence.Connection{ID: "n/2", User: "ann", Since: 2})
	await("at first", "n/1", "n/2")
	failOver := copyOf(t, p, dir)
	k.End("n/1", time.Now())
	k.Put(presence.Connection{ID: "n/3", User: "ann", Since: 3})
	await("before", "n/2", "n/3")
	failOver()
	began := time.Now()
	for deadline := began.Add(20 * time.Second); losses() == 0 && time.Now().Before(deadline); passing(t, 50*time.Millisecond) {
	}
	if losses() != 1 {
		t.Errorf("%v losses were noticed", losses())
	}
	await("a while after", "n/2", "n/3")
	t.Logf("right again after %.1f s", time.Since(began).Seconds())
}
