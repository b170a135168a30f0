package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"annal/internal/devstack"
	"annal/internal/endpoints"
)

const (
	// startTimeout bounds how long the server may take to be ready, engines included.
	startTimeout = 90 * time.Second
	// stopTimeout is how long it may take to end before it is killed.
	stopTimeout = 30 * time.Second
)

// server is an annal in a process of its own, on a directory of its own.
type server struct {
	cmd  *exec.Cmd
	dir  string
	at   endpoints.File
	done chan struct{} // closed once the process is gone
}

// startServer starts `annal dev` and waits until it is ready.
func startServer(ctx context.Context, executable, engines string) (*server, error) {
	dir, err := os.MkdirTemp("", "annal-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return launch(ctx, dir, executable, "dev", "--engines", engines, "--data", filepath.Join(dir, "data"))
}

// launch starts a server that has dir for itself, and waits until it is ready.
func launch(ctx context.Context, dir, executable string, args ...string) (*server, error) {
	file := filepath.Join(dir, "endpoints.json")
	s := &server{dir: dir, done: make(chan struct{})}
	s.cmd = exec.Command(executable, append(args, "--http", "127.0.0.1:0", "--endpoints-file", file, "--log-level", "warn")...)
	if err := s.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ready, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ready, gone := context.WithCancelCause(ready)
	defer gone(nil)
	go func() {
		select {
		case <-s.done:
			gone(errors.New("it has ended"))
		case <-ready.Done():
		}
	}()
	var err error
	if s.at, err = endpoints.Await(ready, file, s.cmd.Process.Pid); err != nil {
		return nil, errors.Join(fmt.Errorf("bench: annal %s is not ready: %w%s", args[0], err, s.tail()), s.stop())
	}
	return s, nil
}

func (s *server) start() error {
	log, err := os.Create(s.log())
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor; nothing was written through this one
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := devstack.Start(s.cmd); err != nil {
		return fmt.Errorf("bench: start %v: %w", s.cmd.Args, err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its log
		close(s.done)
	}()
	return nil
}

func (s *server) log() string { return filepath.Join(s.dir, "server.log") }

// tail is the end of its log, to follow an error's text.
func (s *server) tail() string { return devstack.LogTail(s.log()) }

// stop ends it, by force when it takes too long, and removes its directory.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("bench: stop %v: %w", s.cmd.Args, err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		_ = s.cmd.Process.Kill() // fails only when it is gone
		<-s.done
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}
