package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"annal/internal/app"
	"annal/internal/devstack"
	"annal/internal/endpoints"
	"annal/internal/obs"
)

// apartEnv makes the test binary, run again as a child, run roles until SIGTERM. It holds their configuration.
const apartEnv = "ANNAL_ENGINES_APART"

// runApart is the child.
func runApart(config string) int {
	var c app.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	var err error
	if c.Log, err = obs.NewLogger(os.Stderr, "info", "text"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := app.Serve(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// apart is roles in a process of their own.
type apart struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

// startApart starts roles in a child process, on the same data as before if they were there before.
func (w *world) startApart(roles ...string) *apart {
	w.Helper()
	c := w.config
	c.Log, c.Roles = nil, roles
	c.Data = filepath.Join(w.dir, "apart")
	c.EndpointsFile = filepath.Join(w.dir, "apart.json")
	config, err := json.Marshal(c)
	w.ok(err)
	exe, err := os.Executable()
	w.ok(err)
	a := &apart{cmd: exec.Command(exe), log: filepath.Join(w.dir, "apart.log"), done: make(chan struct{})}
	log, err := os.Create(a.log)
	w.ok(err)
	a.cmd.Env = append(os.Environ(), apartEnv+"="+string(config))
	a.cmd.Stderr = log
	w.ok(devstack.Start(a.cmd))
	w.ok(log.Close())
	go func() {
		a.err = a.cmd.Wait()
		close(a.done)
	}()
	w.Cleanup(func() { a.end(w.T) })
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if _, err := endpoints.Await(ctx, c.EndpointsFile, a.cmd.Process.Pid); err != nil {
		w.Fatalf("%v are not ready: %v\n%s", roles, err, a.output())
	}
	return a
}

// end stops it orderly, unless it has ended.
func (a *apart) end(t *testing.T) {
	select {
	case <-a.done:
	default:
		_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may be gone by now
		select {
		case <-a.done:
			if a.err != nil {
				t.Errorf("the process apart ended with %v", a.err)
			}
		case <-time.After(patience):
			t.Errorf("SIGTERM did not end the process apart within %v", patience)
			_ = a.cmd.Process.Kill()
			<-a.done
		}
	}
	if strings.Contains(a.output(), "DATA RACE") || t.Failed() {
		t.Errorf("the process apart logged:\n%s", a.output())
	}
}

func (a *apart) output() string {
	b, err := os.ReadFile(a.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// count counts the lines that have all the texts.
func (a *apart) count(texts ...string) int {
	var l lines
	for line := range strings.Lines(a.output()) {
		l.all = append(l.all, line)
	}
	return l.count(texts...)
}
