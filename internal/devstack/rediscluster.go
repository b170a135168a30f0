package devstack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// redisMasters is how many masters a [RedisCluster] has, and slots how many slots there are.
const (
	redisMasters = 3
	clusterSlots = 16384
)

// RedisCluster is a Redis Cluster of three masters without replicas, each with a third of the slots in order.
type RedisCluster struct{ nodes []*Redis }

// StartRedisCluster starts one and returns once all nodes serve all slots. Errors are those of [StartRedis].
func StartRedisCluster(ctx context.Context) (*RedisCluster, error) {
	c := &RedisCluster{}
	for range redisMasters {
		node, err := startNode(ctx)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.nodes = append(c.nodes, node)
	}
	if err := c.join(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// startNode starts a server that is no part of a cluster yet.
func startNode(ctx context.Context) (node *Redis, err error) {
	err = withFreePorts(ctx, false, func() error {
		var bus ports
		port, err := bus.choose()
		if err != nil {
			return err
		}
		node, err = StartRedis(ctx, RedisOptions{Args: []string{
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "5000", "--cluster-port", strconv.Itoa(port),
		}})
		if err != nil {
			return errors.Join(err, bus.release())
		}
		node.ports.held = append(node.ports.held, bus.held...)
		return nil
	})
	return node, err
}

func (c *RedisCluster) join(ctx context.Context) error {
	for i, node := range c.nodes {
		first, last := i*clusterSlots/redisMasters, (i+1)*clusterSlots/redisMasters-1
		if _, err := askRedis(ctx, node.Addr(), "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		host, port, err := net.SplitHostPort(c.nodes[0].Addr())
		if err != nil {
			return fmt.Errorf("devstack: %w", err)
		}
		if _, err := askRedis(ctx, node.Addr(), "CLUSTER", "MEET", host, port, c.nodes[0].busPort()); err != nil {
			return err
		}
	}
	return c.await(ctx)
}

// await waits until all nodes serve all slots.
func (c *RedisCluster) await(ctx context.Context) error {
	for _, node := range c.nodes {
		if err := waitReady(ctx, node.proc, 20*time.Millisecond, func(ctx context.Context) error { return servesAll(ctx, node.Addr()) }); err != nil {
			return err
		}
	}
	return nil
}

// busPort is the value of its --cluster-port.
func (r *Redis) busPort() string { return r.opts.Args[len(r.opts.Args)-1] }

// servesAll says whether the node knows all others and that all slots are served.
func servesAll(ctx context.Context, addr string) error {
	info, err := askRedis(ctx, addr, "CLUSTER", "INFO")
	if err != nil {
		return err
	}
	for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", clusterSlots), fmt.Sprintf("cluster_size:%d", redisMasters)} {
		if !strings.Contains(info, want) {
			return fmt.Errorf("no %s yet", want)
		}
	}
	return nil
}

// Addrs are those of the nodes, host:port.
func (c *RedisCluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addrs[i] = n.Addr()
	}
	return addrs
}

// Restart restarts a node as [Redis.Restart] does, and returns once all serve all slots again. What the node has then is
// what it last saved.
func (c *RedisCluster) Restart(ctx context.Context, node int) error {
	if err := c.nodes[node].Restart(ctx); err != nil {
		return err
	}
	return c.await(ctx)
}

// Stop ends all nodes and removes their directories.
func (c *RedisCluster) Stop() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.Stop())
	}
	return errors.Join(errs...)
}

// askRedis sends a command and gives the answer, a line or a bulk string. It speaks the protocol by hand: this package
// must not need the client that the code under test uses.
func askRedis(ctx context.Context, addr string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	command := fmt.Sprintf("*%d\r\n", len(args))
	for _, a := range args {
		command += fmt.Sprintf("$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(conn, command); err != nil {
		return "", err
	}
	reader := bufio.NewReader(conn)
	answer, err := reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	answer = strings.TrimSpace(answer)
	if strings.HasPrefix(answer, "-") {
		return "", fmt.Errorf("devstack: redis answered %s with %q", args[0], answer)
	}
	if !strings.HasPrefix(answer, "$") {
		return answer, nil
	}
	n, err := strconv.Atoi(answer[1:])
	if err != nil || n < 0 || n > 1<<20 {
		return "", fmt.Errorf("devstack: redis answered %s with a string of %q bytes", args[0], answer[1:])
	}
	bulk := make([]byte, n)
	_, err = io.ReadFull(reader, bulk)
	return string(bulk), err
}
