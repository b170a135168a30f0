package replay

import (
	"context"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// ahead is how many outcomes of a partition are read before they are told.
const ahead = 64

// stream is a partition's outcomes that count and are chosen.
type stream struct {
	replay    *Replay
	partition int32
	end       int64
	out       chan *Entry
	// first is the one to be told next, nil when it must be taken from out; over: there are no more.
	first *Entry
	over  bool
}

// head has the next entry ready; false when there is none.
func (s *stream) head(ctx context.Context) (bool, error) {
	if s.first != nil {
		return true, nil
	}
	if s.over {
		return false, nil
	}
	select {
	case e, more := <-s.out:
		s.first, s.over = e, !more
		return more, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// run reads the partition up to its end, or to the last moment that is asked for.
func (s *stream) run(ctx context.Context) error {
	defer close(s.out)
	r := eventlog.NewReading(s.replay.log, s.partition, events.Start())
	defer r.Close()
	for {
		j, ok, err := r.Next(ctx, s.end)
		if err != nil || !ok {
			return err
		}
		s.replay.read.Add(1)
		at := r.Progress().Time
		if to := s.replay.opts.To; to != 0 && at > to {
			return nil
		}
		if j.Verdict != events.Counted || at < s.replay.opts.From {
			continue
		}
		if err := s.hand(ctx, j.Record, at); err != nil {
			return err
		}
	}
}

// hand gives an outcome over, if it is chosen.
func (s *stream) hand(ctx context.Context, rec *eventlog.Record, at events.Millis) error {
	if only := s.replay.opts.Session; only != "" && events.SessionID(rec.Key) != only {
		return nil
	}
	e := &Entry{Record: *rec}
	if e.Outcome, e.Unreadable = events.DecodeOutcome(rec.Record); e.Unreadable != nil {
		e.Outcome = events.Outcome{Session: events.SessionID(rec.Key), Time: at}
	}
	select {
	case s.out <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
