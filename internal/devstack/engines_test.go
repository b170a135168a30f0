package devstack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestKafkaKeepsDataOverKill(t *testing.T) {
	k, err := StartKafka(testContext(t), KafkaOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	}()
	before := k.Addrs()
	createTopic(t, before, "kept", nil)
	produce(t, before, "kept", kgo.StringRecord("before the kill"))

	k.Kill()
	if _, err := net.Dial("tcp", before[0]); err == nil {
		t.Error("something still listens after Kill")
	}
	if err := k.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if after := k.Addrs(); after[0] != before[0] {
		t.Errorf("address changed from %s to %s", before[0], after[0])
	}
	if got := consume(t, before, "kept", 1); string(got[0].Value) != "before the kill" {
		t.Errorf("got %q", got[0].Value)
	}

	if _, err := StartKafka(testContext(t), KafkaOptions{Dir: k.dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second broker in the same directory: %v", err)
	}
}

func TestKafkaForTestIsShared(t *testing.T) {
	k := KafkaForTest(t)
	if KafkaForTest(t) != k {
		t.Error("two brokers")
	}
	topic := UniqueName(t)
	createTopic(t, k.Addrs(), topic, map[string]string{"message.timestamp.type": "LogAppendTime"})
	produce(t, k.Addrs(), topic, &kgo.Record{Value: []byte("x"), Timestamp: in2020})
	if got := consume(t, k.Addrs(), topic, 1)[0]; got.Timestamp.Year() < 2021 || got.Attrs.TimestampType() != 1 {
		t.Errorf("timestamp %v of type %d, want the broker's", got.Timestamp, got.Attrs.TimestampType())
	}
}

func TestKafkaStartFailureSaysWhy(t *testing.T) {
	_, err := StartKafka(testContext(t), KafkaOptions{Config: map[string]string{"num.io.threads": "none"}})
	if err == nil || !strings.Contains(err.Error(), "num.io.threads") {
		t.Errorf("the error does not name the bad setting: %v", err)
	}
}

func TestPortIsHeld(t *testing.T) {
	var p ports
	port, err := p.choose()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold(port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("chosen twice: %v", err)
	}
	engine, err := net.Listen("tcp", hostport(port))
	if err != nil {
		t.Fatalf("the engine can't listen: %v", err)
	}
	if err := errors.Join(engine.Close(), p.release()); err != nil {
		t.Error(err)
	}
	again, err := hold(port)
	if err != nil {
		t.Fatalf("not given back: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestRedis(t *testing.T) {
	r, err := StartRedis(testContext(t), RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := redisSays(t, r.Addr(), "CONFIG GET maxmemory-policy"); !strings.Contains(got, "noeviction") {
		t.Errorf("maxmemory-policy: %q", got)
	}
	redisSays(t, r.Addr(), "SET k v")
	addr := r.Addr()
	r.Kill()
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("something still listens after Kill")
	}
	if _, err := hold(r.port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another could take its port while it is down: %v", err)
	}
	if err := r.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := redisSays(t, addr, "DBSIZE"); got != ":0\r\n" {
		t.Errorf("after a restart without persistence: %q", got)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestRedisWithPersistenceKeepsData(t *testing.T) {
	r, err := StartRedis(testContext(t), RedisOptions{Dir: t.TempDir(), Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	if err != nil {
		t.Fatal(err)
	}
	redisSays(t, r.Addr(), "SET k v")
	if err := r.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := redisSays(t, r.Addr(), "DBSIZE"); got != ":1\r\n" {
		t.Errorf("DBSIZE after a kill: %q", got)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
}

func TestRedisOnTakenPortFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over by then
	_, err = StartRedis(testContext(t), RedisOptions{Port: l.Addr().(*net.TCPAddr).Port})
	if !errors.Is(err, errExited) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want the exit and Redis's reason", err)
	}
}

// TestMissingEngine must not run beside other tests: it hides the engines from the whole process.
func TestMissingEngine(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATH", "")
	if _, err := StartKafka(testContext(t), KafkaOptions{}); !errors.Is(err, ErrEngineMissing) {
		t.Errorf("Kafka: %v", err)
	}
	if _, err := StartRedis(testContext(t), RedisOptions{}); !errors.Is(err, ErrEngineMissing) {
		t.Errorf("Redis: %v", err)
	}
	failed := new(recordingTB)
	var missing shared[*Redis]
	if _, err := missing.get(func() (*Redis, error) { return StartRedis(context.Background(), RedisOptions{}) }); err != nil {
		failed.Fatalf("%v", err)
	}
	if !strings.Contains(failed.message, "make engines") {
		t.Errorf("a test would fail with %q", failed.message)
	}
}

type recordingTB struct{ message string }

func (r *recordingTB) Helper()                        {}
func (r *recordingTB) Name() string                   { return "Recording" }
func (r *recordingTB) Fatalf(format string, a ...any) { r.message = fmt.Sprintf(format, a...) }

func TestChildrenDieWithTheirParent(t *testing.T) {
	parent, addrs := startRole(t, "engines")
	conns := make([]net.Conn, 0, len(addrs))
	for _, addr := range addrs {
		conns = append(conns, dialed(t, addr))
	}
	killRole(t, parent)
	for i, conn := range conns {
		// A living engine would keep the connection open: the deadline would end the read instead.
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s outlived its parent: %v", addrs[i], err)
		}
		eventually(t, addrs[i]+" refuses connections", func() bool {
			conn, err := net.Dial("tcp", addrs[i])
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		})
	}

	// The killed parent could not remove its directories; the next start does.
	left := fmt.Sprintf("%s%d-*", tempPrefix, parent.Process.Pid)
	if found, err := filepath.Glob(filepath.Join(os.TempDir(), left)); err != nil || len(found) == 0 {
		t.Fatalf("no directories left by the parent: %v", err)
	}
	dir, err := tempDir("sweep")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // swept later if not now
	if found, err := filepath.Glob(filepath.Join(os.TempDir(), left)); err != nil || len(found) != 0 {
		t.Errorf("not swept: %v %v", found, err)
	}
}

func TestMiniredis(t *testing.T) {
	m, err := StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Stop()
	if err := pingRedis(testContext(t), m.Addr()); err != nil {
		t.Error(err)
	}
}

func TestUniqueName(t *testing.T) {
	a, b := UniqueName(t), UniqueName(t)
	if a == b || !strings.HasPrefix(a, "testuniquename-") {
		t.Errorf("got %q and %q", a, b)
	}
}

// redisSays sends one inline command and returns the first kilobyte of the answer, raw.
func redisSays(t *testing.T, addr, command string) string {
	t.Helper()
	conn := dialed(t, addr)
	if _, err := io.WriteString(conn, command+"\r\nQUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(bufio.NewReader(io.LimitReader(conn, 1024)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(answer), "+OK\r\n")
}
