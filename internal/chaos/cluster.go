package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"annal/internal/chaos/load"
	"annal/internal/devstack"
)

// How many there are of each.
const (
	partitions = 6
	gateways   = 2
	sequencers = 3
	hots       = 2
	heapMiB    = 256
)

// cluster is Annal and its engines.
type cluster struct {
	dir       string
	binary    string
	kafka     *devstack.KafkaCluster
	redis     *devstack.Redis
	processes []*process
	token     string

	mu sync.Mutex
	// deaths are ends that nobody asked for.
	deaths []string
}

// startCluster starts everything. After an error nothing is left running.
func startCluster(ctx context.Context, binary, dir string) (_ *cluster, err error) {
	c := &cluster{dir: dir, binary: binary}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if c.redis, err = devstack.StartRedis(ctx, devstack.RedisOptions{Dir: filepath.Join(dir, "redis")}); err != nil {
		return nil, err
	}
	if c.kafka, err = devstack.StartKafkaCluster(ctx, devstack.KafkaOptions{Dir: filepath.Join(dir, "kafka"), HeapMiB: heapMiB}); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	errs := make([]error, len(c.processes))
	var started sync.WaitGroup
	for i, p := range c.processes {
		started.Go(func() { errs[i] = p.start(ctx) })
	}
	started.Wait()
	return c, errors.Join(errs...)
}

// prepare makes topics and keys, and says what is to run.
func (c *cluster) prepare(ctx context.Context) error {
	kafka := strings.Join(c.kafka.Addrs(), ",")
	if _, err := c.run(ctx, "topics", "create", "--kafka", kafka, "--partitions", strconv.Itoa(partitions), "--replication", "3", "--min-insync-replicas", "2"); err != nil {
		return err
	}
	key, public := filepath.Join(c.dir, "signing.json"), filepath.Join(c.dir, "keys.json")
	if _, err := c.run(ctx, "token", "--new-key", key); err != nil {
		return err
	}
	keys, err := c.run(ctx, "token", "--key", key, "--public")
	if err != nil {
		return err
	}
	if err := os.WriteFile(public, []byte(keys), 0o600); err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	if c.token, err = c.run(ctx, "token", "--key", key, "--service", "chaos", "--user", "chaos"); err != nil {
		return err
	}
	add := func(role string, n int, more ...string) {
		for i := range n {
			p := newProcess(c.binary, c.dir, role, fmt.Sprintf("%s-%d", role, i+1), append([]string{"--kafka", kafka}, more...))
			p.ended = c.ended
			c.processes = append(c.processes, p)
		}
	}
	add("sequencer", sequencers)
	add("hot", hots, "--redis", c.redis.Addr())
	add("gateway", gateways, "--redis", c.redis.Addr(), "--auth-keys", public)
	return nil
}

// run runs the binary to its end and gives what it printed.
func (c *cluster) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("chaos: annal %s: %w: %s", args[0], err, log.String())
	}
	return strings.TrimSpace(out.String()), nil
}

func (c *cluster) ended(p *process, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaths = append(c.deaths, fmt.Sprintf("%s ended by itself: %v%s", p.name, err, devstack.LogTail(p.log)))
}

func (c *cluster) endings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.deaths...)
}

// of gives the processes of a role.
func (c *cluster) of(role string) []*process {
	var out []*process
	for _, p := range c.processes {
		if p.role == role {
			out = append(out, p)
		}
	}
	return out
}

func (c *cluster) where() []load.Where {
	var out []load.Where
	for _, p := range c.of("gateway") {
		out = append(out, p.where)
	}
	return out
}

// flush empties Redis, with a connection of its own.
func (c *cluster) flush(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.redis.Addr())
	if err != nil {
		return fmt.Errorf("chaos: flush: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("chaos: flush: %w", err)
	}
	if _, err := io.WriteString(conn, "FLUSHALL\r\nQUIT\r\n"); err != nil {
		return fmt.Errorf("chaos: flush: %w", err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "+OK") {
		return fmt.Errorf("chaos: flush: Redis says %q: %w", answer, err)
	}
	return nil
}

// stop ends all processes, those of Annal first, by force: what they hold is judged already.
func (c *cluster) stop() error {
	for _, p := range c.processes {
		p.kill()
	}
	var err error
	if c.kafka != nil {
		err = c.kafka.Stop()
	}
	if c.redis != nil {
		err = errors.Join(err, c.redis.Stop())
	}
	return err
}
