package rearchive

import (
	"context"
	"fmt"
	"slices"

	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// Store is an archive whose parts can be taken out.
type Store interface {
	archive.Store
	archive.Builder
}

// SessionOptions say which session, and of what.
type SessionOptions struct {
	Log eventlog.Log
	// From is where the events come from, see [rebuild.Source].
	From     string
	Store    Store
	Session  events.SessionID
	Said     func(what string)
	Progress func(done, total int64)
}

// Session removes what is archived of a session, and archives it anew. All of it is read before, so that readers miss it for as long
// as it takes to remove and to insert it. What an archiver inserted and this removed came into the log before: it is read after that.
func Session(ctx context.Context, o SessionOptions) (outcomes int, err error) {
	if o.Log, err = rebuild.Source(ctx, o.Log, o.From, o.Session); err != nil {
		return 0, err
	}
	n, err := o.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return 0, fmt.Errorf("rearchive: %w", err)
	}
	p := eventlog.KeyPartition([]byte(o.Session), n)
	r := eventlog.NewReading(o.Log, p, events.Start())
	defer r.Close()
	o.Said("reading the log")
	all, err := ofSession(ctx, r, p, o)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("%w %s", ErrNoSession, o.Session)
	}
	o.Said("removing what is archived")
	if err := o.Store.Remove(ctx, o.Session); err != nil {
		return 0, err
	}
	o.Said("archiving it anew")
	if err := insert(ctx, o.Store, p, all); err != nil {
		return 0, err
	}
	more, err := ofSession(ctx, r, p, o)
	if err != nil {
		return 0, err
	}
	return len(all) + len(more), insert(ctx, o.Store, p, more)
}

// ofSession reads on to where the partition ends now.
func ofSession(ctx context.Context, r *eventlog.Reading, partition int32, o SessionOptions) (all []follow.Outcome, err error) {
	_, end, err := o.Log.Bounds(ctx, eventlog.Events, partition)
	if err != nil {
		return nil, fmt.Errorf("rearchive: partition %d: %w", partition, err)
	}
	for !r.Reached(end) {
		some, err := batch(ctx, r, end, batchOutcomes, func(key []byte) bool { return string(key) == string(o.Session) })
		if err != nil {
			return nil, fmt.Errorf("rearchive: partition %d: %w", partition, err)
		}
		all = append(all, some...)
		o.Progress(r.Progress().Offset, end)
	}
	return all, nil
}

// insert stores outcomes; those that are refused are left out, as they were when they were archived first. What all of them made of
// messages comes before the first event: who reads one finds in it whatever came later. Heads come last, as of any store.
func insert(ctx context.Context, to archive.Store, p int32, outcomes []follow.Outcome) error {
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
		outcomes = slices.DeleteFunc(outcomes, func(o follow.Outcome) bool { return refused[o.Offset] })
		put := func(_ []follow.Outcome, rows *archive.Rows) error {
			part(rows)
			return to.Insert(ctx, rows)
		}
		for batch := range slices.Chunk(outcomes, batchOutcomes) {
			if err := archive.Halve(p, batch, put, leave); err != nil {
				return err
			}
		}
	}
	return nil
}
