package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ClickHouseOptions say how a [ClickHouse] is started. The zero value is right for tests.
type ClickHouseOptions struct {
	// Dir holds the data and the log. Empty: a temporary one, removed by Stop.
	Dir string
	// Port to listen on. 0: a free one, kept over restarts.
	Port int
	// Binary is chdbd. Empty: it is built from the sources of the module that the working directory is in.
	Binary string
	// Library is libchdb.so. Empty: the one that `make engines` fetched.
	Library string
	// Args are appended to the command line, such as "--max-statements", "4"; Env to the environment.
	Args, Env []string
}

// ClickHouse is a chdbd process: ClickHouse's engine behind its HTTP interface. Its methods are not safe for concurrent
// use, except URL.
type ClickHouse struct {
	opts      ClickHouseOptions
	dir       string
	temporary bool
	ports     ports
	port      int
	proc      *child // nil while stopped
}

// StartClickHouse starts chdbd and returns once it answers. The error wraps [ErrEngineMissing] when the library is not
// installed, and otherwise ends with the tail of its log. ctx bounds the start only.
func StartClickHouse(ctx context.Context, opts ClickHouseOptions) (*ClickHouse, error) {
	if opts.Library == "" {
		var err error
		if opts.Library, err = Cached("chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"); err != nil {
			return nil, err
		}
	}
	dir, temporary, err := placeFor(opts.Dir, "clickhouse")
	if err != nil {
		return nil, err
	}
	c := &ClickHouse{opts: opts, dir: dir, temporary: temporary, port: opts.Port}
	if opts.Binary == "" {
		if c.opts.Binary, err = buildChdbd(ctx, dir); err != nil {
			return nil, errors.Join(err, c.release())
		}
	}
	err = withFreePorts(ctx, opts.Port != 0, func() (err error) {
		if opts.Port == 0 {
			if err := c.ports.release(); err != nil { // of an attempt before
				return err
			}
			if c.port, err = c.ports.choose(); err != nil {
				return err
			}
		}
		return c.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

// buildChdbd builds the engine's server. It takes no part in races: it is a process of its own.
func buildChdbd(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "chdbd")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "annal/cmd/chdbd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("devstack: build chdbd: %w\n%s", err, out)
	}
	return binary, nil
}

// URL is where it is asked, the same over restarts.
func (c *ClickHouse) URL() string { return "http://" + hostport(c.port) }

// Addr is its host:port, the same over restarts.
func (c *ClickHouse) Addr() string { return hostport(c.port) }

// PID is its process's id; 0 while it is stopped.
func (c *ClickHouse) PID() int {
	if c.proc == nil {
		return 0
	}
	return c.proc.cmd.Process.Pid
}

// Stop ends it orderly and removes its directory if that was a temporary one, which is the end of it.
// Stopping a stopped one does nothing.
func (c *ClickHouse) Stop() error {
	if c.proc == nil {
		return c.release()
	}
	err := c.proc.stop(20 * time.Second)
	c.proc = nil
	return errors.Join(err, c.release())
}

// Kill ends it by SIGKILL and keeps its directory for Restart.
func (c *ClickHouse) Kill() {
	if c.proc != nil {
		c.proc.kill()
		c.proc = nil
	}
}

// Restart starts it on the same port and directory, killing it first if it runs.
func (c *ClickHouse) Restart(ctx context.Context) error {
	c.Kill()
	return c.start(ctx)
}

func (c *ClickHouse) release() error {
	err := c.ports.release()
	if c.temporary {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}

func (c *ClickHouse) start(ctx context.Context) error {
	args := append([]string{
		"--listen", c.Addr(), "--library", c.opts.Library, "--data", filepath.Join(c.dir, "data"), "--grace", "5s",
	}, c.opts.Args...)
	cmd := exec.Command(c.opts.Binary, args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.opts.Env...)
	proc, err := startCommand("chdbd", filepath.Join(c.dir, "chdbd.log"), cmd)
	if err != nil {
		return err
	}
	if err := waitReady(ctx, proc, 20*time.Millisecond, func(ctx context.Context) error { return pingHTTP(ctx, c.URL()+"/ping") }); err != nil {
		return err
	}
	c.proc = proc
	return nil
}

func pingHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, answer.Status)
	}
	return nil
}
