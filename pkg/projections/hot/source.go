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
	cursor eventlog.Cursor
	reader events.Reader
	// ahead are records that were read and lie beyond where the source was told to stop.
	ahead []eventlog.Record
	// only is the session to plan for; empty: all.
	only events.SessionID
}

// openSource opens a source after from.
func openSource(ctx context.Context, log eventlog.Log, partition int32, from events.Progress) (*source, error) {
	cursor, err := log.Read(ctx, eventlog.Events, partition, from.Offset)
	if err != nil {
		return nil, fmt.Errorf("hot: read events from %d: %w", from.Offset, err)
	}
	return &source{cursor: cursor, reader: events.NewReader(from)}, nil
}

func (s *source) close() { s.cursor.Close() }

func (s *source) progress() events.Progress { return s.reader.Progress() }

// at says whether all below until was read.
func (s *source) at(until int64) bool {
	return s.progress().Offset >= until || len(s.ahead) > 0 && s.ahead[0].Offset >= until
}

// gather plans on until `until` is reached, most records are read, or the plan holds maxRoundBytes. The log must reach up to there.
func (s *source) gather(ctx context.Context, until int64, most int) (*plan, error) {
	p, taken := newPlan(true), 0
	full := func() bool { return s.at(until) || taken >= most || p.bytes >= maxRoundBytes }
	for !full() {
		if len(s.ahead) == 0 {
			records, err := s.cursor.Next(ctx)
			if err != nil {
				return nil, fmt.Errorf("hot: read: %w", err)
			}
			s.ahead = records
		}
		for len(s.ahead) > 0 && !full() {
			if err := s.take(&s.ahead[0], p); err != nil {
				return nil, err
			}
			s.ahead = s.ahead[1:]
			taken++
		}
	}
	return p, nil
}

// take adds a record to the plan if it counts. Poison was put aside when it was first met.
func (s *source) take(rec *eventlog.Record, p *plan) error {
	verdict, _, err := s.reader.Read(rec.Offset, rec.Record)
	switch {
	case verdict == 0:
		return fmt.Errorf("hot: %w", err)
	case verdict != events.Counted, s.only != "" && events.SessionID(rec.Key) != s.only:
		return nil
	}
	c, err := countedOf(rec)
	if err == nil || c.hole != "" {
		p.add(c)
	}
	return nil
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
