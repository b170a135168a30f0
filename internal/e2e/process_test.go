package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/internal/endpoints"
)

const (
	// patience is how long a test waits for what should be there in a second or two.
	patience = 30 * time.Second
	// startTime is how long a server may take to be ready, engines included.
	startTime = 90 * time.Second
	// lookEvery is how often a file is looked at.
	lookEvery = 10 * time.Millisecond
)

// process is a running annal.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	out  string        // file of its standard output
	log  string        // file of its standard error
	done chan struct{} // closed once it is gone, with err set before
	err  error
}

var processes atomic.Int64

// start runs annal with args; in, if not nil, is its standard input. It ends with the
// test at the latest.
func start(t *testing.T, name string, in io.Reader, args ...string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("%s-%d", name, processes.Add(1)))
	p := &process{t: t, name: name, cmd: exec.Command(annal, args...), out: path + ".out", log: path + ".log", done: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, create(t, p.out), create(t, p.log)
	if err := devstack.Start(p.cmd); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.end)
	return p
}

// create makes a file that is closed with the test.
func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// end stops it orderly if it runs, and shows its log if the test failed. Nothing may
// be wrong with an orderly stop, nor may there have been a data race.
func (p *process) end() {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone by now
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-p.done:
			if p.err != nil {
				p.t.Errorf("%s: stopped by SIGTERM: %v", p.name, p.err)
			}
		case <-timer.C:
			p.t.Errorf("%s: SIGTERM did not stop it within %v", p.name, patience)
			p.kill()
		}
	}
	if log, err := os.ReadFile(p.log); err == nil && bytes.Contains(log, []byte("DATA RACE")) {
		p.t.Errorf("%s: a data race:\n%s", p.name, log)
	}
	if p.t.Failed() {
		p.t.Logf("%s %s:%s%s", p.name, strings.Join(p.cmd.Args[1:], " "), devstack.LogTail(p.out), devstack.LogTail(p.log))
	}
}

// kill ends it with SIGKILL and returns once it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only when it is gone
	<-p.done
}

// wait waits for its own orderly end and gives its standard output.
func (p *process) wait(within time.Duration) []byte {
	p.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.t.Fatalf("%s did not end within %v", p.name, within)
	}
	if p.err != nil {
		p.t.Fatalf("%s %s: %v%s", p.name, strings.Join(p.cmd.Args[1:], " "), p.err, devstack.LogTail(p.log))
	}
	return p.output()
}

func (p *process) output() []byte {
	p.t.Helper()
	out, err := os.ReadFile(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// run runs annal to its end and gives its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(string(start(t, args[0], nil, args...).wait(time.Minute)))
}

// server is an annal that clients find by its endpoints file, over restarts.
type server struct {
	*process
	args []string
	file string
	at   endpoints.File
}

// serve starts a server and waits until it is ready.
func serve(t *testing.T, name string, args ...string) *server {
	t.Helper()
	s := &server{file: filepath.Join(t.TempDir(), "endpoints.json")}
	s.args = append(args, "--http", "127.0.0.1:0", "--endpoints-file", s.file)
	s.up(t, name)
	return s
}

func (s *server) up(t *testing.T, name string) {
	t.Helper()
	p := start(t, name, nil, s.args...)
	s.process = p
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	go func() {
		select {
		case <-p.done:
			gone(fmt.Errorf("it has ended: %w", p.err))
		case <-ctx.Done():
		}
	}()
	at, err := endpoints.Await(ctx, s.file, p.cmd.Process.Pid)
	if err != nil {
		t.Fatalf("%s is not ready: %v%s", name, err, devstack.LogTail(p.log))
	}
	s.at = at
}

// crash kills the server and starts it again on the same data.
func (s *server) crash(t *testing.T) {
	t.Helper()
	s.kill()
	s.up(t, s.name)
}

// eventually waits until check is nil, and fails the test with its last error.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after %v: %v", within, err)
		}
	}
}
