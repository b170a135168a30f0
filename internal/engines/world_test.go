package engines

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/app"
	"annal/internal/devstack"
	"annal/internal/endpoints"
	"annal/internal/fold"
	"annal/internal/obs"
	"annal/pkg/client"
)

const (
	// patience is how long is waited for what should be there in a few seconds.
	patience  = 60 * time.Second
	lookEvery = 20 * time.Millisecond
)

// world is all roles in this process, on engines that can be broken.
type world struct {
	*testing.T
	at     endpoints.File
	target app.Target
	key    string
	log    *lines
	dir    string
	config app.Config
	apart  *apart
}

// on is where a world stands.
type on struct {
	kafka []string
	redis string
	// replicas of each partition, 3 when 0.
	replicas int16
	// apart are roles that run in a process of their own.
	apart []string
}

// start starts all roles; they end with the test, orderly.
func start(t *testing.T, e on) *world {
	t.Helper()
	if e.replicas == 0 {
		e.replicas = 3
	}
	dir := t.TempDir()
	w := &world{
		T: t, key: filepath.Join(dir, "key.json"), log: &lines{}, dir: dir,
		target: app.Target{Kafka: e.kafka, Redis: e.redis, Prefix: devstack.UniqueName(t) + "."},
	}
	w.ok(app.Topics{Kafka: e.kafka, Prefix: w.target.Prefix, Partitions: 2, Replication: e.replicas, MinISR: max(1, int(e.replicas)-1)}.Create(t.Context()))
	w.ok(app.NewKey(w.key))
	keys, err := app.PublicKeys(app.TokenRequest{KeyFile: w.key})
	w.ok(err)
	public := filepath.Join(dir, "keys.json")
	w.ok(os.WriteFile(public, keys, 0o600))

	c := app.Defaults()
	c.HTTP, c.EndpointsFile, c.Data = "127.0.0.1:0", filepath.Join(dir, "endpoints.json"), filepath.Join(dir, "data")
	c.Kafka, c.Redis, c.Prefix, c.AuthKeys = e.kafka, e.redis, w.target.Prefix, public
	c.Version = "test"
	c.Log, err = obs.NewLogger(w.log, "info", "text")
	w.ok(err)
	// What becomes of the archive when its engine fails is shown by internal/cases.
	c.Roles = slices.DeleteFunc(c.Roles, func(r string) bool { return r == app.RoleArchive })
	w.config = c
	if len(e.apart) > 0 {
		w.apart = w.startApart(e.apart...)
		c.Roles = slices.DeleteFunc(c.Roles, func(r string) bool { return slices.Contains(e.apart, r) })
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Serve(ctx, c) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the roles ended with %v", err)
			}
		case <-time.After(patience):
			t.Errorf("the roles did not stop within %v", patience)
		}
		if t.Failed() {
			t.Logf("what the roles logged:\n%s", w.log.tail())
		}
	})
	waiting, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if w.at, err = endpoints.Await(waiting, c.EndpointsFile, os.Getpid()); err != nil {
		select {
		case failed := <-ended:
			ended <- nil
			t.Fatalf("the roles ended with %v", failed)
		default:
			t.Fatalf("the roles are not ready: %v", err)
		}
	}
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) token(user string) string {
	w.Helper()
	token, err := app.IssueToken(app.TokenRequest{KeyFile: w.key, User: user, TTL: time.Hour})
	w.ok(err)
	return token
}

// connect gives a client that outlives its sockets.
func (w *world) connect(user string) *client.Client {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{URL: w.at.WS, Token: client.StaticToken(w.token(user)), Device: "engines", InFlight: 64})
	w.ok(err)
	w.Cleanup(c.Close)
	return c
}

// until waits until check is nil.
func (w *world) until(what string, check func() error) {
	w.Helper()
	annaltest.Eventually(w.T, patience, func() error {
		if err := check(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// says waits until the roles have logged a line that has all the texts.
func (w *world) says(texts ...string) {
	w.Helper()
	w.until("a log line", func() error {
		if w.log.count(texts...) == 0 {
			return fmt.Errorf("no line has %q", texts)
		}
		return nil
	})
}

// saidLittle fails the test when lines came by the retry.
func (w *world) saidLittle(since, most int) {
	w.Helper()
	if n := w.log.count() - since; n > most {
		w.Errorf("the roles logged %d lines meanwhile, want %d at most: not one by the retry", n, most)
	}
}

// metric sums the series whose name and labels begin so.
func (w *world) metric(series string) float64 {
	w.Helper()
	resp, err := http.Get(w.at.HTTP + "/metrics")
	w.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.ok(err)
	sum := 0.0
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, series) {
			continue
		}
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line)[at+1:], 64)
		w.ok(err)
		sum += value
	}
	return sum
}

// rises waits until a metric is above what it was.
func (w *world) rises(series string, was float64) {
	w.Helper()
	w.until(series, func() error {
		if is := w.metric(series); is <= was {
			return fmt.Errorf("%s is %v, want more than %v", series, is, was)
		}
		return nil
	})
}

// verify folds the log and holds the view against it, as `annal verify` does. Nothing may be sent meanwhile.
func (w *world) verify() {
	w.Helper()
	o, err := app.Open(w.Context(), w.target)
	w.ok(err)
	defer o.Close()
	w.until("a view that equals the log's fold", func() error {
		var report fold.Report
		sessions, err := fold.Log(w.Context(), o.Log, &report)
		if err == nil {
			err = fold.Compare(w.Context(), o.View, o.Window, sessions, &report)
		}
		if err == nil && report.Found > 0 {
			err = fmt.Errorf("%d problems: %v", report.Found, report.Problems)
		}
		return err
	})
}

// lines are what the roles logged.
type lines struct {
	mu  sync.Mutex
	all []string
}

// Write takes one line, as slog's handlers write them.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(bytes.TrimSpace(b)))
	return len(b), nil
}

// count counts the lines that have all the texts.
func (l *lines) count(texts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		has := true
		for _, text := range texts {
			has = has && strings.Contains(line, text)
		}
		if has {
			n++
		}
	}
	return n
}

func (l *lines) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all[max(0, len(l.all)-100):], "\n")
}
