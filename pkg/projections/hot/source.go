package hot

import (
	"context"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// source reads a partition's events from some progress on, up to where it is told and not beyond, and makes plans of them
// that tell nobody anything.
type source struct {
	*eventlog.Reading
	// only is the session to plan for; empty: all.
	only events.SessionID
}

// gather plans on until `until` is reached, most records are read, or the plan holds maxRoundBytes. The log must reach up to there.
func (s *source) gather(ctx context.Context, until int64, most int) (*plan, error) {
	p := newPlan(true)
	for taken := 0; taken < most && p.bytes < maxRoundBytes; taken++ {
		j, ok, err := s.Next(ctx, until)
		if err != nil {
			return nil, fmt.Errorf("hot: read: %w", err)
		}
		if !ok {
			break
		}
		// Poison was put aside when it was first met.
		if j.Verdict != events.Counted || s.only != "" && events.SessionID(j.Key) != s.only {
			continue
		}
		if c, err := countedOf(j.Record); err == nil || c.hole != "" {
			p.add(c)
		}
	}
	return p, nil
}

// countedOf reads an outcome that counts. With an error it is a hole, if it may stand in a timeline.
func countedOf(rec *eventlog.Record) (*counted, error) {
	o, err := events.DecodeOutcome(rec.Record)
	if err == nil {
		err = o.Unsound()
	}
	c := &counted{outcome: o, value: rec.Value, offset: rec.Offset}
	if err == nil {
		return c, nil
	}
	if mayHaveSeq(rec) {
		c.hole = events.SessionID(rec.Key)
	}
	return c, err
}

// trimmed says whether a log does not reach back to where it was read from.
func trimmed(err error) bool { return errors.Is(err, eventlog.ErrTrimmed) }
