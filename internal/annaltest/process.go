package annaltest

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
)

const (
	// Patience is how long a test waits for what should be there in a second or two.
	Patience = 30 * time.Second
	// startTime is how long a server may take to be ready, engines included.
	startTime = 90 * time.Second
	// lookEvery is how often Eventually looks.
	lookEvery = 10 * time.Millisecond
)

// Process is a running annal, or another program of ours.
type Process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	out  string        // file of its standard output
	log  string        // file of its standard error
	done chan struct{} // closed once it is gone, with err set before
	err  error
}

var processes atomic.Int64

// Start runs annal with args; in, if not nil, is its standard input. It ends with the
// test at the latest.
func Start(t *testing.T, name string, in io.Reader, args ...string) *Process {
	t.Helper()
	return StartProgram(t, binary, name, in, args...)
}

// StartProgram is Start for another program than annal.
func StartProgram(t *testing.T, program, name string, in io.Reader, args ...string) *Process {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("%s-%d", name, processes.Add(1)))
	p := &Process{t: t, name: name, cmd: exec.Command(program, args...), out: path + ".out", log: path + ".log", done: make(chan struct{})}
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

// end stops it orderly if it runs, and shows its log if the test failed. There may not
// have been a data race.
func (p *Process) end() {
	select {
	case <-p.done:
	default:
		p.Stop()
	}
	if log := p.Log(); strings.Contains(log, "DATA RACE") {
		p.t.Errorf("%s: a data race:\n%s", p.name, log)
	}
	if p.t.Failed() {
		p.t.Logf("%s %s:%s%s", p.name, strings.Join(p.cmd.Args[1:], " "), devstack.LogTail(p.out), devstack.LogTail(p.log))
	}
}

// Name is what it was started as.
func (p *Process) Name() string { return p.name }

// Log is what it wrote to standard error so far.
func (p *Process) Log() string {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// Kill ends it with SIGKILL and returns once it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only when it is gone
	<-p.done
}

// Stop ends it with SIGTERM. Nothing may be wrong with an orderly stop.
func (p *Process) Stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone by now
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Errorf("%s: stopped by SIGTERM: %v", p.name, p.err)
		}
	case <-timer.C:
		p.t.Errorf("%s: SIGTERM did not stop it within %v", p.name, Patience)
		p.Kill()
	}
}

// Signal sends a signal, such as SIGSTOP and SIGCONT.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v to %s: %v", s, p.name, err)
	}
}

// Ended waits for its own end, within bounds, and gives the error of a bad one.
func (p *Process) Ended(within time.Duration) error {
	p.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		p.t.Fatalf("%s did not end within %v", p.name, within)
		return nil
	}
}

// HasEnded says whether it is gone, and with which error.
func (p *Process) HasEnded() (bool, error) {
	select {
	case <-p.done:
		return true, p.err
	default:
		return false, nil
	}
}

// Wait waits for its own orderly end and gives its standard output.
func (p *Process) Wait(within time.Duration) []byte {
	p.t.Helper()
	if err := p.Ended(within); err != nil {
		p.t.Fatalf("%s %s: %v%s", p.name, strings.Join(p.cmd.Args[1:], " "), err, devstack.LogTail(p.log))
	}
	return p.Output()
}

// Output is what it wrote to standard output so far.
func (p *Process) Output() []byte {
	p.t.Helper()
	out, err := os.ReadFile(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// Run runs annal to its end and gives its standard output.
func Run(t *testing.T, args ...string) string {
	t.Helper()
	return string(bytes.TrimSpace(Start(t, args[0], nil, args...).Wait(time.Minute)))
}

// Eventually waits until check is nil, and fails the test with its last error.
func Eventually(t *testing.T, within time.Duration, check func() error) {
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
