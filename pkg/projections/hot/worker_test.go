package hot_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// script is a store and a notifier that note what they are asked, one word each, and
// answer what a test planned.
type script struct {
	unasked
	mu    sync.Mutex
	view  hot.ViewState
	life  string
	calls []string
	// refuse gives the answer to the next call of that name, once.
	refuse map[string]error
	// applied and told count outcomes, kept how often a whole view was declared so again.
	applied, told, kept int
	noted               hot.Changed
	// deaf refuses all notes.
	deaf bool
	// promised is the highest offset that something was to be told up to.
	promised int64
	// empties is how often the store is emptied just before something is applied.
	empties int
}

// unasked is a store of which nobody asks that anything be rebuilt: all else of hot.Beside panics.
type unasked struct{ hot.Beside }

func (unasked) Rebuild(context.Context, int32) (hot.Rebuild, error) { return hot.Rebuild{}, nil }

func (s *script) call(name string) error {
	if name == "still whole" {
		s.kept++
	} else {
		s.calls = append(s.calls, name)
	}
	err := s.refuse[name]
	delete(s.refuse, name)
	return err
}

func (s *script) Run(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life, nil
}

func (s *script) View(context.Context, int32) (hot.ViewState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view, nil
}

func (s *script) SetView(_ context.Context, _ int32, v hot.ViewState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := "open"
	if v.Whole {
		name = "whole"
	}
	if v.Whole && s.view.Whole && s.view.Run == v.Run {
		name = "still whole"
	}
	if err := s.call(name); err != nil {
		return err
	}
	switch {
	case v.ID < s.view.ID:
		return hot.ErrSuperseded
	case v.Whole && v.ID != s.view.ID:
		return hot.ErrGap
	case v.Whole && v.Run != s.life:
		return hot.ErrMoved
	}
	v.Lost = v.Whole && s.view.Lost
	s.view = v
	return nil
}

func (s *script) Apply(_ context.Context, _ string, sessions []hot.SessionChanges) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empties > 0 {
		s.empties--
		s.view = hot.ViewState{}
		return &hot.BrokenError{Sessions: []events.SessionID{group}}
	}
	if err := s.call("apply"); err != nil {
		return err
	}
	for _, c := range sessions {
		s.applied += len(c.Changes)
	}
	return nil
}

func (s *script) AddSessions(context.Context, map[events.UserID][]events.SessionID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.call("users")
}

func (s *script) AddHolders(context.Context, []hot.Registration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.call("holders")
}

// Promise goes on beside Apply, so that it is none of the calls in order.
func (s *script) Promise(_ context.Context, _ int32, _ string, below int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.refuse["promise"]
	if delete(s.refuse, "promise"); err == nil {
		s.promised = max(s.promised, below)
	}
	return err
}

func (s *script) Publish(_ context.Context, r hot.Round) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("tell"); err != nil {
		return err
	}
	for _, values := range r.Sessions {
		s.told += len(values)
	}
	if s.promised < int64(s.told) {
		return fmt.Errorf("%d outcomes are told, and what was promised ends at offset %d", s.told, s.promised)
	}
	return nil
}

func (s *script) Note(_ context.Context, _ int32, c hot.Changed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse["note"]; err != nil || s.deaf {
		delete(s.refuse, "note")
		return errors.Join(err, errors.New("takes no notes"))
	}
	s.noted.Merge(c)
	return nil
}

// plan makes the next call of that name answer err.
func (s *script) plan(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse[name] = err
}

// forget gives the calls so far, and forgets them.
func (s *script) forget() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

const group = "g_script"

// stage is a projector over one partition and a script.
type stage struct {
	*testing.T
	*script
	ctx  context.Context
	log  *eventlog.Memory
	chat *hottest.Chat
	said int
	ids  int
	// recall, commits and store are the projector's.
	recall, commits time.Duration
	store           hot.Store
	// metrics are those of the projector that was run last.
	metrics *prometheus.Registry
	// above are the ids that new views were to stand above.
	above []string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	t.Cleanup(log.Close)
	s := &script{life: "1", noted: hot.NewChanged(), refuse: map[string]error{}}
	return &stage{T: t, script: s, store: s, ctx: ctx, log: log, chat: hottest.NewChat(t, log), recall: time.Hour, commits: 5 * time.Millisecond}
}

