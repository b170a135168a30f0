package devstack

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// RedisOptions say how a [Redis] is started. The zero value is right for tests.
type RedisOptions struct {
	// Dir is its working directory. Empty: a temporary one, removed by Stop.
	Dir string
	// Port to listen on. 0: a free one, kept over restarts.
	Port int
	// Args are appended to the command line, such as "--appendonly", "yes", and win over the defaults:
	// no persistence, maxmemory-policy noeviction.
	Args []string
}

// Redis is a redis-server process. Its methods are not safe for concurrent use, except Addr.
type Redis struct {
	engine
	opts RedisOptions
}

// StartRedis starts redis-server and returns once it answers PING. The error wraps [ErrEngineMissing] when it is not
// installed, and otherwise ends with the tail of its log. ctx bounds the start only.
func StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	r := &Redis{opts: opts}
	r.launch, r.grace = r.run, 10*time.Second
	if err := r.place(opts.Dir, "redis"); err != nil {
		return nil, err
	}
	if err := r.begin(ctx, opts.Port); err != nil {
		return nil, err
	}
	return r, nil
}

// run starts redis-server. Without persistence it is empty then.
func (r *Redis) run(ctx context.Context) (*child, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("devstack: redis-server: %w", ErrEngineMissing)
	}
	args := append([]string{
		"--bind", loopback, "--port", strconv.Itoa(r.port), "--dir", r.dir, "--daemonize", "no",
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}, r.opts.Args...)
	proc, err := startChild("redis", r.dir, filepath.Join(r.dir, "redis.log"), path, args...)
	if err != nil {
		return nil, err
	}
	return proc, waitReady(ctx, proc, 10*time.Millisecond, func(ctx context.Context) error { return pingRedis(ctx, r.Addr()) })
}

func pingRedis(ctx context.Context, addr string) error {
	answer, err := askRedis(ctx, addr, "PING")
	if err != nil {
		return err
	}
	if answer != "+PONG" {
		return fmt.Errorf("redis answered %q", answer)
	}
	return nil
}
