package hot_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"annal/pkg/eventlog"
	"annal/pkg/projections/hot"
)

// settled waits until progress was committed some times more.
func (s *stage) settled(ended <-chan error) {
	s.Helper()
	kept := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.kept
	}
	from := kept()
	s.until("progress was committed", func() bool { return kept() > from+3 }, ended)
}

// failOver lets the store go on in another life, from a copy that reaches up to there.
func (s *stage) failOver(life string, reached int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life, s.view.Reached = life, reached
}

// TestReplays: a store in another life is brought up from the older progress, in
// silence and without another view, unless its copy is older than that.
func TestReplays(t *testing.T) {
	for name, c := range map[string]struct {
		recall  time.Duration
		reached int64
		opens   bool
		applied int
	}{
		// The fence stands at offset 0, so the fifth outcome at 5.
		"while young, from the start":       {time.Hour, 0, false, 5},
		"later, from the older progress":    {time.Millisecond, 6, false, 0},
		"a copy older than that, from anew": {time.Millisecond, 5, true, 5},
	} {
		for _, running := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", running", false: ", resuming"}[running], func(t *testing.T) {
				s := newStage(t)
				s.recall = c.recall
				p, stop, ended := s.run()
				s.ready(p, ended)
				s.say(5)
				s.wantTold(5, ended)
				s.settled(ended)
				if !running {
					stop()
				}
				s.forget()
				applied := s.count(func() int { return s.applied })
				s.failOver("2", c.reached)
				if !running {
					p, stop, ended = s.run()
				}
				s.until("the view was whole in the new life", func() bool {
					return s.count(func() int {
						if s.view.Run == "2" && s.view.Whole {
							return 1
						}
						return 0
					}) == 1
				}, ended)
				s.ready(p, ended)
				if got := s.count(func() int { return s.applied }) - applied; got != c.applied {
					t.Errorf("%d changes applied again, want %d", got, c.applied)
				}
				s.say(2)
				s.wantTold(7, ended)
				stop()
				if got := slices.Contains(s.forget(), "open"); got != c.opens {
					t.Errorf("a view was opened: %t, want %t", got, c.opens)
				}
			})
		}
	}
}

func (s *stage) count(of func() int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return of()
}

// TestGapOfACopy: a gap in a store that failed over just now is no reason to build anew.
func TestGapOfACopy(t *testing.T) {
	s := newStage(t)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.say(4)
	s.wantTold(4, ended)
	s.forget()
	s.mu.Lock()
	s.refuse["apply"], s.life, s.view.Reached = hot.ErrGap, "2", 1
	s.mu.Unlock()
	s.say(1)
	s.wantTold(5, ended)
	stop()
	if got := s.forget(); slices.Contains(got, "open") {
		t.Errorf("calls are %v, want no view opened", got)
	}
}

// TestSameLifeFellBack: a store that reaches less far than it was declared to lost something.
func TestSameLifeFellBack(t *testing.T) {
	s := newStage(t)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.say(4)
	s.wantTold(4, ended)
	s.settled(ended)
	stop()
	applied := s.applied
	s.failOver("1", 2)
	p, stop, ended = s.run()
	s.ready(p, ended)
	stop()
	if got := s.applied - applied; got != 4 {
		t.Errorf("%d changes applied again, want 4", got)
	}
}

// TestOutageIsAppliedAgain: while a store can't be asked another may have stood in for it,
// so what was applied since it was last seen to be as it was left is applied again.
func TestOutageIsAppliedAgain(t *testing.T) {
	for _, call := range []string{"apply", "still whole"} {
		s := newStage(t)
		p, stop, ended := s.run()
		s.ready(p, ended)
		s.say(4)
		s.wantTold(4, ended)
		s.settled(ended)
		s.forget()
		s.count(func() int { s.noted = hot.NewChanged(); return 0 })
		s.plan(call, errors.New("an outage"))
		s.say(1)
		s.until("it was applied again", func() bool { return s.counter("annal_hot_replays_total") > 0 && p.Ready() == nil }, ended)
		s.say(1)
		s.until("the last was told", func() bool { return s.count(func() int { return int(s.noted.Heads[group]) }) == 6 }, ended)
		stop()
		if got := s.forget(); slices.Contains(got, "open") {
			t.Errorf("%s failed: calls are %v, want no view opened", call, got)
		}
		if n := s.counter("annal_hot_replays_total"); n != 1 || s.noted.All {
			t.Errorf("%s failed: applied again %v times, and %+v noted; want once, and what was told", call, n, s.noted)
		}
	}
}