// say writes outcomes, in a session that the first of them opens.
func (s *stage) say(n int) {
	s.Helper()
	for range n {
		if s.said++; s.said == 1 {
			s.chat.Accept(group, "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}})
			continue
		}
		s.chat.Accept(group, "ann", events.Sent{Body: events.TextBody("hello")})
	}
	s.chat.Wait()
}

// run starts a projector. ended gives what Run returned; stop waits for it.
func (s *stage) run() (p *hot.Projector, stop func(), ended chan error) {
	s.Helper()
	log := s.log.Client()
	s.Cleanup(log.Close)
	s.metrics = prometheus.NewRegistry()
	p, err := hot.New(s.ctx, hot.Options{
		Log: log, Store: s.store, Notifier: s.script, Source: "urn:test", CommitEvery: s.commits, Recall: s.recall, MaxRound: 2,
		NewViewID: func(old string) string {
			s.above = append(s.above, old)
			s.ids++
			return fmt.Sprintf("%04d", s.ids)
		},
		Logger: slog.New(slog.DiscardHandler), Metrics: hot.NewMetrics(s.metrics),
	})
	if err != nil {
		s.Fatalf("new projector: %v", err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	ended = make(chan error, 1)
	go func() {
		defer close(done)
		ended <- p.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.Cleanup(stop)
	return p, stop, ended
}

// until waits for what the projector's goroutines do.
func (s *stage) until(what string, ok func() bool, ended <-chan error) {
	s.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case err := <-ended:
			s.Fatalf("the projector ended with %v before %s", err, what)
		case <-s.ctx.Done():
			s.Fatalf("never came: %s; calls %v", what, s.forget())
		}
	}
}

func (s *stage) ready(p *hot.Projector, ended <-chan error) {
	s.Helper()
	s.until("it was ready", func() bool { return p.Ready() == nil }, ended)
}

// wantTold waits until all that was said was told, and no more than that.
func (s *stage) wantTold(want int, ended <-chan error) {
	s.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.told
	}
	s.until(fmt.Sprintf("%d were told", want), func() bool { return count() >= want }, ended)
	if got := count(); got != want {
		s.Errorf("%d outcomes were told, want %d", got, want)
	}
}

// TestTellsAfterWriting: users' sessions, then heads, then the world.
func TestTellsAfterWriting(t *testing.T) {
	s := newStage(t)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.plan("apply", errors.New("an outage"))
	s.plan("users", errors.New("an outage"))
	s.plan("tell", errors.New("an outage"))
	s.say(1)
	s.wantTold(1, ended)
	stop()
	want := []string{"open", "whole", "users", "users", "apply", "apply", "tell", "tell"}
	if got := s.forget(); !slices.Equal(got, want) {
		t.Errorf("calls are %v, want %v", got, want)
	}
}

// TestNotesRegistrationsBeforeWriting: who sees a token at a device can tell whether it moved.
func TestNotesRegistrationsBeforeWriting(t *testing.T) {
	s := newStage(t)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.say(1)
	s.wantTold(1, ended)
	s.forget()
	s.plan("holders", errors.New("an outage"))
	s.chat.Accept(group, "ann", events.DeviceSet{Device: "phone", Push: events.PushToken{Service: "fcm", Token: "k1"}})
	s.chat.Accept(group, "ann", events.DeviceSet{Device: "phone", Off: true})
	s.chat.Wait()
	s.wantTold(3, ended)
	stop()
	want := []string{"holders", "holders", "apply", "tell"}
	if got := s.forget(); !slices.Equal(got, want) && !slices.Equal(got, append(want, "apply", "tell")) { // in one round, or in two
		t.Errorf("calls are %v, want %v", got, want)
	}
}

// TestResumes: a whole view is taken up; anything else is built from the start, in silence.
func TestResumes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hot.ViewState)
		opens  bool
	}{
		"as it was left": {func(*hot.ViewState) {}, false},
		"emptied":        {func(v *hot.ViewState) { *v = hot.ViewState{} }, true},
		"another view":   {func(v *hot.ViewState) { v.ID = "0001-other" }, true},
		"not whole":      {func(v *hot.ViewState) { v.Whole = false }, true},
		"lost":           {func(v *hot.ViewState) { v.Lost = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			p, stop, ended := s.run()
			s.ready(p, ended)
			s.say(5)
			s.wantTold(5, ended)
			stop()
			s.forget()
			c.change(&s.view)
			applied := s.applied
			p, stop, ended = s.run()
			s.ready(p, ended)
			s.say(2)
			s.wantTold(7, ended)
			stop()
			if got := slices.Contains(s.forget(), "open"); got != c.opens {
				t.Errorf("a view was opened: %t, want %t", got, c.opens)
			}
			want := 2
			if c.opens {
				want = 7
			}
			if got := s.applied - applied; got != want {
				t.Errorf("%d changes applied by the second projector, want %d", got, want)
			}
		})
	}
}

