package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

type world struct {
	*testing.T
	registry  *nodes.Memory
	directory *nodes.Directory
}

func newWorld(t *testing.T) *world {
	r := nodes.NewMemory(time.Now)
	return &world{t, r, nodes.NewDirectory(r)}
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
	n, err := w.directory.Of(w.Context(), login)
	if err != nil {
		w.Fatalf("%s: %v", login, err)
	}
	return n.ID
}

// Logins are spread, and go where there is room.
func TestLoginsAreSpread(t *testing.T) {
	w := newWorld(t)
	if _, err := w.directory.Of(t.Context(), "ann"); !errors.Is(err, nodes.ErrNoNode) {
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
	if _, err := w.directory.Of(t.Context(), "ann phone"); !errors.Is(err, nodes.ErrNoNode) {
		t.Errorf("where all drain: %v", err)
	}
}

// A gateway is announced while it runs, drains, and is gone; one that is killed is gone after a while.
func TestAnnouncer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		connections := 0
		a := nodes.NewAnnouncer(w.registry, func() nodes.Node { connections++; return nodes.Node{ID: "a", Connections: connections} },
			slog.New(slog.NewTextHandler(io.Discard, nil)), nodes.NewMetrics(prometheus.NewRegistry()))
		is := func(when string, want ...nodes.Node) {
			t.Helper()
			if got, err := w.directory.All(t.Context()); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %+v, %v, want %+v", when, got, err, want)
			}
		}
		stopped := make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		go func() { defer close(stopped); a.Run(ctx) }()
		<-time.After(time.Millisecond)
		is("at first", nodes.Node{ID: "a", Connections: 1})
		<-time.After(time.Minute)
		is("after a minute", nodes.Node{ID: "a", Connections: 13})
		stop()
		<-stopped
		<-time.After(nodes.Lasting / 2)
		is("just after it was killed", nodes.Node{ID: "a", Connections: 13})
		<-time.After(nodes.Lasting)
		is("a while after it was killed")
		a.Drain(t.Context())
		is("while it ends", nodes.Node{ID: "a", Connections: 14, Draining: true})
		a.Withdraw(t.Context())
		is("when it has ended")
	})
}
