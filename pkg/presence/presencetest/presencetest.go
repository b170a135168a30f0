// Package presencetest is the conformance suite of presence.Store: every implementation passes all of it.
package presencetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/presence"
)

// Fixture is a store in which nothing was put.
type Fixture struct {
	presence.Store
	// Pass lets time pass for it.
	Pass func(t *testing.T, d time.Duration)
	// Empty loses all that it has.
	Empty func(t *testing.T)
}

// Run runs the suite; open gives such a store each time.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"connections are put and taken away", testPut}, {"one that replaces another", testReplaced}, {"last seen", testSeen}, {"users are apart", testUsers},
		{"the last connections are kept", testMany}, {"signs", testSigns}, {"what is lost shows", testLost}, {"orders of changes", testOrders},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func connection(user events.UserID, id string) presence.Connection {
	return presence.Connection{ID: id, User: user, Node: "n", Device: "my phone", Kind: presence.Phone, Since: 1_700_000_000_123}
}

func put(c presence.Connection, round uint64) presence.Change {
	return presence.Change{Connection: c, Round: round}
}

func end(c presence.Connection, ago time.Duration) presence.Change {
	return presence.Change{Connection: c, Ended: true, Ago: ago}
}

func write(t *testing.T, f Fixture, changes ...presence.Change) {
	t.Helper()
	if err := f.Write(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, f Fixture, users ...events.UserID) []presence.Record {
	t.Helper()
	all, err := f.Read(t.Context(), users)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(users) {
		t.Fatalf("%d records of %d users", len(all), len(users))
	}
	for _, r := range all {
		slices.SortFunc(r.Connections, func(a, b presence.Put) int { return cmp.Compare(a.ID, b.ID) })
	}
	return all
}

// want compares connections and rounds; when they were put is the store's to say.
func want(t *testing.T, when string, f Fixture, user events.UserID, changes ...presence.Change) presence.Record {
	t.Helper()
	r := read(t, f, user)[0]
	got := make([]presence.Change, len(r.Connections))
	for i, p := range r.Connections {
		got[i] = put(p.Connection, p.Round)
	}
	if fmt.Sprint(got) != fmt.Sprint(changes) {
		t.Errorf("%s: %+v, want %+v", when, got, changes)
	}
	return r
}

func now(t *testing.T, f Fixture) events.Millis {
	t.Helper()
	s, err := f.Signs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Now
}

func testPut(t *testing.T, f Fixture) {
	want(t, "before any", f, "ann")
	before := now(t, f)
	a, b := connection("ann", "n/1"), connection("ann", "n/2")
	b.Device, b.Kind, b.Node, b.Away = `电话 "x"`, "", "m", true
	write(t, f, put(a, 1), put(b, 18446744073709551615))
	r := want(t, "two", f, "ann", put(a, 1), put(b, 18446744073709551615))
	for _, p := range r.Connections {
		if p.At < before || p.At > now(t, f) {
			t.Errorf("%s was put at %d, not between %d and now", p.ID, p.At, before)
		}
	}
	if r.Seen != 0 {
		t.Errorf("seen at %d before any ended", r.Seen)
	}
	a.Away = true
	f.Pass(t, 20*time.Millisecond)
	write(t, f, put(a, 2), put(a, 2))
	if later := want(t, "put again", f, "ann", put(a, 2), put(b, 18446744073709551615)); later.Connections[0].At <= r.Connections[0].At {
		t.Error("it was put later, and is not said to be")
	}
	write(t, f, end(b, 0), end(b, 0), end(connection("ann", "other"), 0))
	want(t, "taken away", f, "ann", put(a, 2))
	write(t, f)
}

// The second login of a device replaces the first, whose end comes when it comes.
func testReplaced(t *testing.T, f Fixture) {
	first, second := connection("ann", "n/1"), connection("ann", "m/1")
	write(t, f, put(first, 1), put(second, 1), end(first, 0))
	want(t, "the end last", f, "ann", put(second, 1))
	write(t, f, end(first, 0), put(second, 2))
	want(t, "the end first", f, "ann", put(second, 2))
	write(t, f, put(first, 1), end(first, 0), put(second, 3))
	want(t, "the end in between", f, "ann", put(second, 3))
}

func testSeen(t *testing.T, f Fixture) {
	c := connection("ann", "n/1")
	before := now(t, f)
	write(t, f, put(c, 1), end(c, 0))
	first := want(t, "ended", f, "ann").Seen
	if first < before || first > now(t, f) {
		t.Errorf("seen at %d, not between %d and now", first, before)
	}
	write(t, f, end(c, time.Hour))
	if got := want(t, "an earlier end", f, "ann").Seen; got != first {
		t.Errorf("seen at %d by an end an hour ago, was %d", got, first)
	}
	before = now(t, f)
	write(t, f, end(connection("bob", "n/2"), time.Hour))
	if got := want(t, "one that was never put", f, "bob").Seen; got < before-3_600_000 || got > now(t, f)-3_600_000 {
		t.Errorf("seen at %d by an end an hour before %d", got, before)
	}
}

func testUsers(t *testing.T, f Fixture) {
	var changes []presence.Change
	users := []events.UserID{"nobody"}
	for i := range 300 {
		u := events.UserID(fmt.Sprint("user", i))
		users = append(users, u)
		changes = append(changes, put(connection(u, fmt.Sprint("n/", i)), 1))
	}
	write(t, f, changes...)
	for i, r := range read(t, f, users...) {
		switch {
		case i == 0 && len(r.Connections) == 0:
		case i == 0 || len(r.Connections) != 1 || r.Connections[0].ID != fmt.Sprint("n/", i-1) || r.Connections[0].User != users[i]:
			t.Fatalf("of %s: %+v", users[i], r)
		}
	}
	if got := read(t, f); len(got) != 0 {
		t.Errorf("of nobody: %+v", got)
	}
}

func testMany(t *testing.T, f Fixture) {
	var last events.Millis
	for i := range presence.MaxConnections {
		write(t, f, put(connection("ann", fmt.Sprint("n/", i)), 1))
	}
	f.Pass(t, 20*time.Millisecond)
	write(t, f, put(connection("ann", "n/0"), 2)) // the oldest, put again
	for i := range presence.MaxConnections {
		if i > 0 {
			last = max(last, read(t, f, "ann")[0].Seen)
		}
		write(t, f, put(connection("ann", fmt.Sprint("m/", i)), 1))
	}
	r := read(t, f, "ann")[0]
	if n := len(r.Connections); n != presence.MaxConnections {
		t.Fatalf("%d connections are kept", n)
	}
	if last == 0 {
		t.Error("those forgotten were never seen")
	}
	for _, p := range r.Connections {
		if p.ID[0] == 'n' && p.ID != "n/0" {
			t.Errorf("%s is kept, though put before others that are not", p.ID)
		}
	}
}

func testSigns(t *testing.T, f Fixture) {
	beat := func(node string, floor uint64, ttl time.Duration) {
		t.Helper()
		if _, err := f.Beat(t.Context(), node, floor, ttl); err != nil {
			t.Fatal(err)
		}
	}
	signs := func() presence.Signs {
		t.Helper()
		s, err := f.Signs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := signs(); len(s.Nodes) != 0 || s.Now == 0 {
		t.Errorf("before any: %+v", s)
	}
	before := now(t, f)
	beat("a", 1, time.Minute)
	beat("b", 18446744073709551615, 50*time.Millisecond)
	s := signs()
	a, b := s.Nodes["a"], s.Nodes["b"]
	if len(s.Nodes) != 2 || a.Floor != 1 || a.At < before || a.At > s.Now || a.Ends != a.At+60_000 || b.Floor != 18446744073709551615 || b.Ends != b.At+50 {
		t.Errorf("two: %+v", s)
	}
	f.Pass(t, 100*time.Millisecond)
	if s := signs(); s.Now < s.Nodes["b"].Ends || s.Nodes["b"] != b {
		t.Errorf("when the second one's time is over: %+v, was %+v", s, b)
	}
	beat("a", 7, time.Minute)
	beat("b", 2, 0)
	s = signs()
	if s.Nodes["a"].Floor != 7 || s.Nodes["a"].At <= a.At || s.Nodes["b"].Ends > s.Now || s.Nodes["b"].At <= b.At {
		t.Errorf("given again: %+v", s)
	}
}

func testLost(t *testing.T, f Fixture) {
	life := func() string {
		t.Helper()
		is, err := f.Beat(t.Context(), "a", 1, time.Minute)
		if err != nil || is == "" {
			t.Fatal(is, err)
		}
		return is
	}
	first := life()
	f.Pass(t, 10*time.Millisecond)
	if again := life(); again != first {
		t.Errorf("nothing is lost, and %q is %q", first, again)
	}
	write(t, f, put(connection("ann", "n/1"), 1))
	f.Pass(t, 10*time.Millisecond)
	f.Empty(t)
	want(t, "when all is lost", f, "ann")
	if again := life(); again == first {
		t.Error("all is lost, and it does not show")
	}
}

// In whatever order connections of a user come and go, those are there that have not ended.
func testOrders(t *testing.T, f Fixture) {
	all := []presence.Connection{connection("ann", "n/1"), connection("ann", "m/1"), connection("ann", "m/2")}
	is := map[string]presence.Change{}
	for i := range 200 {
		c := all[i*7%3]
		change := put(c, uint64(i))
		if is[c.ID] = change; i*5%8 < 3 {
			change = end(c, 0)
			delete(is, c.ID)
		}
		write(t, f, change)
		var there []presence.Change
		for _, id := range []string{"m/1", "m/2", "n/1"} {
			if c, ok := is[id]; ok {
				there = append(there, c)
			}
		}
		want(t, fmt.Sprint("after ", i), f, "ann", there...)
	}
}
