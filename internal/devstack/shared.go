package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// TB is what this package needs of testing.TB, which it must not import: it is part of the annal binary.
type TB interface {
	Helper()
	Name() string
	Fatalf(format string, args ...any)
}

// shared is one engine of this process, started when first asked for.
type shared[E interface{ Stop() error }] struct {
	mu     sync.Mutex
	engine E
	err    error
	asked  bool
}

func (s *shared[E]) get(start func() (E, error)) (E, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked {
		s.asked = true
		s.engine, s.err = start()
	}
	return s.engine, s.err
}

func (s *shared[E]) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked || s.err != nil {
		return nil
	}
	s.asked = false
	return s.engine.Stop()
}

var (
	sharedKafka shared[*Kafka]
	sharedRedis shared[*Redis]

	sharedCluster    shared[*RedisCluster]
	sharedClickHouse shared[*ClickHouse]
)

// KafkaForTest returns the Kafka that all tests of this process share, starting it the first time. The caller must not
// stop or kill it, and names topics and groups with [UniqueName]. It fails the test when Kafka can't be had.
func KafkaForTest(t TB) *Kafka {
	t.Helper()
	k, err := sharedKafka.get(func() (*Kafka, error) { return StartKafka(context.Background(), KafkaOptions{}) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	return k
}

// RedisForTest returns the Redis that all tests of this process share, starting it the first time. The caller must not
// stop, kill or flush it, and starts its keys with [UniqueName]. It fails the test when Redis can't be had.
func RedisForTest(t TB) *Redis {
	t.Helper()
	r, err := sharedRedis.get(func() (*Redis, error) { return StartRedis(context.Background(), RedisOptions{}) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

// RedisClusterForTest is [RedisForTest] for a Redis Cluster. The caller may move slots, and moves them back.
func RedisClusterForTest(t TB) *RedisCluster {
	t.Helper()
	c, err := sharedCluster.get(func() (*RedisCluster, error) { return StartRedisCluster(context.Background()) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// ClickHouseForTest returns the ClickHouse engine that all tests of this process share, starting it the first time. The
// caller must not stop or kill it, and works in a database named with [UniqueName]. It fails the test when the engine
// can't be had.
func ClickHouseForTest(t TB) *ClickHouse {
	t.Helper()
	c, err := sharedClickHouse.get(func() (*ClickHouse, error) { return StartClickHouse(context.Background(), ClickHouseOptions{}) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// Main runs a package's tests and then stops the shared engines; call it from TestMain with the *testing.M. Without it
// they die with the process all the same, but leave their directories to the next devstack that starts.
func Main(m interface{ Run() int }) {
	code := m.Run()
	if err := errors.Join(sharedKafka.stop(), sharedRedis.stop(), sharedCluster.stop(), sharedClickHouse.stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

var uniqueNames atomic.Int64

// UniqueName returns a name no other call of this process returns, for topics, groups and key prefixes: the test's
// name in [a-z0-9-], at most 80 bytes of it, and a number.
func UniqueName(t TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	return fmt.Sprintf("%.80s-%d", name, uniqueNames.Add(1))
}
