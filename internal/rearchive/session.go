package rearchive

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// heldBatches is how many batches of a session are kept in memory. What comes after them is read again where it is needed.
const heldBatches = 4

// Store is an archive whose parts can be taken out.
type Store interface {
	archive.Store
	archive.Builder
}

// SessionOptions say which session, and of what.
type SessionOptions struct {
	Log eventlog.Log
	// From is where the events come from, see [rebuild.Source].
	From    string
	Store   Store
	Session events.SessionID
	// Batch is how many outcomes are inserted at once; 0: 20,000.
	Batch    int
	Said     func(what string)
	Progress func(done, total int64)
}

// Session removes what is archived of a session, and archives it anew. All of it is read before, so that readers miss it for as long
// as it takes to remove and to insert it; of a session that does not fit in memory the rest is read again for that. What an archiver
// inserted and this removed came into the log before: it is read after that.
func Session(ctx context.Context, o SessionOptions) (outcomes int, err error) {
	if o.Log, err = rebuild.Source(ctx, o.Log, o.From, o.Session); err != nil {
		return 0, err
	}
	o.Batch = cmp.Or(o.Batch, batchOutcomes)
	n, err := o.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return 0, fmt.Errorf("rearchive: %w", err)
	}
	p := eventlog.KeyPartition([]byte(o.Session), n)
	r := eventlog.NewReading(o.Log, p, events.Start())
	defer r.Close()
	o.Said("reading the log")
	all, err := readStretch(ctx, r, p, o)
	if err != nil {
		return 0, err
	}
	if all.outcomes == 0 {
		return 0, fmt.Errorf("%w %s", ErrNoSession, o.Session)
	}
	o.Said("removing what is archived")
	if err := o.Store.Remove(ctx, o.Session); err != nil {
		return 0, err
	}
	o.Said("archiving it anew")
	if err := all.insert(ctx); err != nil {
		return 0, err
	}
	more, err := readStretch(ctx, r, p, o)
	if err != nil {
		return 0, err
	}
	return all.outcomes + more.outcomes, more.insert(ctx)
}

// stretch is a session's part of a stretch of the log, of which no more is in memory than its first batches.
type stretch struct {
	opts      SessionOptions
	partition int32
	outcomes  int
	held      [][]follow.Outcome
	// rest is behind what is held, and end where the stretch ends.
	rest events.Progress
	end  int64
}

// readStretch reads on to where the partition ends now.
func readStretch(ctx context.Context, r *eventlog.Reading, partition int32, o SessionOptions) (*stretch, error) {
	s := &stretch{opts: o, partition: partition}
	var err error
	if _, s.end, err = o.Log.Bounds(ctx, eventlog.Events, partition); err != nil {
		return nil, fmt.Errorf("rearchive: partition %d: %w", partition, err)
	}
	s.rest = r.Progress()
	for !r.Reached(s.end) {
		some, err := s.batch(ctx, r)
		if err != nil {
			return nil, err
		}
		if len(s.held) < heldBatches {
			s.held, s.rest = append(s.held, some), r.Progress()
		}
		s.outcomes += len(some)
		o.Progress(r.Progress().Offset, s.end)
	}
	return s, nil
}

func (s *stretch) batch(ctx context.Context, r *eventlog.Reading) ([]follow.Outcome, error) {
	some, err := batch(ctx, r, s.end, s.opts.Batch, func(key []byte) bool { return string(key) == string(s.opts.Session) })
	if err != nil {
		return nil, fmt.Errorf("rearchive: partition %d: %w", s.partition, err)
	}
	return some, nil
}

// each calls do for the batches of the stretch, in order.
func (s *stretch) each(ctx context.Context, do func([]follow.Outcome) error) error {
	for _, some := range s.held {
		if err := do(some); err != nil {
			return err
		}
	}
	r := eventlog.NewReading(s.opts.Log, s.partition, s.rest)
	defer r.Close()
	for !r.Reached(s.end) {
		some, err := s.batch(ctx, r)
		if err != nil {
			return err
		}
		if err := do(some); err != nil {
			return err
		}
	}
	return nil
}

// insert stores the outcomes; those that are refused are left out, as they were when they were archived first. What all of them made of
// messages comes before the first event: who reads one finds in it whatever came later. Heads come last, as of any store.
func (s *stretch) insert(ctx context.Context) error {
	refused := map[int64]bool{}
	leave := func(o *follow.Outcome, _ error) error {
		refused[o.Offset] = true
		return nil
	}
	for _, part := range []func(*archive.Rows){
		func(rows *archive.Rows) { rows.Events, rows.Sessions = nil, nil },
		func(rows *archive.Rows) { *rows = archive.Rows{Events: rows.Events} },
		func(rows *archive.Rows) { *rows = archive.Rows{Sessions: rows.Sessions} },
	} {
		put := func(_ []follow.Outcome, rows *archive.Rows) error {
			part(rows)
			return s.opts.Store.Insert(ctx, rows)
		}
		err := s.each(ctx, func(some []follow.Outcome) error {
			some = slices.DeleteFunc(slices.Clone(some), func(o follow.Outcome) bool { return refused[o.Offset] })
			return archive.Halve(s.partition, some, put, leave)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
