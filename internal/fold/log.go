package fold

import (
	"context"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Log folds all partitions from their beginnings to where they end now.
func Log(ctx context.Context, log eventlog.Log, report *Report) (map[events.SessionID]*Session, error) {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	all := map[events.SessionID]*Session{}
	report.strays = map[events.SessionID]*Session{}
	for p := range n {
		part := newPart(log, p, report)
		part.sessions, part.strays, part.keep = all, report.strays, true
		if err := part.fold(ctx); err != nil {
			return nil, err
		}
	}
	report.faults(all)
	report.Sessions = len(all)
	return all, nil
}

// faults tells what no sound log holds.
func (r *Report) faults(sessions map[events.SessionID]*Session) {
	for _, s := range sessions {
		for _, fault := range s.Faults {
			r.problem(s.ID, "log", "%s", fault)
		}
		s.Faults = nil
	}
}

// outcome is a counted outcome as it stands in the log.
type outcome struct {
	partition int32
	offset    int64
	stamp     events.Stamp
	// key is the record's: the session's id, but for what could not be decoded.
	key   string
	value []byte
}

// part is one partition, folded as far as it was read.
type part struct {
	log       eventlog.Log
	partition int32
	report    *Report
	// wanted chooses sessions; nil is all.
	wanted func(events.SessionID) bool
	// keep: each outcome is kept, as the archive has it.
	keep bool
	// tick hears of records that were read.
	tick func(records int)

	sessions map[events.SessionID]*Session
	strays   map[events.SessionID]*Session
	rule     events.Reader
	cursor   eventlog.Cursor
	// times are the reader's log times at the offsets that it is told of before.
	times map[int64]events.Millis
}

func newPart(log eventlog.Log, p int32, report *Report) *part {
	if report.Outcomes == nil {
		report.Outcomes = map[string]int{}
	}
	return &part{
		log: log, partition: p, report: report, tick: func(int) {}, sessions: map[events.SessionID]*Session{}, strays: map[events.SessionID]*Session{},
		rule: events.NewReader(events.Start()), times: map[int64]events.Millis{},
	}
}

// fold reads to where the partition ends now, and counts what is undecided.
func (p *part) fold(ctx context.Context) error {
	defer p.close()
	if err := p.forward(ctx); err != nil {
		return err
	}
	_, commands, err := p.log.Bounds(ctx, eventlog.Commands, p.partition)
	if err != nil {
		return fmt.Errorf("fold: partition %d: %w", p.partition, err)
	}
	p.report.Undecided += max(0, commands-p.rule.Progress().Last-1)
	return nil
}

func (p *part) close() {
	if p.cursor != nil {
		p.cursor.Close()
		p.cursor = nil
	}
}

// forward reads on to where the partition ends now.
func (p *part) forward(ctx context.Context) error {
	_, end, err := p.log.Bounds(ctx, eventlog.Events, p.partition)
	if err == nil && end > p.rule.Progress().Offset {
		err = p.upTo(ctx, end)
	}
	if err != nil {
		return fmt.Errorf("fold: partition %d: %w", p.partition, err)
	}
	return nil
}

func (p *part) upTo(ctx context.Context, end int64) (err error) {
	if p.cursor == nil {
		if p.cursor, err = p.log.Read(ctx, eventlog.Events, p.partition, p.rule.Progress().Offset); err != nil {
			return err
		}
	}
	for p.rule.Progress().Offset < end {
		records, err := p.cursor.Next(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			if err := p.add(&records[i]); err != nil {
				return err
			}
		}
		p.tick(len(records))
	}
	return nil
}

func (p *part) add(rec *eventlog.Record) error {
	p.report.Records++
	if _, asked := p.times[rec.Offset]; asked {
		p.times[rec.Offset] = p.rule.Progress().Time
	}
	verdict, stamp, err := p.rule.Read(rec.Offset, rec.Record)
	switch verdict {
	case events.Counted:
	case events.Fenced:
		return nil
	case events.Late, events.Broken:
		p.report.Skipped++
		return nil
	case events.Poison:
		p.report.Poison++
		return nil
	default:
		return err
	}
	key := events.SessionID(rec.Key)
	if p.wanted != nil && !p.wanted(key) {
		return nil
	}
	p.report.Commands++
	o, err := events.DecodeOutcome(rec.Record)
	if err != nil {
		p.report.problem(key, "log", "partition %d offset %d counts and cannot be read: %v", rec.Partition, rec.Offset, err)
	} else {
		p.report.Outcomes[kind(o.Result)]++
	}
	s := p.session(key)
	s.moves++
	if p.keep {
		s.outcomes = append(s.outcomes, outcome{rec.Partition, rec.Offset, stamp, string(rec.Key), rec.Value})
	}
	switch {
	case err != nil:
	case o.Session == key:
		s.Add(o, rec.Value)
	case !malformed(o.Result):
		p.report.problem(key, "log", "partition %d offset %d: session %q under key %q", rec.Partition, rec.Offset, o.Session, rec.Key)
	}
	p.settle(key, s)
	return nil
}

func malformed(r events.Result) bool {
	rejected, ok := r.(events.Rejected)
	return ok && rejected.Code == events.CodeMalformed
}

func (p *part) session(key events.SessionID) *Session {
	if s := p.sessions[key]; s != nil {
		return s
	}
	if s := p.strays[key]; s != nil {
		return s
	}
	return NewSession(key)
}

// settle keeps a session that was opened among the sessions, and what came under other keys apart.
func (p *part) settle(key events.SessionID, s *Session) {
	switch {
	case s.Head.Seq != 0 || len(s.Faults) > 0:
		p.sessions[key] = s
		delete(p.strays, key)
	case p.keep:
		p.strays[key] = s
	}
}

func kind(r events.Result) string {
	switch r := r.(type) {
	case events.Accepted:
		return "accepted " + r.Event.Name()
	case events.Rejected:
		return "rejected " + string(r.Code)
	case events.Answered:
		return "answered " + string(r.Code)
	}
	return "none"
}

func (p *part) reached() (partition int32, offset int64) {
	return p.partition, p.rule.Progress().Offset
}

// ErrBehind says that a view did not come to where the log was read to.
var ErrBehind = errors.New("fold: the view is behind the log")
