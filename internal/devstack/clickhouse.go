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
	engine
	opts ClickHouseOptions
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
	c := &ClickHouse{opts: opts}
	c.launch, c.grace = c.run, 20*time.Second
	err := c.place(opts.Dir, "clickhouse")
	if err != nil {
		return nil, err
	}
	if opts.Binary == "" {
		if c.opts.Binary, err = buildEngine(ctx, c.dir, "chdbd"); err != nil {
			return nil, errors.Join(err, c.release())
		}
	}
	if err := c.begin(ctx, opts.Port); err != nil {
		return nil, err
	}
	return c, nil
}

// URL is where it is asked, the same over restarts.
func (c *ClickHouse) URL() string { return "http://" + hostport(c.port) }

func (c *ClickHouse) run(ctx context.Context) (*child, error) {
	args := append([]string{
		"--listen", c.Addr(), "--library", c.opts.Library, "--data", filepath.Join(c.dir, "data"), "--grace", "5s",
	}, c.opts.Args...)
	cmd := exec.Command(c.opts.Binary, args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.opts.Env...)
	proc, err := startCommand("chdbd", filepath.Join(c.dir, "chdbd.log"), cmd)
	if err != nil {
		return nil, err
	}
	return proc, waitReady(ctx, proc, 20*time.Millisecond, func(ctx context.Context) error { return pingHTTP(ctx, c.URL()+"/ping") })
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
