// Package rearchive builds the archive anew from the log: beside the one that is read, while archivers go on, and then in its place;
// or one session's part of it.
package rearchive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// ErrCount says that the new archive does not have what the log has.
var ErrCount = errors.New("rearchive: the new archive has not as many outcomes as the log")

// ErrNoSession says that the log has nothing of the session.
var ErrNoSession = errors.New("rearchive: the log has nothing of the session")

const (
	// atOnce is how many partitions are filled in at once: while the store works on one the other is read.
	atOnce = 2
	// batchOutcomes and batchBytes bound an insertion.
	batchOutcomes = 20_000
	batchBytes    = 16 << 20
)

// Options say how.
type Options struct {
	Log eventlog.Log
	// From is where the events come from, see [rebuild.Source].
	From    string
	Archive archive.Builder
	// Holder names this process to others.
	Holder string
	// Batch is how many outcomes are inserted at once; 0: 20,000.
	Batch int
	// Said hears what is done next; Progress how much of the log is filled in, in records.
	Said     func(what string)
	Progress func(done, total int64)
}

// Run builds it, or goes on where another left off. Refused is how many outcomes the store does not take: they were put aside when
// they were archived first. A log that can't be read as it is to be is refused before anything begins: archivers would write twice
// from then on.
func Run(ctx context.Context, o Options) (refused uint64, err error) {
	log, err := rebuild.Source(ctx, o.Log, o.From, "")
	if err != nil {
		return 0, err
	}
	r, err := o.Archive.Rebuild(ctx, o.Holder)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	o.Said("waiting until every archiver writes to both")
	if err := r.Double(ctx); err != nil {
		return 0, err
	}
	ends, err := bounds(ctx, log)
	if err != nil {
		return 0, err
	}
	if ends, err = r.Bound(ctx, ends); err != nil {
		return 0, err
	}
	filled, err := r.Filled(ctx)
	if err != nil {
		return 0, err
	}
	f := &filling{opts: o, log: log, to: r}
	f.opts.Batch = cmp.Or(o.Batch, batchOutcomes)
	for p, end := range ends {
		f.total += end
		f.done += filled[p].Progress.Offset
	}
	o.Said("filling it in from the log")
	if err := f.all(ctx, ends, filled); err != nil {
		return 0, err
	}
	o.Said("swapping")
	return f.refused, r.Swap(ctx)
}

// bounds are where the log ends now.
func bounds(ctx context.Context, log eventlog.Log) (map[int32]int64, error) {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, fmt.Errorf("rearchive: %w", err)
	}
	ends := map[int32]int64{}
	for p := range n {
		if _, ends[p], err = log.Bounds(ctx, eventlog.Events, p); err != nil {
			return nil, fmt.Errorf("rearchive: partition %d: %w", p, err)
		}
	}
	return ends, nil
}

type filling struct {
	opts Options
	log  eventlog.Log
	to   archive.Rebuild

	mu          sync.Mutex
	done, total int64
	refused     uint64
}

func (f *filling) all(ctx context.Context, ends map[int32]int64, filled map[int32]archive.Filled) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for p, end := range ends {
		from, begun := filled[p]
		if !begun {
			from.Progress = events.Start()
		}
		g.Go(func() error {
			if err := f.partition(ctx, p, from, end); err != nil {
				return fmt.Errorf("rearchive: partition %d: %w", p, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// partition fills one in, up to end, and counts what came of it.
func (f *filling) partition(ctx context.Context, p int32, at archive.Filled, end int64) error {
	r := eventlog.NewReading(f.log, p, at.Progress)
	defer r.Close()
	for !r.Reached(end) {
		before := r.Progress().Offset
		outcomes, err := batch(ctx, r, end, f.opts.Batch, nil)
		if err != nil {
			return err
		}
		refused, err := fill(ctx, f.to, p, outcomes)
		if err != nil {
			return err
		}
		at = archive.Filled{Progress: r.Progress(), Outcomes: at.Outcomes + uint64(len(outcomes)), Refused: at.Refused + refused}
		if err := f.to.Note(ctx, p, at); err != nil {
			return err
		}
		f.tell(at.Progress.Offset - before)
	}
	n, exact, err := f.to.Count(ctx, p, end)
	if err != nil {
		return err
	}
	if want := at.Outcomes - at.Refused; n > want || exact && n != want {
		return fmt.Errorf("%w: %d, must be %d", ErrCount, n, want)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused += at.Refused
	return nil
}

func (f *filling) tell(records int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done += records
	f.opts.Progress(min(f.done, f.total), f.total)
}

// fill stores outcomes, and counts those that are refused.
func fill(ctx context.Context, to archive.Rebuild, p int32, outcomes []follow.Outcome) (refused uint64, err error) {
	insert := func(_ []follow.Outcome, rows *archive.Rows) error { return to.Fill(ctx, rows) }
	err = archive.Halve(p, outcomes, insert, func(*follow.Outcome, error) error {
		refused++
		return nil
	})
	return refused, err
}
