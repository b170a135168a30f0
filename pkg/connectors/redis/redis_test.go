package redis_test

import (
	"log/slog"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

func TestMain(m *testing.M) { devstack.Main(m) }

func TestMiniredis(t *testing.T) {
	t.Parallel()
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	hottest.Run(t, func(t testing.TB) hottest.Fixture { return fixture(t, m.Addr(), true) })
}

func TestRedis(t *testing.T) {
	t.Parallel()
	addr := devstack.RedisForTest(t).Addr()
	hottest.Run(t, func(t testing.TB) hottest.Fixture { return fixture(t, addr, false) })
}

// TestRedisFailsOver: what readers and writers are told of a server that took over.
func TestRedisFailsOver(t *testing.T) {
	p, dir := startServer(t)
	f := fixture(t, p.addr(), false)
	f.Copy = func(t testing.TB) func() { return copyOf(t, p, dir) }
	hottest.RunFailover(t, f)
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	addrs := devstack.RedisClusterForTest(t).Addrs()
	hottest.Run(t, func(t testing.TB) hottest.Fixture { return clusterFixture(t, addrs) })
}

func options(t testing.TB, addr string, embedded bool) redis.Options {
	o := redis.Defaults()
	o.Addrs, o.Embedded, o.Prefix = []string{addr}, embedded, devstack.UniqueName(t)+":"
	o.Partitions, o.Window, o.TallyFrom, o.Log = 3, 20, 3, slog.New(slog.DiscardHandler)
	return o
}

func open(t testing.TB, o redis.Options) *redis.Redis {
	t.Helper()
	r, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

func fixture(t testing.TB, addr string, embedded bool) hottest.Fixture {
	o := options(t, addr, embedded)
	admin := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { _ = admin.Close() })
	p := startProxy(t, addr)
	through := o
	through.Addrs = []string{p.addr()}
	f := fixtureOf(t, o, through, admin)
	f.Break = func(testing.TB) { p.cut() }
	f.Flush = func(t testing.TB) { flush(t, admin, o.Prefix) }
	return f
}

// fixtureOf has what all have in common; feeds go another way.
func fixtureOf(t testing.TB, o, feeds redis.Options, admin goredis.UniversalClient) hottest.Fixture {
	r := open(t, o)
	return hottest.Fixture{
		Store: r, View: r.Reader(), Notifier: r, Partitions: o.Partitions, Window: o.Window, TallyFrom: o.TallyFrom,
		Feed: func(t testing.TB, instance string) hot.Feed {
			through := feeds
			through.Instance = instance
			feed, err := open(t, through).NewFeed(t.Context())
			if err != nil {
				t.Fatalf("feed: %v", err)
			}
			return feed
		},
		Parts: []string{"head", "window", "states", "members", "roster", "gone", "facts", "traits", "mentions", "tally", "reactions", "emojis"},
		Drop: func(t testing.TB, s events.SessionID, part string) bool {
			n, err := admin.Del(t.Context(), o.Prefix+"annal:{"+string(s)+"}:"+part).Result()
			if err != nil {
				t.Fatalf("drop %s: %v", part, err)
			}
			return n == 1
		},
	}
}

// flush deletes what a server has under a prefix.
func flush(t testing.TB, admin *goredis.Client, prefix string) {
	keys := admin.Scan(t.Context(), 0, prefix+"*", 1000).Iterator()
	for keys.Next(t.Context()) {
		if err := admin.Del(t.Context(), keys.Val()).Err(); err != nil {
			t.Fatalf("flush: %v", err)
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatalf("flush: %v", err)
	}
}
