package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// engine is a process on a directory and a port of its own, the same over restarts.
type engine struct {
	dir       string
	temporary bool
	ports     ports
	port      int
	// launch starts it and returns once it answers; grace is how long it may take to end orderly.
	launch func(context.Context) (*child, error)
	grace  time.Duration
	proc   *child // nil while stopped
}

// place gives it the directory, or a temporary one where dir is empty.
func (e *engine) place(dir, name string) (err error) {
	e.dir, e.temporary, err = placeFor(dir, name)
	return err
}

// begin starts it the first time, on the port or, where that is 0, a free one. After an error it has given everything back.
func (e *engine) begin(ctx context.Context, port int) error {
	e.port = port
	err := withFreePorts(ctx, port != 0, func() (err error) {
		if port == 0 {
			if err := e.ports.release(); err != nil { // of an attempt before
				return err
			}
			if e.port, err = e.ports.choose(); err != nil {
				return err
			}
		}
		return e.start(ctx)
	})
	if err != nil {
		return errors.Join(err, e.release())
	}
	return nil
}

func (e *engine) start(ctx context.Context) error {
	proc, err := e.launch(ctx)
	if err == nil {
		e.proc = proc
	}
	return err
}

// Addr is its host:port, the same over restarts.
func (e *engine) Addr() string { return hostport(e.port) }

// PID is its process's id; 0 while it is stopped.
func (e *engine) PID() int {
	if e.proc == nil {
		return 0
	}
	return e.proc.cmd.Process.Pid
}

// Stop ends it orderly and removes its directory if that was a temporary one, which is the end of it.
// Stopping a stopped one does nothing.
func (e *engine) Stop() error {
	var err error
	if e.proc != nil {
		err = e.proc.stop(e.grace)
		e.proc = nil
	}
	return errors.Join(err, e.release())
}

// Kill ends it by SIGKILL, as a power cut would, and keeps its directory for Restart.
func (e *engine) Kill() {
	if e.proc != nil {
		e.proc.kill()
		e.proc = nil
	}
}

// Restart starts it on the same port and directory, killing it first if it runs.
func (e *engine) Restart(ctx context.Context) error {
	e.Kill()
	return e.start(ctx)
}

func (e *engine) release() error {
	err := e.ports.release()
	if e.temporary {
		err = errors.Join(err, os.RemoveAll(e.dir))
	}
	return err
}

// buildEngine builds a program of this module that is an engine. It takes no part in races: it is a process of its own.
func buildEngine(ctx context.Context, dir, name string) (string, error) {
	binary := filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "annal/cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("devstack: build %s: %w\n%s", name, err, out)
	}
	return binary, nil
}
