package logtest

import (
	"fmt"
	"slices"
	"testing"

	"annal/pkg/eventlog"
)

// testCutConnections: connections break again and again, and nothing is written
// twice, lost or out of order.
func testCutConnections(t *testing.T, f Fixture) {
	log, network := f.Faulty(t)
	const n, cuts = 3000, 10
	for i := range cuts {
		answers := make(chan error, n/cuts)
		for _, r := range numbered(i*n/cuts, (i+1)*n/cuts) {
			log.Append(context30(t), eventlog.Events, 0, r, func(_ int32, _ int64, err error) { answers <- err })
		}
		network.Cut()
		awaitAll(t, answers, n/cuts)
	}
	wantOnce(t, f, n)
}

// testLostAnswers: the cluster wrote, the answer was lost, and trying again writes
// nothing a second time.
func testLostAnswers(t *testing.T, f Fixture) {
	log, network := f.Faulty(t)
	fill(t, log, eventlog.Events, 0, 1)
	network.LoseAnswers(3)
	mustAppend(t, log, eventlog.Events, 0, numbered(1, 500)...)
	network.LoseAnswers(1)
	mustAppend(t, log, eventlog.Events, 0, numbered(500, 501)...)
	wantOnce(t, f, 501)
}

func awaitAll(t *testing.T, answers <-chan error, n int) {
	t.Helper()
	ctx := context30(t)
	for i := range n {
		select {
		case err := <-answers:
			if err != nil {
				t.Fatalf("append: %v", err)
			}
		case <-ctx.Done():
			t.Fatalf("after %v %d of %d appends were answered", patience, i, n)
		}
	}
}

// wantOnce wants exactly the records 0 to n-1 in the log, in order.
func wantOnce(t *testing.T, f Fixture, n int) {
	t.Helper()
	log := f.Open(t)
	if _, end, err := log.Bounds(context30(t), eventlog.Events, 0); err != nil || end != int64(n) {
		t.Fatalf("the log ends at %d (%v), %d records were appended", end, err, n)
	}
	takeNumbered(t, open(t, log, eventlog.Events, 0, 0), 0, n)
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
	awaitAll(t, answers, 5)
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
