// Command welcome greets people at their first sign-in. It is a service as others write them: a process of its own with a connection to the log
// and a service's token, and nothing else (docs/services.md).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := start(ctx, os.Args[1:], os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "welcome:", err)
	stop()
	os.Exit(1)
}

// start reads the settings and serves until ctx ends.
func start(ctx context.Context, args []string, log io.Writer) error {
	s, err := parse(args, os.Getenv, log)
	if err != nil {
		return err
	}
	err = serve(ctx, s, slog.New(slog.NewTextHandler(log, nil)))
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it was told to end
	}
	return err
}