// TestViewsRiseThroughAnEmptiedStore: who takes over, and finds nothing, builds a view
// above the last one all the same: whoever still writes under that one must not stand
// above them.
func TestViewsRiseThroughAnEmptiedStore(t *testing.T) {
	s := newStage(t)
	p, stop, ended := s.run()
	s.ready(p, ended)
	stop()
	s.view = hot.ViewState{}
	p, stop, ended = s.run()
	s.ready(p, ended)
	stop()
	if want := []string{"", "0001"}; !slices.Equal(s.above, want) {
		t.Errorf("new views were to stand above %q, want %q", s.above, want)
	}
}

// TestBuildsAnew: what the store says of the view leads to another one, and nothing is
// told twice. Losing a race to open a view is no reason to end.
func TestBuildsAnew(t *testing.T) {
	for _, c := range []struct {
		call string
		err  error
	}{{"apply", hot.ErrGap}, {"apply", hot.ErrSuperseded}, {"promise", hot.ErrGap}, {"promise", hot.ErrSuperseded}, {"whole", hot.ErrGap}, {"whole", hot.ErrSuperseded}, {"whole", hot.ErrMoved}, {"open", hot.ErrSuperseded}} {
		t.Run(fmt.Sprintf("%s says %v", c.call, c.err), func(t *testing.T) {
			s := newStage(t)
			s.say(4)
			s.plan(c.call, c.err)
			p, stop, ended := s.run()
			s.ready(p, ended)
			s.say(3)
			s.wantTold(7, ended)
			stop()
			opened := 0
			for _, call := range s.forget() {
				if call == "open" {
					opened++
				}
			}
			if opened != 2 {
				t.Errorf("%d views were opened, want 2", opened)
			}
		})
	}
}

// TestPutAside: a session that is broken in the log itself ends nothing.
func TestPutAside(t *testing.T) {
	s := newStage(t)
	s.plan("apply", &hot.BrokenError{Sessions: []events.SessionID{"g_x"}})
	s.say(4)
	p, _, ended := s.run()
	s.ready(p, ended)
	s.say(1)
	s.wantTold(5, ended)
	if got := s.forget(); slices.Index(got, "open") != 0 || slices.Contains(got[1:], "open") {
		t.Errorf("calls are %v, want one view opened", got)
	}
}

// TestEmptiedWhileBuilding: what an emptied store lacks is no fault of the log's, and the
// waits do not grow with how often that happens: grown, they would be longer than the test.
func TestEmptiedWhileBuilding(t *testing.T) {
	s := newStage(t)
	s.empties = 8
	s.say(7)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.say(2)
	s.wantTold(9, ended)
	stop()
	opened := 0
	for _, call := range s.forget() {
		if call == "open" {
			opened++
		}
	}
	if opened != 9 {
		t.Errorf("%d views were opened, want 9", opened)
	}
	if n := s.counter("annal_hot_broken_sessions_total"); n != 0 {
		t.Errorf("%v sessions were taken for broken, want none", n)
	}
}

// counter is the value of a counter without labels.
func (s *stage) counter(name string) float64 {
	s.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	s.Fatalf("there is no counter %s", name)
	return 0
}

// TestTrimmedLogEnds: a view without its beginning would be wrong.
func TestTrimmedLogEnds(t *testing.T) {
	s := newStage(t)
	s.say(4)
	s.log.Trim(eventlog.Events, 0, 2)
	_, _, ended := s.run()
	select {
	case err := <-ended:
		if !errors.Is(err, eventlog.ErrTrimmed) {
			t.Errorf("over a trimmed log the projector ends with %v, want %v", err, eventlog.ErrTrimmed)
		}
	case <-s.ctx.Done():
		t.Fatal("the projector goes on over a trimmed log, want it to end")
	}
}
