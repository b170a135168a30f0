package chaos

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/chaos/load"
)

func TestPlannerIsItsSeed(t *testing.T) {
	a, b, other := newPlanner(7), newPlanner(7), newPlanner(8)
	differ := false
	for range 100 {
		p := a.next()
		if q := b.next(); p != q {
			t.Fatalf("one seed gives %+v and %+v", p, q)
		}
		differ = differ || p != other.next()
	}
	if !differ {
		t.Error("two seeds give the same")
	}
}

func TestPlannerDoesEverything(t *testing.T) {
	p := newPlanner(1)
	var kinds []string
	long := 0
	for i := range 2 * len(deck) {
		f := p.next()
		if kinds = append(kinds, f.kind+f.role); f.long {
			long++
			if f.pause < longLeast || f.pause > longMost {
				t.Errorf("a long %s %s takes %v", f.kind, f.role, f.pause)
			}
		}
		if i+1 == len(deck) {
			slices.Sort(kinds)
			if got := len(slices.Compact(kinds)); got != len(deck) {
				t.Errorf("of %d kinds the first %d faults have %d", len(deck), len(deck), got)
			}
		}
	}
	if long != len(deck) {
		t.Errorf("%d of %d faults are long, want half", long, 2*len(deck))
	}
}

func TestProcessThatEndsByItself(t *testing.T) {
	binary, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 16)
	p := newProcess(binary, t.TempDir(), "gateway", "gateway-1", nil)
	p.ended = func(_ *process, err error) { told <- err }
	defer p.kill()
	if err := p.start(t.Context()); err == nil || !strings.Contains(err.Error(), "it has ended") {
		t.Errorf("start: %v", err)
	}
	for range 2 { // it is revived, and ends again
		select {
		case err := <-told:
			if err == nil {
				t.Error("ended without saying how")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nobody was told")
		}
	}
}

func TestCause(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	r := &Report{Began: at(0), Faults: []Fault{
		{Kind: "kill", Target: "hot-1", From: at(10), Until: at(12)},
		{Kind: "stop", Target: "gateway-2", Long: true, From: at(30), Until: at(42)},
	}}
	for _, c := range []struct {
		from, length int
		want         string
	}{
		{5, 3, ""}, {9, 3, "kill hot"}, {11, 2, "kill hot"}, {13, 2, "kill hot"}, {31, 9, "stop gateway, long"}, {50, 2, "stop gateway, long"}, {58, 2, ""},
	} {
		kind, name := r.cause(load.Gap{From: at(c.from), Length: time.Duration(c.length) * time.Second})
		if kind != c.want {
			t.Errorf("a gap of %d s at %d s is put down to %q (%s), want %q", c.length, c.from, kind, name, c.want)
		}
	}
}
