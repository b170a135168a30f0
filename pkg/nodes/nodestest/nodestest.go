// Package nodestest is the conformance suite of nodes.Registry: every implementation passes all of it.
package nodestest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"annal/pkg/nodes"
)

// Fixture is an empty registry.
type Fixture struct {
	nodes.Registry
	// Pass lets time pass for it.
	Pass func(t *testing.T, d time.Duration)
}

// Run runs the suite; open gives an empty registry each time.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"nodes are announced", testAnnounced}, {"what is not said again is gone", testGone}, {"a login keeps its node", testAssigned}, {"one of many is first", testFirst}, {"the last devices are kept", testManyDevices},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func wantNodes(t *testing.T, when string, r nodes.Registry, want ...nodes.Node) {
	t.Helper()
	got, err := r.Nodes(t.Context())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %+v, %v, want %+v", when, got, err, want)
	}
}

func announce(t *testing.T, r nodes.Registry, n nodes.Node, ttl time.Duration) {
	t.Helper()
	if err := r.Announce(t.Context(), n, ttl); err != nil {
		t.Fatal(err)
	}
}

func testAnnounced(t *testing.T, f Fixture) {
	wantNodes(t, "before any", f)
	b := nodes.Node{ID: "b", URL: "wss://b.example/v1/ws", Version: "1.2", Connections: 7, LagMs: 3}
	a := nodes.Node{ID: "a", URL: "ws://10.0.0.1:8080/v1/ws", Draining: true}
	announce(t, f, b, time.Minute)
	announce(t, f, a, time.Minute)
	wantNodes(t, "two", f, a, b)
	b.Connections, b.Version = 9, `1.3 "x" 版`
	announce(t, f, b, time.Minute)
	wantNodes(t, "said again", f, a, b)
	for range 2 {
		if err := f.Withdraw(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		wantNodes(t, "withdrawn", f, b)
	}
}

func testGone(t *testing.T, f Fixture) {
	announce(t, f, nodes.Node{ID: "short"}, time.Second)
	announce(t, f, nodes.Node{ID: "long"}, time.Hour)
	f.Pass(t, 1100*time.Millisecond)
	wantNodes(t, "after a while", f, nodes.Node{ID: "long"})
	announce(t, f, nodes.Node{ID: "short"}, time.Hour)
	wantNodes(t, "said again", f, nodes.Node{ID: "long"}, nodes.Node{ID: "short"})
}

func wantAssigned(t *testing.T, f Fixture, what string, login nodes.Login, was, is, want string, ttl time.Duration) {
	t.Helper()
	if got, err := f.Assign(t.Context(), login, was, is, ttl); err != nil || got != want {
		t.Errorf("%s: %q, %v, want %q", what, got, err, want)
	}
}

func testAssigned(t *testing.T, f Fixture) {
	login := nodes.Login{User: "ann", Device: "my phone"}
	wantAssigned(t, f, "asking before", login, "", "", "", time.Hour)
	wantAssigned(t, f, "the first", login, "", "a", "a", time.Hour)
	wantAssigned(t, f, "asking", login, "", "", "a", time.Hour)
	wantAssigned(t, f, "another in its place", login, "", "b", "a", time.Hour)
	wantAssigned(t, f, "for one that was not", login, "c", "b", "a", time.Hour)
	wantAssigned(t, f, "for the one that was", login, "a", "b", "b", time.Hour)
	wantAssigned(t, f, "another login's", nodes.Login{User: "ann", Device: "laptop"}, "", "a", "a", time.Second)
	wantAssigned(t, f, "once more", nodes.Login{User: "bob", Device: "phone"}, "", "a", "a", time.Second)
	wantAssigned(t, f, "renewed", nodes.Login{User: "bob", Device: "phone"}, "a", "a", "a", time.Hour)
	f.Pass(t, 1100*time.Millisecond)
	wantAssigned(t, f, "when its time is over", nodes.Login{User: "ann", Device: "laptop"}, "", "", "", time.Hour)
	wantAssigned(t, f, "when it was renewed", nodes.Login{User: "bob", Device: "phone"}, "", "", "a", time.Hour)
	wantAssigned(t, f, "when it has time", login, "", "", "b", time.Hour)
}

func testFirst(t *testing.T, f Fixture) {
	var wait sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		wait.Go(func() {
			is, err := f.Assign(t.Context(), nodes.Login{User: "ann"}, "", fmt.Sprint("n", i), time.Hour)
			if err != nil {
				t.Error(err)
			}
			got[i] = is
		})
	}
	wait.Wait()
	for _, is := range got {
		if is != got[0] || is == "" {
			t.Fatalf("they were told %q", got)
		}
	}
}

func testManyDevices(t *testing.T, f Fixture) {
	for i := range nodes.MaxDevices + 1 {
		wantAssigned(t, f, "one of many", nodes.Login{User: "ann", Device: fmt.Sprint("device ", i)}, "", "a", "a", time.Hour+time.Duration(i)*time.Second)
	}
	wantAssigned(t, f, "the first of them", nodes.Login{User: "ann", Device: "device 0"}, "", "", "", time.Hour)
	wantAssigned(t, f, "the second", nodes.Login{User: "ann", Device: "device 1"}, "", "", "a", time.Hour)
	wantAssigned(t, f, "the last", nodes.Login{User: "ann", Device: fmt.Sprint("device ", nodes.MaxDevices)}, "", "", "a", time.Hour)
}
