package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	opts      RedisOptions
	dir       string
	temporary bool
	ports     ports
	port      int
	proc      *child // nil while stopped
}

// StartRedis starts redis-server and returns once it answers PING. The error wraps [ErrEngineMissing] when it is not
// installed, and otherwise ends with the tail of its log. ctx bounds the start only.
func StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	dir, temporary, err := placeFor(opts.Dir, "redis")
	if err != nil {
		return nil, err
	}
	r := &Redis{opts: opts, dir: dir, temporary: temporary, port: opts.Port}
	err = withFreePorts(ctx, opts.Port != 0, func() (err error) {
		if opts.Port == 0 {
			if err := r.ports.release(); err != nil { // of an attempt before
				return err
			}
			if r.port, err = r.ports.choose(); err != nil {
				return err
			}
		}
		return r.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, r.release())
	}
	return r, nil
}

// Addr is its host:port, the same over restarts.
func (r *Redis) Addr() string { return hostport(r.port) }

// Stop ends it orderly and removes its directory if that was a temporary one, which is the end of it.
// Stopping a stopped one does nothing.
func (r *Redis) Stop() error {
	if r.proc == nil {
		return r.release()
	}
	err := r.proc.stop(10 * time.Second)
	r.proc = nil
	return errors.Join(err, r.release())
}

// Kill ends it by SIGKILL, as a power cut would, and keeps its directory for Restart.
func (r *Redis) Kill() {
	if r.proc != nil {
		r.proc.kill()
		r.proc = nil
	}
}

// Restart starts it on the same port and directory, killing it first if it runs. Without persistence it is empty then.
func (r *Redis) Restart(ctx context.Context) error {
	r.Kill()
	return r.start(ctx)
}

func (r *Redis) release() error {
	err := r.ports.release()
	if r.temporary {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

func (r *Redis) start(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("devstack: redis-server: %w", ErrEngineMissing)
	}
	args := append([]string{
		"--bind", loopback, "--port", strconv.Itoa(r.port), "--dir", r.dir, "--daemonize", "no",
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}, r.opts.Args...)
	proc, err := startChild("redis", r.dir, filepath.Join(r.dir, "redis.log"), path, args...)
	if err != nil {
		return err
	}
	if err := waitReady(ctx, proc, 10*time.Millisecond, func(ctx context.Context) error { return pingRedis(ctx, r.Addr()) }); err != nil {
		return err
	}
	r.proc = proc
	return nil
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
