package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"annal/internal/devstack"
	"annal/internal/endpoints"
)

const (
	// readyWait is how long a process may take to be ready, and orderlyWait to stop.
	readyWait   = 60 * time.Second
	orderlyWait = 30 * time.Second
	// checkpointEvery is often, so that new machines start from checkpoints.
	checkpointEvery = "10s"
	// reviveAfter is how soon one that ended by itself is started again, as a supervisor would.
	reviveAfter = time.Second
)

// process is one of Annal's, started again and again in the same place.
type process struct {
	role, name string
	binary     string
	args       []string
	// data is the process's directory: without it, it is a new machine.
	data, file, log string
	// ended is told of an end that nobody asked for.
	ended func(p *process, err error)

	mu     sync.Mutex
	cmd    *exec.Cmd
	done   chan struct{} // closed once cmd is gone
	wanted bool          // it is to run
}

func newProcess(binary, dir, role, name string, args []string) *process {
	data := filepath.Join(dir, name)
	p := &process{role: role, name: name, binary: binary, data: data, file: filepath.Join(dir, name+".json"), log: filepath.Join(dir, name+".log")}
	p.args = append([]string{
		"serve", "--roles", role, "--http", "127.0.0.1:0", "--endpoints-file", p.file, "--data", data, "--log-level", "info",
		"--checkpoint-every", checkpointEvery,
	}, args...)
	return p
}

// where is the WebSocket URL, of a gateway.
func (p *process) where() (string, error) {
	f, err := endpoints.Read(p.file)
	return f.WS, err
}

// start starts it and waits until it is ready.
func (p *process) start(ctx context.Context) error {
	p.mu.Lock()
	pid, done, err := p.launch()
	p.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	go func() {
		select {
		case <-done:
			gone(errors.New("it has ended"))
		case <-ctx.Done():
		}
	}()
	if _, err := endpoints.Await(ctx, p.file, pid); err != nil {
		return fmt.Errorf("chaos: %s is not ready: %w%s", p.name, err, devstack.LogTail(p.log))
	}
	return nil
}

// launch starts it; the lock is held.
func (p *process) launch() (pid int, done chan struct{}, err error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, nil, fmt.Errorf("chaos: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor; nothing was written through this one
	cmd := exec.Command(p.binary, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := devstack.Start(cmd); err != nil {
		return 0, nil, fmt.Errorf("chaos: start %s: %w", p.name, err)
	}
	done = make(chan struct{})
	p.cmd, p.done, p.wanted = cmd, done, true
	go p.watch(cmd, done)
	return cmd.Process.Pid, done, nil
}

// watch revives it when it ends though it is wanted.
func (p *process) watch(cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	close(done)
	p.mu.Lock()
	wanted := p.wanted && p.cmd == cmd
	p.mu.Unlock()
	if !wanted {
		return
	}
	p.ended(p, err)
	timer := time.NewTimer(reviveAfter)
	defer timer.Stop()
	<-timer.C
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted && p.cmd == cmd {
		if _, _, err := p.launch(); err != nil {
			p.ended(p, err)
		}
	}
}

// unwanted marks it as to be down and gives what runs.
func (p *process) unwanted() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = false
	return p.cmd, p.done
}

// kill ends it by SIGKILL.
func (p *process) kill() {
	cmd, done := p.unwanted()
	if cmd != nil {
		_ = cmd.Process.Kill() // fails only when it is gone
		<-done
	}
}

// term ends it orderly, and says so when it took too long or did not end well.
func (p *process) term() error {
	cmd, done := p.unwanted()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("chaos: %s: %w", p.name, err)
	}
	timer := time.NewTimer(orderlyWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		p.kill()
		return fmt.Errorf("chaos: %s did not stop within %v%s", p.name, orderlyWait, devstack.LogTail(p.log))
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("chaos: %s, stopped by SIGTERM: %v%s", p.name, cmd.ProcessState, devstack.LogTail(p.log))
	}
	return nil
}

// signal sends SIGSTOP or SIGCONT.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("chaos: %v to %s: %w", s, p.name, err)
	}
	return nil
}
