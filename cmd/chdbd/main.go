// Command chdbd is ClickHouse's own engine behind ClickHouse's HTTP interface, in one process on loopback: the cold
// archive of `annal dev` and of tests. In production a ClickHouse server takes its place.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"annal/internal/chdb"
	"annal/internal/chdbd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "chdbd:", err)
		stop()
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	listen, library, data string
	user, reader          string
	statements            int
	body                  int64
	maxTime, grace        time.Duration
	level                 string
}

func command() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "chdbd",
		Short: "ClickHouse's engine behind its HTTP interface",
		Long: "Serve ClickHouse's HTTP interface from ClickHouse's own engine as a library, on a data directory of its own.\n" +
			"For development and tests: no TLS, no grants, one process. `make engines` fetches the library.\n\n" +
			"Passwords come from the environment: CHDBD_PASSWORD and CHDBD_READER_PASSWORD.",
		Example:       "  chdbd --data data/clickhouse\n  curl 'http://127.0.0.1:8123/?query=SELECT+version()'",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return s.serve(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:8123", "address to listen on; loopback, since there is no TLS")
	f.StringVar(&s.library, "library", ".cache/chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so", "the engine")
	f.StringVar(&s.data, "data", "data/clickhouse", "data directory, for one process at a time")
	f.StringVar(&s.user, "user", "default", "the user who may do everything")
	f.StringVar(&s.reader, "reader", "", "a user who only reads; none when empty")
	f.IntVar(&s.statements, "max-statements", 100, "statements that run at once; more are refused")
	f.Int64Var(&s.body, "max-body", 256<<20, "most bytes of a request's body, decompressed")
	f.DurationVar(&s.maxTime, "max-time", 10*time.Minute, "how long a statement may take")
	f.DurationVar(&s.grace, "grace", 10*time.Second, "how long statements may go on after SIGTERM")
	f.StringVar(&s.level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func (s *settings) serve(ctx context.Context) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.level)); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	users := []chdbd.User{{Name: s.user, Password: os.Getenv("CHDBD_PASSWORD")}}
	if s.reader != "" {
		users = append(users, chdbd.User{Name: s.reader, Password: os.Getenv("CHDBD_READER_PASSWORD"), ReadOnly: true})
	}
	if err := os.MkdirAll(s.data, 0o755); err != nil {
		return err
	}
	dir, err := filepath.Abs(s.data)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server closes it first, if there is one
	server, err := chdbd.New(chdbd.Options{
		Library: s.library, Dir: dir, Users: users, MaxStatements: s.statements, MaxBody: s.body, MaxTime: s.maxTime, Log: log,
	})
	if errors.Is(err, chdb.ErrMissing) {
		return fmt.Errorf("%w (--library names another place)", err)
	}
	if err != nil {
		return err
	}
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 1 << 20}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	log.Info("ready", "url", "http://"+listener.Addr().String(), "engine", server.Version(), "data", dir)
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	// Who is served may end; whoever does not within the grace is ended by the server.
	graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	shutdown := web.Shutdown(graceful)
	server.Close()
	if errors.Is(shutdown, context.DeadlineExceeded) {
		shutdown = web.Close()
	}
	return errors.Join(err, shutdown)
}
