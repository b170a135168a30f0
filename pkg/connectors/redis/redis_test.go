package redis_test

import (
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

func TestMain(m *testing.M) { devstack.Main(m) }

func TestMiniredis(t *testing.T) {
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	hottest.Run(t, func(t testing.TB) hottest.Fixture { return fixture(t, m.Addr(), true) })
}

func TestRedis(t *testing.T) {
	addr := devstack.RedisForTest(t).Addr()
	hottest.Run(t, func(t testing.TB) hottest.Fixture { return fixture(t, addr, false) })
}

func options(t testing.TB, addr string, embedded bool) redis.Options {
	o := redis.Defaults()
	o.Addr, o.Embedded, o.Prefix = addr, embedded, devstack.UniqueName(t)+":"
	o.Partitions, o.Window, o.Log = 3, 20, slog.New(slog.DiscardHandler)
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
	r := open(t, o)
	admin := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { _ = admin.Close() })
	p := startProxy(t, addr)
	return hottest.Fixture{
		Store: r, View: r.Reader(), Notifier: r, Partitions: o.Partitions, Window: o.Window,
		Feed: func(t testing.TB, instance string) hot.Feed {
			through := o
			through.Addr, through.Instance = p.addr(), instance
			feed, err := open(t, through).NewFeed(t.Context())
			if err != nil {
				t.Fatalf("feed: %v", err)
			}
			return feed
		},
		Break: func(testing.TB) { p.cut() },
		Parts: []string{"head", "window", "states", "members", "roster", "gone"},
		Drop: func(t testing.TB, s events.SessionID, part string) bool {
			n, err := admin.Del(t.Context(), o.Prefix+"annal:{"+string(s)+"}:"+part).Result()
			if err != nil {
				t.Fatalf("drop %s: %v", part, err)
			}
			return n == 1
		},
		Flush: func(t testing.TB) {
			keys := admin.Scan(t.Context(), 0, o.Prefix+"*", 1000).Iterator()
			for keys.Next(t.Context()) {
				if err := admin.Del(t.Context(), keys.Val()).Err(); err != nil {
					t.Fatalf("flush: %v", err)
				}
			}
			if err := keys.Err(); err != nil {
				t.Fatalf("flush: %v", err)
			}
		},
	}
}

// proxy forwards connections until they are cut.
type proxy struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	open     []net.Conn
}

func startProxy(t testing.TB, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to}
	var running sync.WaitGroup
	running.Go(func() { p.accept(&running) })
	t.Cleanup(func() {
		l.Close()
		p.cut()
		running.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept(running *sync.WaitGroup) {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.DialTimeout("tcp", p.to, time.Second)
		if err != nil {
			in.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, in, out)
		p.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			running.Go(func() {
				_, _ = io.Copy(way[1], way[0]) // ends when either side is closed
				in.Close()
				out.Close()
			})
		}
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}
