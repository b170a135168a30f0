package logtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"annal/pkg/eventlog"
)

// testFreshGroup: a group that never committed starts nowhere, least of all at the
// end, on a full log and on a trimmed one.
func testFreshGroup(t *testing.T, f Fixture) {
	log := f.Open(t)
	fill(t, log, eventlog.Events, 0, 20)
	fill(t, log, eventlog.Events, 1, 20)
	f.Trim(t, eventlog.Events, 1, 8)
	s := newStory()
	join(t, log, s, "a", "", nil)
	s.awaitHolds(t, "a", int(f.Partitions))
	lines, _ := s.read()
	for _, l := range lines {
		if l.claim.Offset != -1 || l.claim.Metadata != "" {
			t.Errorf("partition %d was claimed at %d with %q; the group never committed", l.partition, l.claim.Offset, l.claim.Metadata)
		}
	}
	takeNumbered(t, open(t, log, eventlog.Events, 0, 0), 0, 20)
	wantErr(t, "from 0 of the trimmed log", nextErr(t, log, eventlog.Events, 1, 0), eventlog.ErrTrimmed)
	takeNumbered(t, open(t, log, eventlog.Events, 1, 8), 8, 20)
}

func testCommits(t *testing.T, f Fixture) {
	log := f.Open(t)
	s := newStory()
	a := join(t, log, s, "a", "", nil)
	s.awaitHolds(t, "a", int(f.Partitions))
	longest := strings.Repeat("m", eventlog.MaxMetadataBytes)
	for _, c := range []eventlog.Claim{{Partition: 0, Offset: 5, Metadata: "first"}, {Partition: 0, Offset: 7, Metadata: "owner=3-ab last=6"}, {Partition: 2, Offset: 1 << 40, Metadata: longest}, {Partition: 3, Offset: 0}} {
		if err := a.Commit(context30(t), c.Partition, c.Offset, c.Metadata); err != nil {
			t.Fatalf("commit %d of partition %d: %v", c.Offset, c.Partition, err)
		}
	}
	if err := a.Commit(context30(t), 1, 1, longest+"m"); err == nil {
		t.Fatalf("commit with %d bytes of metadata succeeded", len(longest)+1)
	}
	wantErr(t, "commit of a partition that does not exist", a.Commit(context30(t), f.Partitions, 1, ""), eventlog.ErrNotAssigned)
	if err := a.leave(t); err != nil {
		t.Fatalf("Run ended with %v, want nil", err)
	}
	wantErr(t, "commit after leaving", a.Commit(context30(t), 0, 9, ""), eventlog.ErrNotAssigned)

	outside, err := log.Join(context30(t), "readers", eventlog.Events, "")
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, "commit before Run", outside.Commit(context30(t), 0, 9, ""), eventlog.ErrNotAssigned)

	onlooker := f.Open(t)
	seen, err := onlooker.Commits(context30(t), "readers", eventlog.Events)
	if want := []eventlog.Claim{{Partition: 0, Offset: 7, Metadata: "owner=3-ab last=6"}, {Partition: 2, Offset: 1 << 40, Metadata: longest}, {Partition: 3}}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("an onlooker sees commits %.200v, %v; want %.200v", seen, err, want)
	}
	if seen, err := onlooker.Commits(context30(t), "nobody", eventlog.Events); err != nil || len(seen) > 0 {
		t.Errorf("an onlooker sees commits %v, %v of a group that there is not", seen, err)
	}
	join(t, f.Open(t), s, "b", "", nil)
	s.awaitHolds(t, "b", int(f.Partitions))
	lines, _ := s.read()
	want := map[int32]eventlog.Claim{0: {Offset: 7, Metadata: "owner=3-ab last=6"}, 1: {Offset: -1}, 2: {Offset: 1 << 40, Metadata: longest}, 3: {Offset: 0}}
	for _, l := range lines {
		w, ok := want[l.partition]
		w.Partition = l.partition
		if l.member == "b" && l.what == "claimed" && ok && l.claim != w {
			t.Errorf("partition %d claimed at %d with %.20q, want %d with %.20q", l.partition, l.claim.Offset, l.claim.Metadata, w.Offset, w.Metadata)
		}
	}
}

