package follow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Begin gives where to begin in a partition, the reader's state there included. It is asked again after an error.
type Begin func(ctx context.Context, log eventlog.Log, partition int32) (events.Progress, error)

// AtEnd begins behind all that is in the log now.
func AtEnd() Begin { return At(math.MaxInt64) }

// At begins with the first outcome that counts of a log time, or a later one.
//
// Who decides in a partition follows from all that stands before, so beginning further on takes reading up to there once; where the log's start
// is gone, from the newest checkpoint on.
func At(from events.Millis) Begin {
	return func(ctx context.Context, log eventlog.Log, partition int32) (events.Progress, error) {
		start, end, err := log.Bounds(ctx, eventlog.Events, partition)
		if err != nil {
			return events.Progress{}, fmt.Errorf("follow: partition %d: %w", partition, err)
		}
		known := events.Start()
		if start > 0 {
			if known, err = newestCheckpoint(ctx, log, partition, start, end, from); err != nil {
				return known, err
			}
		}
		r := eventlog.NewReading(log, partition, known)
		defer r.Close()
		for {
			before := r.Progress()
			j, more, err := r.Next(ctx, end)
			if err != nil || !more || j.Verdict == events.Counted && r.Progress().Time >= from {
				return before, err
			}
		}
	}
}

// errNoCheckpoint: the log's start is gone, and nothing says who decided what is left of it.
var errNoCheckpoint = errors.New("follow: the log's start was trimmed, and there is no checkpoint of what is left from before the time to begin at")

// snapshotsWait is how long the next snapshot may take: what was compacted away at the end of the topic never comes.
const snapshotsWait = 5 * time.Second

// newestCheckpoint gives the reader's state of the newest checkpoint within what is left of a partition, and before a log time: one beyond it would
// pass by what came between.
func newestCheckpoint(ctx context.Context, log eventlog.Log, partition int32, start, end int64, before events.Millis) (newest events.Progress, err error) {
	first, last, err := log.Bounds(ctx, eventlog.Snapshots, partition)
	if err != nil {
		return newest, fmt.Errorf("follow: snapshots of partition %d: %w", partition, err)
	}
	cursor, err := log.Read(ctx, eventlog.Snapshots, partition, first)
	if err != nil {
		return newest, fmt.Errorf("follow: snapshots of partition %d: %w", partition, err)
	}
	defer cursor.Close()
	found := false
	for first < last {
		reading, cancel := context.WithTimeout(ctx, snapshotsWait)
		records, err := cursor.Next(reading)
		cancel()
		if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			// A log that answers has said all that it has.
			asking, cancel := context.WithTimeout(ctx, snapshotsWait)
			_, _, err := log.Bounds(asking, eventlog.Snapshots, partition)
			cancel()
			if err != nil {
				return newest, fmt.Errorf("follow: snapshots of partition %d: %w", partition, err)
			}
			break
		}
		if err != nil {
			return newest, fmt.Errorf("follow: snapshots of partition %d: %w", partition, err)
		}
		for i := range records {
			c, err := events.DecodeCheckpoint(records[i].Record)
			if at := c.Progress.Offset; err == nil && at >= start && at <= end && c.Progress.Time < before && (!found || at > newest.Offset) {
				newest, found = c.Progress, true
			}
		}
		first = records[len(records)-1].Offset + 1
	}
	if !found {
		return newest, fmt.Errorf("%w: partition %d from %d on", errNoCheckpoint, partition, start)
	}
	return newest, nil
}

// beginning gives where the worker goes on or begins; drained when it is to end before it knows.
func (w *worker) beginning() (last Commit, drained bool, err error) {
	last = Commit{Progress: events.Start()}
	if w.claim.Offset >= 0 {
		if last, err = ParseCommit(w.claim.Metadata); err != nil {
			return last, false, fmt.Errorf("follow: the last commit: %w", err)
		}
	}
	begins, err := w.begins(last.Progress.Offset)
	if err != nil || !begins {
		return last, false, err
	}
	var never error
	err = w.patiently("begin", func() error {
		p, err := w.opts.Begin(w.reading, w.opts.Log, w.partition)
		if errors.Is(err, errNoCheckpoint) {
			never = err
			return nil
		}
		if err == nil {
			// It is where it begins also for who is killed now: nothing after it may be passed over.
			err = w.follower.membership.Commit(w.ctx, w.partition, p.Offset, Commit{Progress: p}.String())
		}
		if drained = err != nil && w.reading.Err() != nil; drained {
			return nil
		}
		last = Commit{Progress: p}
		return err
	})
	if err = errors.Join(err, never); err == nil && !drained {
		w.log.Info("begins", "offset", last.Progress.Offset, "instead_of", w.claim.Offset)
	}
	return last, drained, err
}

// begins says whether the options' Begin is to say where.
func (w *worker) begins(at int64) (begins bool, err error) {
	switch {
	case w.opts.Begin == nil:
		return false, nil
	case w.claim.Offset < 0:
		return true, nil
	case !w.opts.BeginAgain:
		return false, nil
	}
	err = w.patiently("ask for the log's bounds", func() error {
		start, _, err := w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition)
		begins = at < start
		return err
	})
	return begins, err
}
