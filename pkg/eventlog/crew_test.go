package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
)

// diary is what happened, in order.
type diary struct {
	mu   sync.Mutex
	said []string
}

func (d *diary) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, fmt.Sprintf(format, args...))
}

func (d *diary) tell() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() { d.said = nil }()
	return strings.Join(d.said, ", ")
}

// hand is a worker that works until it is told to end.
type hand struct {
	p     int32
	diary *diary
	end   chan struct{}
	ended chan struct{}
}

func (h *hand) Run() {
	h.diary.say("run %d", h.p)
	<-h.end
	close(h.ended)
}

func (h *hand) Drain(context.Context) { h.leave("drain") }
func (h *hand) Stop()                 { h.leave("stop") }

func (h *hand) leave(how string) {
	h.diary.say("%s %d", how, h.p)
	close(h.end)
	<-h.ended
}

// group gives and takes partitions as it is told.
type group struct {
	eventlog.Membership
	do  chan func(eventlog.Handler)
	err chan error
}

func (g *group) Run(ctx context.Context, h eventlog.Handler) error {
	for {
		select {
		case do := <-g.do:
			do(h)
		case err := <-g.err:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// crewed is a crew that runs in a group.
type crewed struct {
	*testing.T
	*diary
	group *group
	crew  *eventlog.Crew[*hand]
	stop  context.CancelFunc
	ended chan error
}

func newCrew(t *testing.T) *crewed {
	d := &diary{}
	c := &crewed{T: t, diary: d, group: &group{do: make(chan func(eventlog.Handler)), err: make(chan error)}, ended: make(chan error, 1)}
	c.crew = eventlog.NewCrew(func(claim eventlog.Claim) *hand {
		return &hand{p: claim.Partition, diary: d, end: make(chan struct{}), ended: make(chan struct{})}
	})
	ctx, stop := context.WithCancel(t.Context())
	c.stop = stop
	go func() { c.ended <- c.crew.Run(ctx, c.group) }()
	return c
}

func (c *crewed) expect(want string, do func(eventlog.Handler)) {
	c.Helper()
	c.group.do <- do
	synctest.Wait()
	if got := c.tell(); got != want {
		c.Errorf("got %q, want %q", got, want)
	}
}

func claimed(p int32) func(eventlog.Handler) {
	return func(h eventlog.Handler) { h.Claimed(eventlog.Claim{Partition: p}) }
}

// TestCrew: a worker for each partition given, drained when it is asked back, stopped when it is lost or given twice.
func TestCrew(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCrew(t)
		if c.crew.Ready(nil) == nil {
			t.Error("it is ready before the group gave anything")
		}
		c.expect("run 1", claimed(1))
		c.expect("run 0", claimed(0))
		c.expect("run 2", claimed(2))
		if got := c.crew.Partitions(); !slices.Equal(got, []int32{0, 1, 2}) || c.crew.Size() != 3 {
			t.Errorf("it has %v", got)
		}
		behind := errors.New("behind")
		err := c.crew.Ready(func(p int32, h *hand) error {
			if p == 2 && h.p == p {
				return behind
			}
			return nil
		})
		if !errors.Is(err, behind) || c.crew.Ready(nil) != nil {
			t.Errorf("ready: %v", err)
		}
		c.expect("drain 1", func(h eventlog.Handler) { h.Released(t.Context(), 1) })
		c.expect("stop 2", func(h eventlog.Handler) { h.Lost(2) })
		c.expect("", func(h eventlog.Handler) { h.Lost(2); h.Released(t.Context(), 1) })
		c.expect("stop 0, run 0", claimed(0))
		c.stop()
		if err := <-c.ended; err != nil || c.tell() != "stop 0" || c.crew.Size() != 0 {
			t.Errorf("it ended with %v and %d workers", err, c.crew.Size())
		}
	})
}

// TestCrewFails: a worker's failure ends it, and the membership's; all workers are stopped first.
func TestCrewFails(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func(*crewed){
		"worker":     func(c *crewed) { c.crew.Fail(1, broken); c.crew.Fail(1, errors.New("and again")) },
		"membership": func(c *crewed) { c.group.err <- broken },
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c := newCrew(t)
				c.expect("run 1", claimed(1))
				fail(c)
				if err := <-c.ended; !errors.Is(err, broken) || name == "worker" && !strings.Contains(err.Error(), "partition 1") {
					t.Errorf("it ended with %v", err)
				}
				if got := c.tell(); got != "stop 1" {
					t.Errorf("then %q", got)
				}
				c.stop()
			})
		})
	}
}
