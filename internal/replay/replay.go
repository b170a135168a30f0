// Package replay tells again what the log has, in the order of log time and at a chosen speed. It reads and nothing else: it touches no view,
// commits in no group, and tells no gateway.
package replay

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Errors of this package, for people and programs.
var (
	// ErrSpeed: a speed is a number from MinSpeed to MaxSpeed, or 0 for no waits.
	ErrSpeed = errors.New("REPLAY_SPEED: the speed is 0.01 to 1000000, or max")
	// ErrSpan: the end lies before the beginning.
	ErrSpan = errors.New("REPLAY_SPAN: the end lies before the beginning")
	// ErrSlow: a watcher did not keep up.
	ErrSlow = errors.New("REPLAY_SLOW: the watcher does not keep up")
)

// Bounds of a speed.
const (
	MinSpeed = 0.01
	MaxSpeed = 1_000_000
)

// Options say what is told, and how fast.
type Options struct {
	// Session is the only one; empty: all.
	Session events.SessionID
	// From and To bound the log time, both inclusive; To 0: up to where the log ends now.
	From, To events.Millis
	// Speed is how many times faster than it happened; 0: without waits.
	Speed float64
	// MaxGap is the longest wait between two outcomes; 0: as long as it was.
	MaxGap time.Duration
}

// Validate says what is wrong.
func (o Options) Validate() error {
	switch {
	case o.Speed != 0 && (o.Speed < MinSpeed || o.Speed > MaxSpeed || o.Speed != o.Speed):
		return fmt.Errorf("%w, not %v", ErrSpeed, o.Speed)
	case o.MaxGap < 0:
		return errors.New("REPLAY_GAP: a gap is not negative")
	case o.To != 0 && o.To < o.From:
		return ErrSpan
	}
	return nil
}

// Entry is an outcome that counts.
type Entry struct {
	Record  eventlog.Record
	Outcome events.Outcome
	// Unreadable says why this program cannot read the outcome, which is zero then but for its time and session.
	Unreadable error
}

// Sink takes what is told, one after the other.
type Sink interface {
	Take(ctx context.Context, e *Entry) error
}

// Progress is how far a replay is.
type Progress struct {
	// Read of Records of the log, and Told of what was chosen.
	Read, Records, Told int64
}

// Replay is one run over a log.
type Replay struct {
	log  eventlog.Log
	opts Options

	read, told, records atomic.Int64
}

// New makes a replay.
func New(log eventlog.Log, opts Options) (*Replay, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return &Replay{log: log, opts: opts}, nil
}

// Progress may be asked while Run goes on.
func (r *Replay) Progress() Progress {
	return Progress{Read: r.read.Load(), Records: r.records.Load(), Told: r.told.Load()}
}

// Run tells a sink all that is chosen, up to where the log ends when it begins. It ends with the sink's first error, or ctx's.
// eventlog.ErrTrimmed when the log does not reach back to its beginning: what counts cannot be told without it.
func (r *Replay) Run(ctx context.Context, sink Sink) error {
	streams, err := r.streams(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range streams {
		group.Go(func() error { return s.run(ctx) })
	}
	group.Go(func() error { return r.tell(ctx, streams, sink) })
	return group.Wait()
}

func (r *Replay) streams(ctx context.Context) ([]*stream, error) {
	n, err := r.log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	first, last := int32(0), n-1
	if r.opts.Session != "" {
		first = eventlog.KeyPartition([]byte(r.opts.Session), n)
		last = first
	}
	var streams []*stream
	for p := first; p <= last; p++ {
		start, end, err := r.log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return nil, fmt.Errorf("replay: partition %d: %w", p, err)
		}
		if start > 0 {
			return nil, fmt.Errorf("replay: partition %d begins at %d, not at its beginning: %w", p, start, eventlog.ErrTrimmed)
		}
		r.records.Add(end)
		streams = append(streams, &stream{replay: r, partition: p, end: end, out: make(chan *Entry, ahead)})
	}
	return streams, nil
}

// tell merges the streams by log time. Within a partition it never goes back.
func (r *Replay) tell(ctx context.Context, streams []*stream, sink Sink) error {
	pace := pacer{speed: r.opts.Speed, maxGap: r.opts.MaxGap}
	for {
		var next *stream
		for _, s := range streams {
			there, err := s.head(ctx)
			if err != nil {
				return err
			}
			if there && (next == nil || s.first.Outcome.Time < next.first.Outcome.Time) {
				next = s
			}
		}
		if next == nil {
			return nil
		}
		e := next.first
		next.first = nil
		if err := pace.wait(ctx, e.Outcome.Time); err != nil {
			return err
		}
		if err := sink.Take(ctx, e); err != nil {
			return err
		}
		r.told.Add(1)
	}
}

// pacer waits as long as it took then, scaled.
type pacer struct {
	speed  float64
	maxGap time.Duration
	last   events.Millis
	due    time.Time
}

func (p *pacer) wait(ctx context.Context, at events.Millis) error {
	if p.speed == 0 {
		return ctx.Err()
	}
	if p.due.IsZero() {
		p.due, p.last = time.Now(), at
		return ctx.Err()
	}
	gap := time.Duration(float64(at-p.last) * float64(time.Millisecond) / p.speed)
	if p.maxGap > 0 {
		gap = min(gap, p.maxGap)
	}
	p.due, p.last = p.due.Add(max(gap, 0)), at
	t := time.NewTimer(time.Until(p.due))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
