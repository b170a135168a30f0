package sequencer

import (
	"fmt"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// another is a process that restores from the snapshots there are.
func (s *story) another() *story {
	s.t.Helper()
	b := *s
	b.store, b.at = NewMemoryStore(), map[int64][]StoredRow{}
	r := &restorer{log: s.log, store: b.store, source: "/test", look: firstLook}
	_, ok, problem, err := r.restore(s.ctx, 0, 0, s.machine.Progress().Offset)
	if err != nil || problem != nil || !ok {
		s.t.Fatalf("nothing to restore from: %v, %v", problem, err)
	}
	if b.machine, err = NewMachine(Config{Cluster: "c", Source: "/test", Rules: SessionRules{}, CacheBytes: 1 << 20}, b.store); err != nil {
		s.t.Fatal(err)
	}
	return &b
}

// takeOver reads what there is, and fences.
func (s *story) takeOver() {
	s.t.Helper()
	_, end, err := s.log.Bounds(s.ctx, eventlog.Events, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	cursor, err := s.log.Read(s.ctx, eventlog.Events, 0, s.machine.Progress().Offset)
	if err != nil {
		s.t.Fatal(err)
	}
	defer cursor.Close()
	for s.machine.Progress().Offset < end {
		records, err := cursor.Next(s.ctx)
		if err == nil {
			_, err = s.machine.Events(records)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	fence, err := s.machine.Fence([16]byte{2})
	if err != nil {
		s.t.Fatal(err)
	}
	s.command = s.machine.Progress().Last + 1
	s.count(fence.Record)
	s.since = s.machine.Progress().Offset
}

// Who lost its turn, and does not know it yet, may write all chunks of a session anew and
// remove those it had. The next owner, whose rows are of before, leaves its checkpoints
// complete all the same, whoever is first.
func TestZombiesLeaveCheckpointsWhole(t *testing.T) {
	for _, zombieFirst := range []bool{true, false} {
		zombie := newStory(t, 1)
		send := func(s *story, n int) {
			for range n {
				s.decide(events.Command{
					Session: group(0), Actor: events.Actor{User: "ann"}, ClientID: fmt.Sprint("c", s.command), Op: events.Send{Body: events.TextBody("hello")},
				})
			}
		}
		send(zombie, 500)
		for range maxLastingChunks - 1 {
			send(zombie, 1)
			zombie.checkpoint()
		}
		owner := zombie.another()
		send(zombie, 1)
		zombie.checkpoint()
		send(zombie, 1)
		before := len(compacted(zombie.snapshots()))
		owner.takeOver()
		send(owner, 1)
		if zombieFirst {
			zombie.checkpoint()
			owner.checkpoint()
		} else {
			owner.checkpoint()
			zombie.checkpoint()
		}
		if after := len(compacted(zombie.snapshots())); after > before/2 {
			t.Errorf("%d records of snapshots before, %d after: the zombie removed nothing, which shows nothing", before, after)
		}
		what := fmt.Sprint("zombie first ", zombieFirst)
		owner.wantRestored(what, owner.snapshots())
		owner.wantRestored(what+", compacted", compacted(owner.snapshots()))
		send(owner, 1)
		owner.checkpoint()
		owner.wantRestored(what+", the next", compacted(owner.snapshots()))
	}
}

// A checkpoint is of the rows of the turn that takes it, and of no later one.
func TestCheckpointOfAnothersRows(t *testing.T) {
	s := newStory(t, 1)
	s.live(100)
	c := s.checkpointer()
	c.owner.N++
	if n, err := c.behind(); n != 0 || err != nil {
		t.Errorf("another's rows are %d events behind (%v), want none", n, err)
	}
	if err := c.take(s.ctx, true); err == nil || len(s.snapshots()) > 0 {
		t.Errorf("of another's rows: %v, and %d records; want an error and none", err, len(s.snapshots()))
	}
}
