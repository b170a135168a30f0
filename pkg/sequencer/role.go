package sequencer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"annal/pkg/eventlog"
)

// Group is the sequencers' consumer group on the commands topic.
const Group = "annal.sequencer"

// Options say how the role works.
type Options struct {
	Log   eventlog.Log
	Rules Rules
	// OpenStore gives a partition's store, which Close of the store gives back.
	OpenStore func(partition int32) (Store, error)
	// Instance is the static member id, kept over restarts; empty: dynamic.
	Instance string
	// Source is the CloudEvents source of what it writes.
	Source string
	// CacheBytes bounds the decoded rows kept per partition; may be 0.
	CacheBytes int
	// MaxInFlight bounds outcomes decided and not read back, per partition, and
	// MaxInFlightBytes their size.
	MaxInFlight      int
	MaxInFlightBytes int
	// CommitEvery is how often progress is committed.
	CommitEvery time.Duration
	// A checkpoint is taken after CheckpointEvents records, or fewer after CheckpointEvery.
	CheckpointEvery  time.Duration
	CheckpointEvents int64
	// Random fills a turn's random part and spreads backoffs.
	Random  rand.Source
	Logger  *slog.Logger
	Metrics *Metrics
}

// Defaults are the bounds for production; the rest must be given.
func Defaults() Options {
	return Options{CacheBytes: 8 << 20, MaxInFlight: 4096, MaxInFlightBytes: 8 << 20, CommitEvery: time.Second, CheckpointEvery: 10 * time.Minute, CheckpointEvents: 50_000}
}

// Role decides the commands of the partitions that the group gives it.
type Role struct {
	opts       Options
	membership eventlog.Membership

	crew *eventlog.Crew[*worker]

	mu     sync.Mutex
	random *rand.Rand
	// checkpoints has room for one: they are taken one at a time.
	checkpoints chan struct{}
	// restores has room for as many as use all processors: the partitions restored first are
	// decided long before the last.
	restores chan struct{}
}

// New joins the group; nothing is decided before Run.
func New(ctx context.Context, opts Options) (*Role, error) {
	if opts.MaxInFlight < 1 || opts.MaxInFlightBytes < 1 || opts.CommitEvery <= 0 || opts.CheckpointEvery <= 0 || opts.CheckpointEvents < 1 || opts.CacheBytes < 0 {
		return nil, errors.New("sequencer: bounds must be positive")
	}
	m, err := opts.Log.Join(ctx, Group, eventlog.Commands, opts.Instance)
	if err != nil {
		return nil, fmt.Errorf("sequencer: %w", err)
	}
	r := &Role{
		opts: opts, membership: m, random: rand.New(opts.Random),
		checkpoints: make(chan struct{}, 1), restores: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	r.crew = eventlog.NewCrew(func(c eventlog.Claim) *worker { return newWorker(r, c.Partition) })
	return r, nil
}

// Run decides until ctx ends, then finishes what is in flight and leaves. It returns
// an error when this program must not decide: a counted outcome it cannot follow, a
// command newer than it, a store that fails, a log that begins too late.
func (r *Role) Run(ctx context.Context) error { return r.crew.Run(ctx, r.membership) }

// Ready is nil once all partitions that the group gave are being decided.
func (r *Role) Ready() error {
	return r.crew.Ready(func(p int32, w *worker) error {
		if !w.deciding.Load() {
			return fmt.Errorf("partition %d is not being decided yet", p)
		}
		return nil
	})
}

// turnRandom is a turn's random part.
func (r *Role) turnRandom() (b [16]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b {
		b[i] = byte(r.random.Uint32())
	}
	return b
}

// Backoff between lost turns: so that a woken zombie can't start a duel.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// backoff is a wait before turn n after a loss: it doubles, and half of it is chance.
func (r *Role) backoff(n int) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := min(minBackoff<<min(n, 10), maxBackoff)
	return d/2 + time.Duration(r.random.Int64N(int64(d/2)))
}
