package push

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// Group is the consumer group of push on the events topic.
const Group = "annal.push"

// MaxAge is how old something may be that people are told of, by log time; RingFor how long a call rings.
const (
	MaxAge  = 10 * time.Minute
	RingFor = 45 * time.Second
)

// Options say how push works.
type Options struct {
	View     View
	Presence Presence
	Store    Store
	Services Services
	Forget   Forget
	// Hold is how long a message waits before people are told, so that reading it elsewhere does away with that. A call does not wait.
	Hold    time.Duration
	Style   Style
	Logger  *slog.Logger
	Metrics *Metrics
}

// Validate errors.
var (
	ErrHold = errors.New("push: the hold must be from 0 to 1 minute")
	ErrKeep = errors.New("push: messages must be worth showing for 1 minute to 28 days")
	ErrName = errors.New("push: the name must be of 1 to 100 bytes")
)

// MaxHold is the longest hold.
const MaxHold = time.Minute

// Validate says what is wrong with the options: ErrHold, ErrKeep, ErrName, ErrLink.
func (o *Options) Validate() error {
	switch {
	case o.Hold < 0 || o.Hold > MaxHold:
		return ErrHold
	case o.Style.Keep < time.Minute || o.Style.Keep > 28*24*time.Hour:
		return ErrKeep
	case o.Style.Name == "" || len(o.Style.Name) > 100:
		return ErrName
	case o.Style.Link != "" && !validLink(o.Style.Link):
		return ErrLink
	}
	return nil
}

// Projector is a follow.Keeper: it takes what outcomes are about, and is done with them once it is known what came of each note. Until then
// the log keeps them.
type Projector struct {
	opts    Options
	office  *office
	metrics *Metrics
	// deciding bounds how many sessions are decided on at once.
	deciding chan struct{}

	mu    sync.Mutex
	desks map[int32]*desk
}

var _ follow.Keeper = (*Projector)(nil)

// atOnce is how many sessions are decided on at once.
const atOnce = 16

// New makes a projector; Close ends it.
func New(o Options) (*Projector, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	m := o.Metrics
	ctx, cancel := context.WithCancel(context.Background())
	p := &Projector{
		opts: o, metrics: m, desks: map[int32]*desk{}, deciding: make(chan struct{}, atOnce),
		office: &office{
			services: o.Services, store: o.Store, view: o.View, forget: o.Forget, metrics: m, logger: o.Logger,
			presence: o.Presence, latest: newLatest(), style: &o.Style, ctx: ctx, close: cancel, boxes: map[boxKey]*outbox{}, dead: newRecent[events.Millis](MaxAge, maxDead),
			forgetting: make(chan Forgotten, maxForgetting),
		},
	}
	for range forgetAtOnce {
		p.office.running.Go(p.office.forgets)
	}
	return p, nil
}

// Close ends all that goes on, and waits for it. What was not finished is in the log.
func (p *Projector) Close() {
	p.office.close()
	p.mu.Lock()
	desks := slices.Collect(maps.Values(p.desks))
	p.mu.Unlock()
	for _, d := range desks {
		d.end()
		d.running.Wait()
	}
	p.office.running.Wait()
}

// slow is how much older than this what is known of a letter may not be when it arrives, or else it is looked whether it should be there. What comes to be known
// within the hold is looked at after the hold.
func (p *Projector) slow() time.Duration {
	return min(max(p.opts.Hold, leastSlow), lookAgain)
}

// leastSlow is that where nothing waits: most calls take less.
const leastSlow = 50 * time.Millisecond

// Handle implements follow.Handler: it has them in memory once it returns.
func (p *Projector) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	p.mu.Lock()
	d := p.desks[partition]
	if d == nil {
		d = newDesk(p, partition)
		p.desks[partition] = d
	}
	p.mu.Unlock()
	now := time.Now()
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err != nil {
			continue
		}
		matters := mattersOf(&o.Outcome)
		if len(matters) == 0 {
			continue
		}
		if old(o.Time, now) || o.Origin != 0 && old(o.Origin, now) {
			p.metrics.old.Inc() // also what was brought in from elsewhere, and is new here alone
			continue
		}
		for _, m := range matters {
			if err := d.take(ctx, m, o.Offset, p.due(m)); err != nil {
				return err
			}
		}
	}
	return nil
}

func old(at events.Millis, now time.Time) bool { return now.Sub(time.UnixMilli(int64(at))) > MaxAge }

// due is when a matter is to be decided.
func (p *Projector) due(m *matter) time.Time {
	if m.alert != nil && m.alert.kind == Call {
		return time.Time{}
	}
	now := time.Now()
	due := time.UnixMilli(int64(m.At)).Add(p.opts.Hold)
	if latest := now.Add(p.opts.Hold); due.After(latest) {
		return latest // the log's clock is ahead of ours
	}
	return due
}

// Open implements follow.Keeper.
func (p *Projector) Open(partition int32) (int64, bool) {
	p.mu.Lock()
	d := p.desks[partition]
	p.mu.Unlock()
	if d == nil {
		return 0, false
	}
	return d.open()
}

// Finish implements follow.Keeper: nothing more is decided or sent for the partition, and what goes on is waited for.
func (p *Projector) Finish(ctx context.Context, partition int32) (offset int64, open bool) {
	p.mu.Lock()
	d := p.desks[partition]
	delete(p.desks, partition)
	p.mu.Unlock()
	if d == nil {
		return 0, false
	}
	d.finish(ctx)
	return d.open()
}
