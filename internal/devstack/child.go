package devstack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// tailBytes is how much of an engine's log goes into an error: enough for a stack trace, short enough to read.
const tailBytes = 4 << 10

// errExited is why waiting for an engine stopped early.
var errExited = errors.New("the engine exited")

// child is a running engine process.
type child struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed once the process is gone and waited for
	waitErr error         // set before done is closed
}

// startChild starts path in directory dir with its output appended to logPath.
func startChild(name, dir, logPath, path string, args ...string) (*child, error) {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	return startCommand(name, logPath, cmd)
}

// startCommand starts cmd with its output appended to logPath.
func startCommand(name, logPath string, cmd *exec.Cmd) (*child, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("devstack: %s: open its log: %w", name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor; nothing was written through this one

	cmd.Stdout, cmd.Stderr = log, log
	if err := startBound(cmd); err != nil {
		return nil, fmt.Errorf("devstack: start %s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, logPath: logPath, done: make(chan struct{})}
	go func() {
		c.waitErr = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// stop asks the process to end and kills it when it has not within grace. It returns once the process is gone.
func (c *child) stop(grace time.Duration) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("devstack: stop %s: %w", c.name, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
		return nil
	case <-timer.C:
		c.kill()
		return fmt.Errorf("devstack: %s did not stop within %v and was killed%s", c.name, grace, c.tail())
	}
}

// kill ends the process with SIGKILL and returns once it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // the only failure is that it is gone already, which is what was asked for
	<-c.done
}

// tail is the end of the log, formatted to follow an error's text.
func (c *child) tail() string { return logTail(c.logPath) }

func logTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // opened for reading
	if st, err := f.Stat(); err == nil && st.Size() > tailBytes {
		if _, err := f.Seek(-tailBytes, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(f)
	if err != nil || len(b) == 0 {
		return ""
	}
	return fmt.Sprintf("\n--- end of %s ---\n%s", path, b)
}

// spawner starts processes on one thread that lives as long as this process does; see startBound.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go runSpawner(work)
	return work
})

// Start starts cmd in a process group of its own, so that it dies with this process, however this one ends. The caller
// waits for it, as after cmd.Start.
func Start(cmd *exec.Cmd) error { return startBound(cmd) }

// LogTail is the end of a child's log, formatted to follow an error's text; empty if there is none.
func LogTail(path string) string { return logTail(path) }

// pause stops the process as if its machine hung; resume lets it go on.
func (c *child) pause() error { return c.signal(syscall.SIGSTOP) }

func (c *child) resume() error { return c.signal(syscall.SIGCONT) }

func (c *child) signal(s syscall.Signal) error {
	if err := c.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("devstack: %v to %s: %w", s, c.name, err)
	}
	return nil
}
