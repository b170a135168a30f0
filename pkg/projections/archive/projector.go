package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// Group is the archivers' consumer group on the events topic.
const Group = "annal.archive"

// Options say how a Projector works.
type Options struct {
	Log   eventlog.Log
	Store Store
	// Source is the CloudEvents source of what it quarantines.
	Source string
	// ReportEvery is how often it stores how far it is.
	ReportEvery time.Duration
	Now         func() time.Time
	Logger      *slog.Logger
	Metrics     *Metrics
}

// Projector is a follow.Handler that stores rows. Partitions that have something to store at the same time do so together.
type Projector struct {
	opts Options
	// turns has a token of each insertion under way.
	turns chan struct{}

	mu sync.Mutex
	// open is the insertion that waits for its turn and takes more.
	open *insertion
	// sound is an outcome that the store took, nil before; aside are those that it did not, before it took any.
	sound *part
	aside int
	// reached is how far each partition is, as of what was not stored yet.
	reached map[int32]Progress
}

const (
	// mostTurns is how many insertions are under way at once: while the store works on one the other is made.
	mostTurns = 2
	// mostTogether and mostBytes bound an insertion of several partitions.
	mostTogether = 100_000
	mostBytes    = 32 << 20
	// mostAside is how many outcomes are put aside by a store that took none yet: beyond that something is wrong with the store.
	mostAside = 10
	// reportTimeout bounds one report of how far it is: the next is soon.
	reportTimeout = 5 * time.Second
)

// New makes a projector.
func New(opts Options) *Projector {
	return &Projector{opts: opts, turns: make(chan struct{}, mostTurns), reached: map[int32]Progress{}}
}

// part is what one partition puts into an insertion.
type part struct {
	partition int32
	outcomes  []follow.Outcome
}

// insertion is what is stored together.
type insertion struct {
	parts []part
	size  int
	bytes int
	// done is closed once err says what came of it.
	done chan struct{}
	err  error
}

// Handle implements follow.Handler.
func (p *Projector) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	for {
		err := p.handle(ctx, partition, outcomes)
		// Another partition's insertion ended with that partition.
		if !errors.Is(err, context.Canceled) || ctx.Err() != nil {
			return err
		}
	}
}

func (p *Projector) handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	mine := p.join(part{partition, outcomes})
	select {
	case p.turns <- struct{}{}:
		if p.close(mine) {
			mine.err = p.insert(ctx, mine.parts)
			close(mine.done)
		}
		<-p.turns
	case <-mine.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	// Whose turn came may have found that another has begun with it.
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join adds to the insertion that waits, or opens one.
func (p *Projector) join(x part) *insertion {
	bytes := 0
	for i := range x.outcomes {
		bytes += len(x.outcomes[i].Record.Value)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil || p.open.size+len(x.outcomes) > mostTogether || p.open.bytes+bytes > mostBytes {
		p.open = &insertion{done: make(chan struct{})}
	}
	p.open.parts = append(p.open.parts, x)
	p.open.size += len(x.outcomes)
	p.open.bytes += bytes
	return p.open
}

// close says whether the insertion is the caller's to do: it is of the first one whose turn it is.
func (p *Projector) close(i *insertion) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == i {
		p.open = nil
	}
	first := i.size > 0
	i.size = 0
	return first
}

func (p *Projector) insert(ctx context.Context, parts []part) error {
	var rows Rows
	for _, x := range parts {
		rows.add(Plan(x.partition, x.outcomes))
	}
	err := p.store(ctx, &rows)
	if err == nil {
		p.took(parts[0])
	}
	if !errors.Is(err, ErrRefused) {
		return err
	}
	for _, x := range parts {
		if err := p.apart(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// apart stores what was refused as a whole but for the outcomes that the store does not take: those are put aside.
func (p *Projector) apart(ctx context.Context, x part) error {
	insert := func(outcomes []follow.Outcome, rows *Rows) error {
		err := p.store(ctx, rows)
		if err == nil {
			p.took(part{x.partition, outcomes})
		}
		return err
	}
	return Halve(x.partition, x.outcomes, insert, func(o *follow.Outcome, cause error) error {
		if !p.takesOthers(ctx) {
			return fmt.Errorf("archive: the store takes no outcome at all: %w", cause)
		}
		return p.quarantine(ctx, x.partition, o, cause)
	})
}

// took keeps an outcome that the store took.
func (p *Projector) took(x part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sound == nil {
		p.sound = &part{x.partition, slices.Clone(x.outcomes[:1])}
	}
}

// takesOthers tells an outcome that is wrong from tables that are: what the store took before it takes again.
func (p *Projector) takesOthers(ctx context.Context) bool {
	p.mu.Lock()
	sound := p.sound
	if sound == nil {
		p.aside++
	}
	few := p.aside <= mostAside
	p.mu.Unlock()
	if sound == nil {
		return few
	}
	rows := Plan(sound.partition, sound.outcomes)
	return p.store(ctx, &rows) == nil
}

func (p *Projector) store(ctx context.Context, rows *Rows) error {
	start := p.opts.Now()
	err := p.opts.Store.Insert(ctx, rows)
	p.opts.Metrics.stored(rows, p.opts.Now().Sub(start), err)
	return err
}

// quarantine puts an outcome aside durably, to be met again by `annal quarantine`.
func (p *Projector) quarantine(ctx context.Context, partition int32, o *follow.Outcome, cause error) error {
	p.opts.Logger.Error("the store refuses an outcome, which is put aside", "partition", partition, "offset", o.Offset, "error", cause)
	q, err := events.EncodeQuarantined(events.Quarantined{
		Topic: string(eventlog.Events), Partition: partition, Offset: o.Offset, Reason: events.PoisonStore, Detail: cause.Error(), Record: o.Record,
	}, events.Envelope{Source: p.opts.Source})
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	_, err = eventlog.Put(ctx, p.opts.Log, eventlog.Quarantine, q)
	if errors.Is(err, eventlog.ErrRefused) {
		p.opts.Logger.Error("the quarantine takes no such record; only the log has it", "partition", partition, "offset", o.Offset, "error", err)
		err = nil
	}
	if err == nil {
		p.opts.Metrics.quarantined.Inc()
	}
	return err
}

// add appends another's rows.
func (r *Rows) add(more Rows) {
	r.Events = append(r.Events, more.Events...)
	r.Messages = append(r.Messages, more.Messages...)
	r.Markers = append(r.Markers, more.Markers...)
	r.Members = append(r.Members, more.Members...)
	r.Sessions = append(r.Sessions, more.Sessions...)
	r.Contacts = append(r.Contacts, more.Contacts...)
}

// Reached implements follow.Watcher.
func (p *Projector) Reached(partition int32, progress events.Progress, end int64) {
	now := p.opts.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached[partition] = Progress{
		Partition: partition, Archived: progress.Offset, LogEnd: max(end, progress.Offset), Time: progress.Time, At: events.Millis(now.UnixMilli()),
	}
}

// Run stores now and then how far it is, until ctx ends, and once more then.
func (p *Projector) Run(ctx context.Context) {
	ticker := time.NewTicker(p.opts.ReportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.report(ctx)
		case <-ctx.Done():
			p.report(context.WithoutCancel(ctx))
			return
		}
	}
}

func (p *Projector) report(ctx context.Context) {
	p.mu.Lock()
	rows := Rows{Progress: slices.Collect(maps.Values(p.reached))}
	clear(p.reached)
	p.mu.Unlock()
	if len(rows.Progress) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if err := p.store(ctx, &rows); err != nil {
		p.opts.Logger.Warn("cannot store how far the archive is; it is said again soon", "error", err)
	}
}
