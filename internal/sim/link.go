package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"annal/pkg/eventlog"
)

var (
	errDead        = fmt.Errorf("sim: the process is dead: %w", eventlog.ErrClosed)
	errUnreachable = errors.New("sim: unreachable")
	errLostAnswer  = errors.New("sim: the answer was lost")
)

// gate is a way that may be shut for a while.
type gate struct {
	mu sync.Mutex
	// open is closed while the gate is open, shut while it is not.
	open, shut chan struct{}
}

func newGate() *gate {
	g := &gate{open: make(chan struct{}), shut: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if is := closed(g.open); is == open {
		return
	}
	if open {
		close(g.open)
		g.shut = make(chan struct{})
	} else {
		close(g.shut)
		g.open = make(chan struct{})
	}
}

func (g *gate) whenOpen() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) whenShut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// link is one life of a process: its ways to the log and to the store. All its ports
// go through it, so that a frozen process does nothing that others can see, and a dead
// one nothing ever again.
type link struct {
	*wire
	dice *dice
}

// wire is what all parts of a link share.
type wire struct {
	w    *World
	name string
	odds *odds
	calm *atomic.Bool
	dead chan struct{}
	once sync.Once
	// running is shut while the process is frozen.
	running, log, store *gate

	mu    sync.Mutex
	parts map[string]*link
}

func newLink(w *World, name string) *link {
	return &link{dice: w.dice("link " + name), wire: &wire{
		w: w, name: name, odds: &w.odds, calm: &w.calm, dead: make(chan struct{}),
		running: newGate(), log: newGate(), store: newGate(), parts: map[string]*link{},
	}}
}

// part is the link as one part of the process uses it, with dice of its own: what one
// draws does not depend on which of them is first.
func (l *link) part(name string) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.parts[name]
	if p == nil {
		p = &link{wire: l.wire, dice: l.w.dice("link " + l.name + " " + name)}
		l.parts[name] = p
	}
	return p
}

func (l *link) kill() { l.once.Do(func() { close(l.dead) }) }

func (l *link) isDead() bool { return closed(l.dead) }

// chance is whether a fault of these odds, in a thousand, happens now.
func (l *link) chance(odds int) bool { return !l.calm.Load() && l.dice.permille(odds) }

// thawed waits until the process is not frozen; its own clocks don't help it.
func (l *link) thawed() error {
	select {
	case <-l.dead:
		return errDead
	default:
	}
	select {
	case <-l.running.whenOpen():
		return nil
	case <-l.dead:
		return errDead
	}
}

// toLog is the way to the log, waited for while it is cut.
func (l *link) toLog(ctx context.Context) error {
	if err := l.logOpen(ctx); err != nil {
		return err
	}
	if err := l.delay(ctx); err != nil {
		return err
	}
	return l.logOpen(ctx)
}

func (l *link) logOpen(ctx context.Context) error {
	select {
	case <-l.log.whenOpen():
	case <-ctx.Done():
	case <-l.dead:
	}
	if err := l.thawed(); err != nil {
		return err
	}
	return ctx.Err()
}

// toStore is the way to the store. While it is cut calls fail after a while.
func (l *link) toStore(ctx context.Context) error {
	if err := l.thawed(); err != nil {
		return err
	}
	if !closed(l.store.whenOpen()) {
		if err := l.wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		return errUnreachable
	}
	if l.chance(l.odds.storeFails) {
		return errUnreachable
	}
	if err := l.delay(ctx); err != nil {
		return err
	}
	return l.thawed()
}

// fromStore is the way back.
func (l *link) fromStore() error {
	if l.chance(l.odds.storeUnanswered) {
		return errLostAnswer
	}
	return l.thawed()
}

// delay is what a call takes.
func (l *link) delay(ctx context.Context) error {
	switch {
	case l.chance(l.odds.slow):
		return l.wait(ctx, l.dice.between(100*time.Millisecond, 3*time.Second))
	case l.chance(l.odds.delay):
		return l.wait(ctx, l.dice.between(time.Millisecond, 20*time.Millisecond))
	}
	return l.wait(ctx, l.moment())
}

// moment is the least that anything takes. As no two are the same, what happens first is
// settled by time, which follows from the seed, and not by the scheduler.
func (l *link) moment() time.Duration { return l.dice.between(time.Microsecond, 300*time.Microsecond) }

func (l *link) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.dead:
		return errDead
	}
}
