package hot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"annal/pkg/eventlog"
)

// Group is the projectors' consumer group on the events topic.
const Group = "annal.hot"

// Options say how the projector works.
type Options struct {
	Log      eventlog.Log
	Store    Store
	Notifier Notifier
	// Instance is the static member id, kept over restarts; empty: dynamic.
	Instance string
	// Source is the CloudEvents source of what it quarantines.
	Source string
	// NewViewID gives an id greater than old, for a new building of a view.
	NewViewID func(old string) string
	// CommitEvery is how often progress is committed and the view looked at.
	CommitEvery time.Duration
	// Recall is how far back the log is replayed when the store fails over to a copy:
	// longer than any lag of a replica that is accepted.
	Recall time.Duration
	// MaxRound is about how many outcomes are applied together while a view is brought up
	// to the log's end; 131,072 when 0. Bytes bound it as well.
	MaxRound int
	Logger   *slog.Logger
	Metrics  *Metrics
}

// Projector keeps the view of the partitions that the group gives it.
type Projector struct {
	opts       Options
	membership eventlog.Membership
	crew       *eventlog.Crew[*worker]
	// catching has a token of each worker that catches up.
	catching chan struct{}
	// building has a token of the one that builds beside its view.
	building chan struct{}
}

// New joins the group; nothing is written before Run.
func New(ctx context.Context, opts Options) (*Projector, error) {
	if opts.CommitEvery <= 0 || opts.Recall <= 0 {
		return nil, errors.New("hot: CommitEvery and Recall must be positive")
	}
	if opts.MaxRound <= 0 {
		opts.MaxRound = defaultMaxRound
	}
	m, err := opts.Log.Join(ctx, Group, eventlog.Events, opts.Instance)
	if err != nil {
		return nil, fmt.Errorf("hot: %w", err)
	}
	p := &Projector{opts: opts, membership: m, catching: make(chan struct{}, maxCatchingUp), building: make(chan struct{}, 1)}
	p.crew = eventlog.NewCrew(func(c eventlog.Claim) *worker { return newWorker(p, c) })
	return p, nil
}

// Run projects until ctx ends, then finishes what it read and commits. It waits out
// outages of the store; it returns an error when the log does not reach back far enough.
func (p *Projector) Run(ctx context.Context) error { return p.crew.Run(ctx, p.membership) }

// Ready is nil once the views of all partitions that the group gave are whole.
func (p *Projector) Ready() error {
	return p.crew.Ready(func(n int32, w *worker) error {
		if !w.whole.Load() {
			return fmt.Errorf("the view of partition %d is being built", n)
		}
		return nil
	})
}

// Partitions are those that the group gives it now, ascending.
func (p *Projector) Partitions() []int32 { return p.crew.Partitions() }
