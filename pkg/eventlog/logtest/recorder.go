package logtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"annal/pkg/eventlog"
)

// story is what the members of a group went through, in order.
type story struct {
	mu    sync.Mutex
	lines []line
	// changed is closed, and replaced, with every line.
	changed chan struct{}
}

type line struct {
	member    string
	what      string // "claimed", "released", "drained" (Released returned), "lost"
	partition int32
	claim     eventlog.Claim
}

func newStory() *story { return &story{changed: make(chan struct{})} }

func (s *story) add(l line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, l)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *story) read() ([]line, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines), s.changed
}

func (s *story) String() string {
	lines, _ := s.read()
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "\n  %s %s %d", l.member, l.what, l.partition)
	}
	return b.String()
}

// holds gives the partitions that a member has now, ascending.
func holds(lines []line, member string) []int32 {
	var held []int32
	for _, l := range lines {
		switch {
		case l.member != member:
		case l.what == "claimed":
			held = append(held, l.partition)
		case l.what == "released", l.what == "lost":
			held = slices.DeleteFunc(held, func(p int32) bool { return p == l.partition })
		}
	}
	slices.Sort(held)
	return held
}

// await waits until ok says so of the story so far.
func (s *story) await(t *testing.T, what string, ok func([]line) bool) []line {
	t.Helper()
	ctx := context30(t)
	for {
		lines, changed := s.read()
		if ok(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("not within %v: %s. What happened:%s", patience, what, s)
		}
	}
}

func (s *story) awaitHolds(t *testing.T, member string, n int) []int32 {
	t.Helper()
	lines := s.await(t, fmt.Sprintf("%s holds %d partitions", member, n), func(ls []line) bool { return len(holds(ls, member)) == n })
	return holds(lines, member)
}

// member is one that takes part and tells its story.
type member struct {
	eventlog.Membership
	name  string
	story *story
	// drain is called within Released.
	drain func(partition int32)
	stop  context.CancelFunc
	ended chan error
}

// join makes a member and lets it take part until the test ends.
func join(t *testing.T, log eventlog.Log, s *story, name, instance string, drain func(m *member, partition int32)) *member {
	t.Helper()
	membership, err := log.Join(context30(t), "readers", eventlog.Events, instance)
	if err != nil {
		t.Fatalf("join as %s: %v", name, err)
	}
	m := &member{Membership: membership, name: name, story: s, ended: make(chan error, 1)}
	m.drain = func(p int32) {
		if drain != nil {
			drain(m, p)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() {
		m.ended <- m.Run(ctx, m)
		close(m.ended)
	}()
	t.Cleanup(func() { _ = m.leave(t) }) // who cares for the error asks before
	return m
}

// leave ends the member's part and gives what Run returned; nil the second time.
func (m *member) leave(t *testing.T) error {
	t.Helper()
	m.stop()
	return m.wait(t)
}

func (m *member) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-m.ended:
		return err
	case <-context30(t).Done():
		t.Errorf("Run of %s did not return", m.name)
		return nil
	}
}

func (m *member) Claimed(c eventlog.Claim) {
	m.story.add(line{m.name, "claimed", c.Partition, c})
}

func (m *member) Released(_ context.Context, partition int32) {
	m.story.add(line{m.name, "released", partition, eventlog.Claim{}})
	m.drain(partition)
	m.story.add(line{m.name, "drained", partition, eventlog.Claim{}})
}

func (m *member) Lost(partition int32) {
	m.story.add(line{m.name, "lost", partition, eventlog.Claim{}})
}
