package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// rebuilt is how many events a rebuilding has before it, and pipelined how many of the
// floor's scripts go in one pipeline.
const (
	rebuilt   = 300_000
	pipelined = 64
)

// BenchmarkRebuild empties a real Redis and waits until the view is whole again, from a
// log in memory: from the projector's start to its readiness. The floor is a script of
// three writes, pipelined over as many connections (what Redis itself can do).
func BenchmarkRebuild(b *testing.B) {
	b.Run("floor", benchmarkFloor)
	for _, partitions := range []int32{1, 4} {
		for _, sessions := range []int{1_000, 100_000} {
			b.Run(fmt.Sprintf("partitions=%d/sessions=%d", partitions, sessions), func(b *testing.B) {
				benchmarkRebuild(b, partitions, sessions)
			})
		}
	}
}

func benchmarkRebuild(b *testing.B, partitions int32, sessions int) {
	o := options(b, devstack.RedisForTest(b).Addr(), false)
	o.Window, o.Partitions = redis.Defaults().Window, partitions
	r := open(b, o)
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: partitions})
	defer log.Close()
	chatter(b, log, sessions)
	// To empty it takes seconds on a busy machine.
	admin := goredis.NewClient(&goredis.Options{Addr: o.Addrs[0], ReadTimeout: time.Minute})
	defer func() { _ = admin.Close() }()
	// The first time everything is told: that is no rebuilding.
	untilWhole(b, log, r)
	used := newUsed(b, o.Addrs[0])
	for b.Loop() {
		b.StopTimer()
		if err := admin.FlushAll(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		used.start()
		b.StartTimer()
		untilWhole(b, log, r)
		used.stop()
	}
	b.ReportMetric(float64(rebuilt)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	used.report()
}

// chatter fills a log: pairs who mostly send 300 bytes, read, and change their minds.
func chatter(b *testing.B, log eventlog.Log, sessions int) {
	chat, dice := hottest.NewChat(b, log), rand.New(rand.NewPCG(1, 2))
	body := events.TextBody(fmt.Sprintf("%0300d", 0))
	for i := range rebuilt {
		if i < sessions {
			chat.Accept(session(i), "ann", couple(i))
			continue
		}
		s := session(dice.IntN(sessions))
		one, other := events.UserID("u_"+s), events.UserID("v_"+s)
		last, index := chat.Seq(s), chat.Index(s)-1
		switch {
		case index == 0 || dice.IntN(10) < 7:
			chat.Accept(s, one, events.Sent{Body: body})
		case dice.IntN(10) < 8:
			chat.Accept(s, other, events.Read{Marker: last, MarkerIndex: index})
		default:
			chat.Accept(s, one, events.Overridden{Target: last, TargetIndex: index, Body: body})
		}
	}
	chat.Wait()
}

// couple opens a session of two who are in no other.
func couple(i int) events.Created {
	c := pair()
	c.Members[0].User, c.Members[1].User = events.UserID("u_"+session(i)), events.UserID("v_"+session(i))
	return c
}

// untilWhole runs a projector until it is ready.
func untilWhole(b *testing.B, log *eventlog.Memory, r *redis.Redis) {
	client := log.Client()
	defer client.Close()
	ctx, cancel := context.WithCancel(b.Context())
	p, err := hot.New(ctx, hot.Options{
		Log: client, Store: r, Notifier: r, Source: "urn:test", NewViewID: newViewID, CommitEvery: time.Second, Recall: time.Hour,
		Logger: slog.New(slog.DiscardHandler), Metrics: hot.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.Ready() != nil {
		select {
		case <-tick.C:
		case err := <-ended:
			b.Fatalf("the projector ended with %v before its view was whole", err)
		}
	}
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	b.StartTimer()
}

// benchmarkFloor writes a message's worth by the plainest script.
func benchmarkFloor(b *testing.B) {
	o := options(b, devstack.RedisForTest(b).Addr(), false)
	client := goredis.NewClient(&goredis.Options{Addr: o.Addrs[0], Protocol: 2})
	defer func() { _ = client.Close() }()
	script := goredis.NewScript(`redis.call('HSET', KEYS[1], 's', ARGV[1]) redis.call('ZADD', KEYS[2], ARGV[1], ARGV[2]) return redis.call('SPUBLISH', KEYS[1], ARGV[2])`)
	if err := script.Load(b.Context(), client).Err(); err != nil {
		b.Fatal(err)
	}
	value := string(messageValue(b))
	used := newUsed(b, o.Addrs[0])
	for b.Loop() {
		used.start()
		var lanes errgroup.Group
		for lane := range o.Connections {
			lanes.Go(func() error {
				key := fmt.Sprintf("%s{%d}", o.Prefix, lane)
				for n := 0; n < rebuilt/o.Connections; n += pipelined {
					pipe := client.Pipeline()
					for i := range pipelined {
						script.EvalSha(b.Context(), pipe, []string{key, key + "z"}, n+i, value)
					}
					if _, err := pipe.Exec(b.Context()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := lanes.Wait(); err != nil {
			b.Fatal(err)
		}
		used.stop()
	}
	used.report()
	b.ReportMetric(float64(rebuilt)*float64(b.N)/b.Elapsed().Seconds(), "scripts/s")
}

// used is the processors' time that was spent, here and in Redis: on a machine that has
// other work too it says more than the clock.
type used struct {
	*testing.B
	admin               *goredis.Client
	here, there         time.Duration
	hereFrom, thereFrom time.Duration
}

func newUsed(b *testing.B, addr string) *used {
	admin := goredis.NewClient(&goredis.Options{Addr: addr})
	b.Cleanup(func() { _ = admin.Close() })
	return &used{B: b, admin: admin}
}

func (u *used) start() { u.hereFrom, u.thereFrom = u.now() }

func (u *used) stop() {
	here, there := u.now()
	u.here += here - u.hereFrom
	u.there += there - u.thereFrom
}

func (u *used) now() (here, there time.Duration) {
	u.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		u.Fatal(err)
	}
	info, err := u.admin.InfoMap(u.Context(), "cpu").Result()
	if err != nil {
		u.Fatal(err)
	}
	for _, field := range []string{"used_cpu_user", "used_cpu_sys"} {
		seconds, err := strconv.ParseFloat(info["CPU"][field], 64)
		if err != nil {
			u.Fatalf("%s of Redis: %v", field, err)
		}
		there += time.Duration(seconds * float64(time.Second))
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), there
}

func (u *used) report() {
	events := float64(rebuilt) * float64(u.N)
	u.ReportMetric(float64(u.here.Microseconds())/events, "us-here/event")
	u.ReportMetric(float64(u.there.Microseconds())/events, "us-redis/event")
}
