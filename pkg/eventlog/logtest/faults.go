package logtest

import (
	"fmt"
	"slices"
	"testing"

	"annal/pkg/eventlog"
)

// testCutConnections: answers are lost, appends are tried again, and nothing is
// written twice, lost or out of order.
func testCutConnections(t *testing.T, f Fixture) {
	log, network := f.Faulty(t)
	const n, cuts = 3000, 10
	answers := make(chan placed, n)
	for i, r := range numbered(0, n) {
		log.Append(context30(t), eventlog.Events, 0, r, func(p int32, offset int64, err error) { answers <- placed{p, offset, err} })
		if i%(n/cuts) == n/cuts/2 {
			<-answers // so that rounds are under way
			network.Cut()
		}
	}
	for range n - cuts {
		select {
		case p := <-answers:
			if p.err != nil {
				t.Fatalf("append: %v", p.err)
			}
		case <-context30(t).Done():
			t.Fatal("not every append was answered")
		}
	}
	takeNumbered(t, open(t, f.Open(t), eventlog.Events, 0, 0), 0, n)
	if _, end, err := f.Open(t).Bounds(context30(t), eventlog.Events, 0); err != nil || end != n {
		t.Fatalf("end is %d (%v), want %d", end, err, n)
	}
}

// testAppendIsolated: an append waits an outage out.
func testAppendIsolated(t *testing.T, f Fixture) {
	log, network := f.Faulty(t)
	fill(t, log, eventlog.Events, 0, 5)
	cursor := open(t, log, eventlog.Events, 0, 5)
	network.Isolate()
	answers := make(chan error, 5)
	for _, r := range numbered(5, 10) {
		log.Append(context30(t), eventlog.Events, 0, r, func(_ int32, _ int64, err error) { answers <- err })
	}
	select {
	case err := <-answers:
		t.Fatalf("an append was answered while isolated: %v", err)
	default:
	}
	network.Heal()
	for range 5 {
		if err := <-answers; err != nil {
			t.Fatalf("append after the outage: %v", err)
		}
	}
	takeNumbered(t, cursor, 5, 10)
}

// testMemberIsolated: a member that the cluster hears nothing of loses its
// partitions, can't commit them, and is in again once it is heard.
func testMemberIsolated(t *testing.T, f Fixture) {
	s := newStory()
	log, network := f.Faulty(t)
	a := join(t, log, s, "a", "", nil)
	s.awaitHolds(t, "a", int(f.Partitions))
	join(t, f.Open(t), s, "b", "", nil)
	s.awaitHolds(t, "b", int(f.Partitions)/2)
	ofA := s.awaitHolds(t, "a", int(f.Partitions)-int(f.Partitions)/2)
	network.Isolate()
	s.awaitHolds(t, "b", int(f.Partitions))
	network.Heal()
	// It may be told before or after it tries: either way it can't.
	for _, p := range ofA {
		lines, _ := s.read()
		if slices.Contains(holds(lines, "b"), p) {
			err := a.Commit(context30(t), p, 1, "zombie")
			if lines, _ := s.read(); slices.Contains(holds(lines, "b"), p) {
				wantErr(t, fmt.Sprintf("zombie commits %d", p), err, eventlog.ErrNotAssigned)
			}
		}
	}
	s.await(t, "a hears that it lost what it had", func(ls []line) bool {
		n := 0
		for _, l := range ls {
			if l.member == "a" && l.what == "lost" {
				n++
			}
		}
		return n == len(ofA)
	})
	s.awaitHolds(t, "a", int(f.Partitions)-int(f.Partitions)/2)
	s.awaitHolds(t, "b", int(f.Partitions)/2)
}
