package devstack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// roleEnv makes the test binary, run again as a child, start something and wait to be killed.
const roleEnv = "ANNAL_DEVSTACK_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := playRole(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	Main(m)
}

// playRole starts engines, prints their addresses as a JSON array on one line and blocks until killed.
func playRole(role string, args []string) error {
	var addrs []string
	switch role {
	case "engines":
		// Started from a thread that ends at once: a parent-death signal bound to it would kill Redis here already.
		type result struct {
			redis *Redis
			err   error
		}
		started := make(chan result)
		go func() {
			runtime.LockOSThread()
			redis, err := StartRedis(context.Background(), RedisOptions{})
			started <- result{redis, err}
		}()
		r := <-started
		if r.err != nil {
			return r.err
		}
		kafka, err := StartKafka(context.Background(), KafkaOptions{}) // takes long enough for that thread to be gone
		if err != nil {
			return err
		}
		addrs = append(kafka.Addrs(), r.redis.Addr())
	case "kfake":
		k, err := StartKfake(KfakeOptions{Dir: args[0]})
		if err != nil {
			return err
		}
		addrs = k.Addrs()
	default:
		return fmt.Errorf("unknown role %q", role)
	}
	if err := json.NewEncoder(os.Stdout).Encode(addrs); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin) // ends with the parent, should the test itself be killed
	return err
}

// startRole runs this test binary in a role and returns it with the addresses it printed.
func startRole(t *testing.T, role string, args ...string) (*exec.Cmd, []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("role %s printed no addresses: %v", role, err)
	}
	var addrs []string
	if err := json.Unmarshal(line, &addrs); err != nil {
		t.Fatal(err)
	}
	return cmd, addrs
}

// killRole ends a role by SIGKILL and waits for it.
func killRole(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // reports the kill
}

// dialed is a connection that shows, by its end, that the process behind it is gone.
func dialed(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func newClient(t *testing.T, addrs []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addrs...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func createTopic(t *testing.T, addrs []string, topic string, configs map[string]string) {
	t.Helper()
	pointers := make(map[string]*string, len(configs))
	for k, v := range configs {
		pointers[k] = &v
	}
	if _, err := kadm.NewClient(newClient(t, addrs)).CreateTopic(testContext(t), 1, 1, pointers, topic); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, addrs []string, topic string, records ...*kgo.Record) {
	t.Helper()
	client := newClient(t, addrs, kgo.DefaultProduceTopic(topic))
	if err := client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume reads the first n records of a topic's partition 0.
func consume(t *testing.T, addrs []string, topic string, n int) []*kgo.Record {
	t.Helper()
	client := newClient(t, addrs, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx := testContext(t)
	var got []*kgo.Record
	for len(got) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(got), n, err)
		}
		got = append(got, fetches.Records()...)
	}
	return got
}

// eventually waits until cond holds, and fails the test when that takes more than 20 s.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("still not so: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