// testTwoMembers: they share, Released comes and is finished before the other
// claims, and what was committed within it is in that claim.
func testTwoMembers(t *testing.T, f Fixture) {
	s := newStory()
	a := join(t, f.Open(t), s, "a", "", func(m *member, p int32) {
		if err := m.Commit(context30(t), p, int64(100+p), "drained"); err != nil {
			t.Errorf("commit of partition %d within Released: %v", p, err)
		}
	})
	s.awaitHolds(t, "a", int(f.Partitions))
	b := join(t, f.Open(t), s, "b", "", nil)
	half := int(f.Partitions) / 2
	ofB := s.awaitHolds(t, "b", half)
	ofA := s.awaitHolds(t, "a", int(f.Partitions)-half)
	for _, p := range ofB {
		checkHandedOver(t, s, p)
		wantErr(t, fmt.Sprintf("a commits %d, which is b's", p), a.Commit(context30(t), p, 1, ""), eventlog.ErrNotAssigned)
		if err := b.Commit(context30(t), p, 200, "b"); err != nil {
			t.Errorf("b commits %d: %v", p, err)
		}
	}
	for _, p := range ofA {
		if err := a.Commit(context30(t), p, 150, "a"); err != nil {
			t.Errorf("a commits %d, which it kept: %v", p, err)
		}
	}
	if err := a.leave(t); err != nil {
		t.Fatalf("Run of a ended with %v, want nil", err)
	}
	s.awaitHolds(t, "b", int(f.Partitions))
	for _, p := range ofA {
		checkHandedOver(t, s, p)
	}
}

func checkHandedOver(t *testing.T, s *story, p int32) {
	t.Helper()
	lines, _ := s.read()
	index := func(member, what string) int {
		return slices.IndexFunc(lines, func(l line) bool { return l.member == member && l.what == what && l.partition == p })
	}
	drained, claimed := index("a", "drained"), index("b", "claimed")
	if drained < 0 || claimed < drained {
		t.Fatalf("b claimed partition %d before a had released it:%s", p, s)
	}
	if c := lines[claimed].claim; c.Offset != int64(100+p) || c.Metadata != "drained" {
		t.Fatalf("b claimed partition %d at %d with %q, want what a committed within Released: %d, %q", p, c.Offset, c.Metadata, 100+p, "drained")
	}
}

// testStaticRestart: a static member that comes back has what it had, and the
// other hears nothing of it.
func testStaticRestart(t *testing.T, f Fixture) {
	s := newStory()
	log := f.Open(t)
	a := join(t, log, s, "a", "static-a", nil)
	s.awaitHolds(t, "a", int(f.Partitions))
	b := join(t, f.Open(t), s, "b", "static-b", nil)
	half := int(f.Partitions) / 2
	ofB := s.awaitHolds(t, "b", half)
	ofA := s.awaitHolds(t, "a", int(f.Partitions)-half)
	if err := a.Commit(context30(t), ofA[0], 42, "before"); err != nil {
		t.Fatalf("commit: %v", err)
	}
	if err := a.leave(t); err != nil {
		t.Fatalf("Run of a ended with %v, want nil", err)
	}
	log.Close()

	again := join(t, f.Open(t), s, "a again", "static-a", nil)
	if got := s.awaitHolds(t, "a again", len(ofA)); !slices.Equal(got, ofA) {
		t.Errorf("after the restart it has %v, before %v", got, ofA)
	}
	for _, p := range ofA {
		if err := again.Commit(context30(t), p, 50, ""); err != nil {
			t.Errorf("commit of %d after the restart: %v", p, err)
		}
	}
	for _, p := range ofB {
		if err := b.Commit(context30(t), p, 50, ""); err != nil {
			t.Errorf("b commits %d: %v", p, err)
		}
	}
	lines, _ := s.read()
	for _, l := range lines {
		if l.member == "b" && l.what != "claimed" {
			t.Errorf("b heard of the restart:%s", s)
		}
		if l.member == "a again" && l.partition == ofA[0] && (l.claim.Offset != 42 || l.claim.Metadata != "before") {
			t.Errorf("claimed at %d with %q, want 42 with %q", l.claim.Offset, l.claim.Metadata, "before")
		}
	}
}

// testFenced: of two with one static id, the newer lives.
func testFenced(t *testing.T, f Fixture) {
	s := newStory()
	a := join(t, f.Open(t), s, "a", "static", nil)
	s.awaitHolds(t, "a", int(f.Partitions))
	join(t, f.Open(t), s, "twin", "static", nil)
	s.awaitHolds(t, "twin", int(f.Partitions))
	s.await(t, "a loses all", func(ls []line) bool { return len(holds(ls, "a")) == 0 })
	wantErr(t, "Run of the older", a.wait(t), eventlog.ErrFenced)
	wantErr(t, "commit of the older", a.Commit(context30(t), 0, 1, ""), eventlog.ErrNotAssigned)
}

func testGroupClose(t *testing.T, f Fixture) {
	log := f.Open(t)
	s := newStory()
	a := join(t, log, s, "a", "", nil)
	s.awaitHolds(t, "a", int(f.Partitions))
	log.Close()
	wantErr(t, "Run under Log.Close", a.wait(t), eventlog.ErrClosed)
	if _, err := log.Join(context.Background(), "readers", eventlog.Events, ""); err == nil {
		t.Fatal("Join after Close succeeded")
	}
}
