package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"
)

const (
	// apart is how long nothing is done to anybody between two faults.
	apart = 15 * time.Second
	// Long faults outlast the session timeout of the groups (6 s): what was held goes to others.
	longLeast, longMost = 10 * time.Second, 15 * time.Second
	// shortStop is for how long a short stop stops.
	shortStopLeast, shortStopMost = time.Second, 4 * time.Second
	// flushEvery is how often a long flush empties Redis again.
	flushEvery = 3 * time.Second
)

// Fault is something that was done.
type Fault struct {
	Kind, Target string
	Long         bool
	// From and Until are when it began, and when all was up again.
	From, Until time.Time
}

// String names it without its time.
func (f Fault) String() string {
	if f.Long {
		return fmt.Sprintf("%s %s, long", f.Kind, f.Target)
	}
	return f.Kind + " " + f.Target
}

// plan is a fault to be done. Choosing and doing are apart, so that a seed gives the same faults however long each takes.
type plan struct {
	kind, role string
	long       bool
	pause      time.Duration
	pick       int
}

// deck is one fault of each kind; a role is empty for engines.
var deck = []struct{ kind, role string }{
	{"kill", "sequencer"}, {"kill", "hot"}, {"kill", "gateway"},
	{"stop", "sequencer"}, {"stop", "hot"}, {"stop", "gateway"},
	{"restart", "sequencer"}, {"restart", "hot"}, {"restart", "gateway"},
	{"replace", "sequencer"}, {"kill", "broker"}, {"flush", "redis"},
}

// planner gives faults: all kinds come before one comes again, and of each two one is long.
type planner struct {
	rng   *rand.Rand
	cards []int
	longs []bool
}

func newPlanner(seed uint64) *planner { return &planner{rng: rand.New(rand.NewPCG(seed, 0))} }

func (p *planner) next() plan {
	if len(p.cards) == 0 {
		p.cards = p.rng.Perm(len(deck))
	}
	if len(p.longs) == 0 {
		first := p.rng.IntN(2) == 0
		p.longs = []bool{first, !first}
	}
	card := deck[p.cards[0]]
	f := plan{kind: card.kind, role: card.role, long: p.longs[0], pick: p.rng.IntN(6)}
	p.cards, p.longs = p.cards[1:], p.longs[1:]
	chance := p.rng.Float64()
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(chance*float64(b-a)) }
	switch {
	case f.long:
		f.pause = between(longLeast, longMost)
	case f.kind == "stop":
		f.pause = between(shortStopLeast, shortStopMost)
	}
	return f
}

// do does it and returns once all is up again.
func (c *cluster) do(ctx context.Context, p plan) (Fault, error) {
	f := Fault{Kind: p.kind, Target: p.role, Long: p.long, From: time.Now()}
	var err error
	switch p.role {
	case "broker":
		n := p.pick % len(c.kafka.Nodes)
		f.Target = fmt.Sprintf("broker-%d", n+1)
		c.kafka.Nodes[n].Kill()
		if err = pause(ctx, p.pause); err == nil {
			err = c.kafka.Nodes[n].Restart(ctx)
		}
	case "redis":
		err = c.flushFor(ctx, p.pause)
	default:
		of := c.of(p.role)
		target := of[p.pick%len(of)]
		f.Target = target.name
		err = target.suffer(ctx, p)
	}
	f.Until = time.Now()
	return f, err
}

func (p *process) suffer(ctx context.Context, f plan) error {
	switch f.kind {
	case "stop":
		if err := p.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		err := pause(ctx, f.pause)
		if cont := p.signal(syscall.SIGCONT); cont != nil {
			return cont
		}
		return err
	case "restart":
		if err := p.term(); err != nil {
			return err
		}
	case "replace":
		p.kill()
		if err := os.RemoveAll(p.data); err != nil {
			return fmt.Errorf("chaos: %w", err)
		}
	default:
		p.kill()
	}
	if err := pause(ctx, f.pause); err != nil {
		return err
	}
	return p.start(ctx)
}

func (c *cluster) flushFor(ctx context.Context, d time.Duration) error {
	for {
		if err := c.flush(ctx); err != nil {
			return err
		}
		if d <= 0 {
			return nil
		}
		if err := pause(ctx, min(flushEvery, d)); err != nil {
			return err
		}
		d -= flushEvery
	}
}

// pause lets time pass: how long a fault lasts is what it is.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
