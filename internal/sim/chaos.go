package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// cause starts everything that goes wrong; all of it ends, and is made good, when the
// world is calm.
func (w *World) cause(chaos *sync.WaitGroup) {
	for _, p := range w.all() {
		chaos.Go(p.chaos)
	}
	chaos.Go(w.storeChaos)
	chaos.Go(w.archiveChaos)
	chaos.Go(w.vaultChaos)
	for _, p := range w.gateways {
		chaos.Go(p.feedChaos)
	}
}

// fault is one kind, with its weight.
type fault struct {
	weight int
	cause  func()
}

// draw picks by weight; nil when there is none.
func draw(d *dice, faults []fault) func() {
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	if sum == 0 {
		return nil
	}
	n := d.n(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			return f.cause
		}
	}
	return nil
}

// again and again causes faults until the world is calm.
func (w *World) repeatedly(d *dice, faults []fault) {
	for {
		f := draw(d, faults)
		if f == nil || !w.sleep(d.between(100*time.Millisecond, time.Duration(2*w.odds.every)*time.Millisecond)) {
			return
		}
		f()
	}
}

// sleep is false when the world became calm.
func (w *World) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.calmed:
		return false
	}
}

// chaos does to a process what happens to processes.
func (p *process) chaos() {
	o := &p.w.odds
	faults := []fault{
		{o.crash, p.crashAndRestart}, {o.stop, p.stopAndRestart},
		{o.cutLog, func() { p.shut("cut from the log", func(l *link) *gate { return l.log }) }},
		{o.cutStore, func() { p.shut("cut from the store", func(l *link) *gate { return l.store }) }},
		{o.freeze, func() { p.shut("frozen", func(l *link) *gate { return l.running }) }},
	}
	if p.slowlyFrozen() {
		faults = faults[:4]
	}
	p.w.repeatedly(p.dice, faults)
}

// slowlyFrozen: a gateway acts without its ports, too, so it can't be frozen by them.
func (p *process) slowlyFrozen() bool { return p.name[0] == 'g' }

func (p *process) crashAndRestart() {
	p.w.note("%s crashes", p.life().name)
	p.crash()
	p.w.sleep(p.dice.between(100*time.Millisecond, 10*time.Second))
	if p.dice.permille(p.w.odds.loseDisk) {
		p.w.note("%s loses its disk", p.name)
		p.mu.Lock()
		p.disk = map[int32]*sequencer.MemoryStore{}
		p.mu.Unlock()
	}
	p.restart()
}

func (p *process) stopAndRestart() {
	p.w.note("%s is stopped", p.life().name)
	p.stop()
	p.w.sleep(p.dice.between(100*time.Millisecond, 2*time.Second))
	p.restart()
}

func (p *process) restart() {
	p.w.note("%s starts", p.name)
	if err := p.start(); err != nil {
		p.w.violate("%s does not start: %v", p.name, err)
	}
}

// shut shuts a gate for less than the session timeout, or for longer.
func (p *process) shut(what string, of func(*link) *gate) {
	d := p.dice.between(200*time.Millisecond, 4*time.Second)
	if p.dice.n(2) == 0 {
		d = p.dice.between(8*time.Second, 14*time.Second)
	}
	l := p.life()
	p.w.note("%s is %s for %v", l.name, what, d)
	g := of(l.link)
	g.set(false)
	p.w.sleep(d)
	g.set(true)
	p.w.note("%s is no longer %s", l.name, what)
}

// feedChaos breaks a gateway's subscription.
func (p *process) feedChaos() {
	d := p.w.dice("feed " + p.name)
	p.w.repeatedly(d, []fault{{p.w.odds.cutFeed, func() {
		l := p.life()
		if l == nil {
			return
		}
		p.w.note("the feed of %s breaks", l.name)
		cut := l.feed.Cut()
		p.w.sleep(d.between(10*time.Millisecond, 4*time.Second))
		l.feed.Restore(cut)
	}}})
}

// storeChaos does to the hot store what happens to stores.
func (w *World) storeChaos() {
	d := w.dice("store")
	w.repeatedly(d, []fault{
		{w.odds.flush, func() { w.note("the store is emptied"); w.hot.Flush() }},
		{w.odds.damage, func() {
			if s, ok := w.anySession(d); ok {
				w.note("the store loses a part of %s", s)
				w.hot.Damage(s)
			}
		}},
		{w.odds.older, func() { w.failOver(d) }},
		{w.odds.rebuild, func() { w.askForRebuild(d) }},
	})
}

// askForRebuild asks that a partition's view, or one session, be built anew beside itself.
func (w *World) askForRebuild(d *dice) {
	partition, only := int32(d.n(int(w.partitions))), events.SessionID("")
	if s, ok := w.anySession(d); ok && d.n(3) == 0 {
		partition, only = w.hot.partition(s), s
	}
	asked, err := w.hot.Ask(context.Background(), partition, fmt.Sprint("r", d.n(1_000_000)), only)
	w.note("a rebuild of partition %d %s is asked for: %s, %v", partition, only, asked, err)
}

// failOver has a replica take over that lags behind, and now and then the engine before it
// once more, with what it had: its life is the one in which it was declared whole.
func (w *World) failOver(d *dice) {
	failOver := w.hot.Copy()
	w.sleep(d.between(100*time.Millisecond, 4*time.Second))
	w.note("the store fails over to an older copy")
	w.wentBack.Store(true)
	failOver()
	// Not before any projector has seen the other.
	if d.n(2) == 0 && w.sleep(d.between(10*time.Second, 15*time.Second)) {
		w.note("the store fails back to what it had before")
		w.hot.FailBack()
	}
}

func (w *World) anySession(d *dice) (events.SessionID, bool) {
	w.hot.mu.Lock()
	defer w.hot.mu.Unlock()
	open := map[events.SessionID]bool{}
	for _, k := range w.hot.sessions {
		open[k.head.Session] = true
	}
	delete(open, "") // put aside
	all := slices.Sorted(maps.Keys(open))
	if len(all) == 0 {
		return "", false
	}
	return pick(d, all), true
}

// lateness says how a feed's messages are late or doubled.
func (w *World) lateness(name string) func() []time.Duration {
	d := w.dice("late " + name)
	return func() []time.Duration {
		var late []time.Duration
		if !w.calm.Load() && d.permille(w.odds.doubled) {
			late = append(late, d.between(time.Millisecond, 500*time.Millisecond))
		}
		if !w.calm.Load() && d.permille(w.odds.reordered) {
			return append(late, d.between(time.Millisecond, 300*time.Millisecond))
		}
		return append(late, 0)
	}
}
