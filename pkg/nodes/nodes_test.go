package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/bubble"
	"annal/pkg/nodes"
	"annal/pkg/nodes/nodestest"
)

func TestMemory(t *testing.T) {
	nodestest.Run(t, func(t *testing.T) nodestest.Fixture {
		now := time.Now()
		return nodestest.Fixture{
			Registry: nodes.NewMemory(func() time.Time { return now }),
			Pass:     func(_ *testing.T, d time.Duration) { now = now.Add(d) },
		}
	})
}

var errEnded = errors.New("ended")

type world struct {
	*testing.T
	registry  *nodes.Memory
	directory *nodes.Directory
}

func newWorld(t *testing.T) *world {
	r := nodes.NewMemory(time.Now)
	return &world{t, r, nodes.NewDirectory(r, 0)}
}

func (w *world) announce(all ...nodes.Node) {
	w.Helper()
	for _, n := range all {
		if err := w.registry.Announce(w.Context(), n, time.Hour); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) of(login string) string {
	w.Helper()
	n, err := w.directory.Of(w.Context(), nodes.Login{User: login}, "")
	if err != nil {
		w.Fatalf("%s: %v", login, err)
	}
	return n.ID
}

// Logins are spread, and go where there is room.
func TestLoginsAreSpread(t *testing.T) {
	w := newWorld(t)
	if _, err := w.directory.Of(t.Context(), nodes.Login{User: "ann"}, ""); !errors.Is(err, nodes.ErrNoNode) {
		t.Errorf("without nodes: %v", err)
	}
	w.announce(nodes.Node{ID: "a"}, nodes.Node{ID: "b"}, nodes.Node{ID: "c"})
	given := map[string]int{}
	for i := range 3000 {
		given[w.of(fmt.Sprint("u", i))]++
	}
	for id, n := range given {
		if n < 800 || n > 1200 {
			t.Errorf("%s was given to %d of 3,000", id, n)
		}
	}
	w.announce(nodes.Node{ID: "a", Connections: 1000}, nodes.Node{ID: "b", Connections: 1000}, nodes.Node{ID: "c", Connections: 10})
	for i := range 100 {
		if id := w.of(fmt.Sprint("new", i)); id != "c" {
			t.Fatalf("new%d was sent to %s, which is full", i, id)
		}
	}
}

// A login has the same node, whatever the load, until that is gone or drains.
func TestALoginKeepsItsNode(t *testing.T) {
	w := newWorld(t)
	w.announce(nodes.Node{ID: "a"}, nodes.Node{ID: "b"})
	is := w.of("ann phone")
	other := map[string]string{"a": "b", "b": "a"}[is]
	w.announce(nodes.Node{ID: is, Connections: 5000})
	if got := w.of("ann phone"); got != is {
		t.Errorf("it was %s, and is %s since that has more connections", is, got)
	}
	w.announce(nodes.Node{ID: is, Connections: 5000, Draining: true})
	if got := w.of("ann phone"); got != other {
		t.Errorf("it is %s, which drains", got)
	}
	w.announce(nodes.Node{ID: is})
	if got := w.of("ann phone"); got != other {
		t.Errorf("it came back to %s", got)
	}
	if err := w.registry.Withdraw(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if got := w.of("ann phone"); got != is {
		t.Errorf("it is %s, which is gone", got)
	}
	w.announce(nodes.Node{ID: is, Draining: true})
	if _, err := w.directory.Of(t.Context(), nodes.Login{User: "ann phone"}, ""); !errors.Is(err, nodes.ErrNoNode) {
		t.Errorf("where all drain: %v", err)
	}
}

// A login that could not reach its node has another from then on, if there is one.
func TestANodeThatWasNotReached(t *testing.T) {
	w := newWorld(t)
	w.announce(nodes.Node{ID: "a"})
	if n, err := w.directory.Of(t.Context(), nodes.Login{User: "ann phone"}, "a"); err != nil || n.ID != "a" {
		t.Errorf("where there is no other: %s, %v", n.ID, err)
	}
	w.announce(nodes.Node{ID: "b"})
	if n, err := w.directory.Of(t.Context(), nodes.Login{User: "ann phone"}, "a"); err != nil || n.ID != "b" {
		t.Errorf("where there is another: %s, %v", n.ID, err)
	}
	if got := w.of("ann phone"); got != "b" {
		t.Errorf("then it is %s", got)
	}
}

// A gateway is announced while it runs, drains, and is gone; one that is killed is gone after a while.
func TestAnnouncer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var full atomic.Bool
		full.Store(true)
		a := nodes.NewAnnouncer(w.registry, func() nodes.Node { return nodes.Node{ID: "a", Draining: full.Load()} },
			slog.New(slog.NewTextHandler(io.Discard, nil)), nodes.NewMetrics(prometheus.NewRegistry()))
		is := func(when string, want ...nodes.Node) {
			t.Helper()
			if got, err := w.registry.Nodes(t.Context()); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %+v, %v, want %+v", when, got, err, want)
			}
		}
		run := func(ctx context.Context) error {
			<-ctx.Done()
			is("before anybody is sent away", nodes.Node{ID: "a", Draining: true})
			<-time.After(2*nodes.Every + time.Second) // its connections leave
			return errEnded
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Around(ctx, run) }()
		<-time.After(time.Millisecond)
		is("before it is ready", nodes.Node{ID: "a", Draining: true})
		full.Store(false)
		<-time.After(200 * time.Millisecond)
		is("just after it is", nodes.Node{ID: "a"})
		<-time.After(time.Minute)
		is("after a minute", nodes.Node{ID: "a"})
		stop()
		<-time.After(200 * time.Millisecond)
		is("while it ends", nodes.Node{ID: "a", Draining: true})
		<-time.After(2 * nodes.Every)
		is("while it still does", nodes.Node{ID: "a", Draining: true})
		if err := <-ended; !errors.Is(err, errEnded) {
			t.Errorf("it ended with %v", err)
		}
		is("when it has ended")
		w.announce(nodes.Node{ID: "b"})
		<-time.After(time.Hour)
		is("long after one was killed")
	})
}
