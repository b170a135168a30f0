package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	crew       *eventlog.Crew[*worker]
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
	v := &Vaulter{opts: opts, shelf: NewShelf(opts.Bucket, opts.Prefix, opts.Log.Cluster()), membership: m, room: newRoom(opts.HeldBytes)}
	v.crew = eventlog.NewCrew(func(c eventlog.Claim) *worker { return newWorker(v, c.Partition) })
	return v, nil
}

// Run works until ctx ends; what was not sealed then is read again by whoever comes next. It returns an error when the vault is
// not of this log or damaged at its end, or the log no longer has what the vault lacks; what may pass is waited out.
func (v *Vaulter) Run(ctx context.Context) error { return v.crew.Run(ctx, v.membership) }

// Ready is nil once the group gave partitions, if only none.
func (v *Vaulter) Ready() error { return v.crew.Ready(nil) }
