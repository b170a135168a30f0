// Package follow reads the log for projectors whose store needs no building of its own: it
// takes part in a consumer group, hands counted outcomes to a handler in log order, and
// commits behind it. Poison is passed over and counted, and so is what can't be read: the hot
// projector, which meets every record too, puts it aside.
package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Outcome is an outcome that counts, as it stands in the log.
type Outcome struct {
	events.Outcome
	// Err says why it can't be read; of the outcome only Session and Time are known then.
	Err    error
	Offset int64
	Stamp  events.Stamp
	Record events.Record
}

// Handler does what outcomes ask for.
type Handler interface {
	// Handle returns once all is done durably; the same outcomes may come again, also by
	// another process. After an error they are handed over again, after a wait.
	Handle(ctx context.Context, partition int32, outcomes []Outcome) error
}

// Watcher is a Handler that wants to know how far it is.
type Watcher interface {
	// Reached says that all below the progress's offset is done, of a log that ends at end. It
	// must not block.
	Reached(partition int32, p events.Progress, end int64)
}

// Gather says how much is handed over at once: what came together, and what comes within Wait
// after it, until it is Bytes. That is for all partitions of a process together.
type Gather struct {
	Wait  time.Duration
	Bytes int
}

// Options say how a follower works.
type Options struct {
	Log eventlog.Log
	// Group is the consumer group on the events topic, and Role its name in logs.
	Group, Role string
	// Instance is the static member id, kept over restarts; empty: dynamic.
	Instance string
	Handler  Handler
	Gather   Gather
	// Begin says where to begin in a partition that the group never committed; nil: at the log's start. What it says is committed at once.
	Begin Begin
	// BeginAgain has it begin so too where what the last commit names was trimmed; else that ends Run.
	BeginAgain bool
	// CommitEvery is how often progress is committed.
	CommitEvery time.Duration
	// TellTrouble: commits say what last went wrong, for whoever looks on from outside.
	TellTrouble bool
	Logger      *slog.Logger
	Metrics     *Metrics
}

// Follower follows the partitions that the group gives it.
type Follower struct {
	opts       Options
	membership eventlog.Membership

	crew *eventlog.Crew[*worker]
}

// New joins the group; nothing is read before Run.
func New(ctx context.Context, opts Options) (*Follower, error) {
	if opts.CommitEvery <= 0 {
		return nil, errors.New("follow: CommitEvery must be positive")
	}
	m, err := opts.Log.Join(ctx, opts.Group, eventlog.Events, opts.Instance)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	f := &Follower{opts: opts, membership: m}
	f.crew = eventlog.NewCrew(func(c eventlog.Claim) *worker { return newWorker(f, c) })
	return f, nil
}

// Run follows until ctx ends, then finishes what it read and commits. It returns an error
// when the log does not have what the last commit names, or cannot be read on; what may pass
// is waited out.
func (f *Follower) Run(ctx context.Context) error { return f.crew.Run(ctx, f.membership) }

// Ready is nil once the group gave partitions, if only none. With a Begin each of them must have begun.
func (f *Follower) Ready() error {
	if f.opts.Begin == nil {
		return f.crew.Ready(nil)
	}
	return f.crew.Ready(func(partition int32, w *worker) error {
		if !w.begun.Load() {
			return fmt.Errorf("partition %d has not begun", partition)
		}
		return nil
	})
}

// Partitions are those that the group gives it now, ascending.
func (f *Follower) Partitions() []int32 { return f.crew.Partitions() }

// share is how many bytes one of the partitions may gather.
func (f *Follower) share() int { return f.opts.Gather.Bytes / max(1, f.crew.Size()) }