// TestOutageWhileBuilding: the same view is gone on with, from where it was sure.
func TestOutageWhileBuilding(t *testing.T) {
	s := newStage(t)
	s.say(9)
	s.plan("apply", errors.New("an outage"))
	p, stop, ended := s.run()
	s.ready(p, ended)
	stop()
	opened := 0
	for _, c := range s.forget() {
		if c == "open" {
			opened++
		}
	}
	if n := s.counter("annal_hot_replays_total"); n != 1 || opened != 1 || !s.noted.All || s.applied < 10 {
		t.Errorf("applied again %v times, %d events in all, in %d views; noted are %+v; want once, in one view, and that all changed", n, s.applied, opened, s.noted)
	}
}

// TestDrainedAfterAnOutage: what may be lost is not committed for the next one.
func TestDrainedAfterAnOutage(t *testing.T) {
	s := newStage(t)
	s.commits = time.Hour
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.say(1)
	s.until("the store was looked at, for an hour", func() bool { return s.count(func() int { return s.told * s.kept }) > 0 }, ended)
	s.plan("apply", errors.New("an outage"))
	s.say(2)
	s.wantTold(3, ended)
	reached := s.view.Reached
	stop()
	if s.view.Reached != reached {
		t.Errorf("the view was declared whole up to %d after an outage, want %d as before", s.view.Reached, reached)
	}
}

// recommit rewrites the commit of the partition that it is given.
type recommit struct {
	eventlog.Membership
	ctx       context.Context
	as        func(metadata string) string
	committed chan error
}

func (r *recommit) Claimed(c eventlog.Claim) {
	go func() { r.committed <- r.Commit(r.ctx, c.Partition, c.Offset, r.as(c.Metadata)) }()
}

func (*recommit) Released(context.Context, int32) {}

func (*recommit) Lost(int32) {}

// recommit takes part in the projectors' group for a moment, while none runs.
func (s *stage) recommit(as func(metadata string) string) {
	s.Helper()
	log := s.log.Client()
	s.Cleanup(log.Close)
	m, err := log.Join(s.ctx, hot.Group, eventlog.Events, "")
	if err != nil {
		s.Fatal(err)
	}
	r := &recommit{Membership: m, ctx: s.ctx, as: as, committed: make(chan error, 1)}
	ctx, stop := context.WithCancel(s.ctx)
	left := make(chan error, 1)
	go func() { left <- m.Run(ctx, r) }()
	err = <-r.committed
	stop()
	if left := <-left; err != nil || left != nil {
		s.Fatalf("cannot commit: %v, %v", err, left)
	}
}

// TestViewsOfOtherForms: what another program built, or only began, is built anew, above it and in silence.
func TestViewsOfOtherForms(t *testing.T) {
	for reason, as := range map[string]func(string) string{
		"other_form": func(m string) string { return strings.Replace(m, "h4|", "h1|", 1) },
		"unfinished": func(string) string { return "h4-building|0001" },
	} {
		t.Run(reason, func(t *testing.T) {
			s := newStage(t)
			p, stop, ended := s.run()
			s.ready(p, ended)
			s.say(5)
			s.wantTold(5, ended)
			stop()
			s.recommit(as)
			s.view = hot.ViewState{} // only the commit tells of the view
			p, stop, ended = s.run()
			s.ready(p, ended)
			s.say(2)
			s.wantTold(7, ended)
			stop()
			if want := []string{"", "0001"}; !slices.Equal(s.above, want) {
				t.Errorf("views were to stand above %q, want %q", s.above, want)
			}
			all, err := s.metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(f *dto.MetricFamily) bool { return f.GetName() == "annal_hot_rebuilds_total" })
			if got := all[i].GetMetric(); len(got) != 1 || got[0].GetLabel()[0].GetValue() != reason {
				t.Errorf("built anew for %v, want once for %s", got, reason)
			}
		})
	}
}
