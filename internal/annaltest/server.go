package annaltest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"annal/internal/devstack"
	"annal/internal/endpoints"
)

// Server is an annal that clients find by its endpoints file, over restarts.
type Server struct {
	*Process
	// File is its endpoints file, and At what that says.
	File string
	At   endpoints.File
	args []string
}

// Serve starts a server and waits until it is ready.
func Serve(t *testing.T, name string, args ...string) *Server {
	t.Helper()
	s := Launch(t, name, args...)
	s.AwaitReady(t)
	return s
}

// Launch starts a server and does not wait.
func Launch(t *testing.T, name string, args ...string) *Server {
	t.Helper()
	s := &Server{File: filepath.Join(t.TempDir(), "endpoints.json")}
	s.args = append(args, "--http", "127.0.0.1:0", "--endpoints-file", s.File)
	s.Process = Start(t, name, nil, s.args...)
	return s
}

// Up starts it again after its end, and waits until it is ready.
func (s *Server) Up(t *testing.T) {
	t.Helper()
	s.Relaunch(t)
	s.AwaitReady(t)
}

// Relaunch starts it again after its end and does not wait.
func (s *Server) Relaunch(t *testing.T) {
	t.Helper()
	s.Process = Start(t, s.name, nil, s.args...)
}

// AwaitReady waits until it is ready.
func (s *Server) AwaitReady(t *testing.T) {
	t.Helper()
	p := s.Process
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
	at, err := endpoints.Await(ctx, s.File, p.cmd.Process.Pid)
	if err != nil {
		t.Fatalf("%s is not ready: %v%s", p.name, err, devstack.LogTail(p.log))
	}
	s.At = at
}

// Crash kills the server and starts it again on the same data.
func (s *Server) Crash(t *testing.T) {
	t.Helper()
	s.Kill()
	s.Up(t)
}

// Metric sums the lines of its metrics that begin with prefix: a name, or one with labels.
func (s *Server) Metric(ctx context.Context, prefix string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.At.HTTP+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var sum float64
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), prefix) {
			continue
		}
		n, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", lines.Text(), err)
		}
		sum += n
	}
	return sum, nil
}
