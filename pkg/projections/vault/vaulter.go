package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"annal/pkg/eventlog"
)

// Group is the consumer group on the events topic.
const Group = "annal.vault"

// Options say how a vaulter works.
type Options struct {
	// Log is Kafka's own, without a vault below.
	Log    eventlog.Log
	Bucket Bucket
	// Prefix goes before the names of objects.
	Prefix string
	// Instance is the static member id, kept over restarts; empty: dynamic.
	Instance string
	// A segment is sealed at SegmentBytes of records, or SealEvery after its first.
	SegmentBytes int
	SealEvery    time.Duration
	// HeldBytes bounds what is gathered over all partitions; the largest is sealed when there is more.
	HeldBytes int
	Logger    *slog.Logger
	Metrics   *Metrics
}

// Bounds of Options.
const (
	LeastSegmentBytes = 1 << 10
	MostSegmentBytes  = 64 << 20
)

// ErrOptions says that segments or bounds are out of range.
var ErrOptions = errors.New("vault: segments have 1 KiB to 64 MiB and are sealed after 100 ms to 24 h; what is held is a segment at least")

func (o Options) validate() error {
	if o.SegmentBytes < LeastSegmentBytes || o.SegmentBytes > MostSegmentBytes || o.SealEvery < 100*time.Millisecond || o.SealEvery > 24*time.Hour ||
		o.HeldBytes < o.SegmentBytes {
		return ErrOptions
	}
	return nil
}

// Vaulter seals the partitions that the group gives it.
type Vaulter struct {
	opts       Options
	shelf      *Shelf
	membership eventlog.Membership
	room       *room

	mu      sync.Mutex
	workers map[int32]*worker
	joined  bool
	fatal   chan error
}

// New joins the group; nothing is read before Run.
func New(ctx context.Context, opts Options) (*Vaulter, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	m, err := opts.Log.Join(ctx, Group, eventlog.Events, opts.Instance)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return &Vaulter{
		opts: opts, shelf: NewShelf(opts.Bucket, opts.Prefix, opts.Log.Cluster()), membership: m, room: newRoom(opts.HeldBytes),
		workers: map[int32]*worker{}, fatal: make(chan error, 1),
	}, nil
}

// Run works until ctx ends; what was not sealed then is read again by whoever comes next. It returns an error when the vault is
// not of this log or damaged at its end, or the log no longer has what the vault lacks; what may pass is waited out.
func (v *Vaulter) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- v.membership.Run(ctx, v) }()
	var err error
	select {
	case err = <-v.fatal:
		cancel()
		err = errors.Join(err, <-left)
	case err = <-left:
	}
	v.mu.Lock()
	workers := v.workers
	v.workers = map[int32]*worker{}
	v.mu.Unlock()
	for _, w := range workers {
		w.stop()
	}
	return err
}

// Ready is nil once the group gave partitions, if only none.
func (v *Vaulter) Ready() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.joined {
		return errors.New("has no partitions yet")
	}
	return nil
}

// Claimed implements eventlog.Handler.
func (v *Vaulter) Claimed(c eventlog.Claim) {
	w := newWorker(v, c.Partition)
	v.mu.Lock()
	old := v.workers[c.Partition]
	v.workers[c.Partition] = w
	v.joined = true
	v.mu.Unlock()
	if old != nil {
		old.stop()
	}
	go w.run()
}

// Released implements eventlog.Handler. Half a segment is worth nothing: whoever comes next reads it again.
func (v *Vaulter) Released(_ context.Context, partition int32) { v.Lost(partition) }

// Lost implements eventlog.Handler.
func (v *Vaulter) Lost(partition int32) {
	v.mu.Lock()
	w := v.workers[partition]
	delete(v.workers, partition)
	v.mu.Unlock()
	if w != nil {
		w.stop()
	}
}
