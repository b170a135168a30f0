package fold

import (
	"context"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Report is what a verification found.
type Report struct {
	Records  int
	Outcomes map[string]int
	// Sessions are folded; Commands have an outcome.
	Sessions int
	Commands int
	// Undecided are commands in the log without a counted outcome, yet.
	Undecided int64
	// Skipped records do not count: late or broken.
	Skipped int
	Poison  int
	// Compared are views of members looked at.
	Compared int
	// Problems are the first ones; Found counts all.
	Problems []string
	Found    int
}

// maxProblems bounds what is said.
const maxProblems = 100

func (r *Report) problem(format string, args ...any) {
	r.Found++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Log folds all partitions from their beginnings to where they end now.
func Log(ctx context.Context, log eventlog.Log, report *Report) (map[events.SessionID]*Session, error) {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	if report.Outcomes == nil {
		report.Outcomes = map[string]int{}
	}
	sessions := map[events.SessionID]*Session{}
	for p := range n {
		if err := partition(ctx, log, p, sessions, report); err != nil {
			return nil, fmt.Errorf("fold: partition %d: %w", p, err)
		}
	}
	for _, s := range sessions {
		for _, fault := range s.Faults {
			report.problem("%s", fault)
		}
	}
	report.Sessions = len(sessions)
	return sessions, nil
}

func partition(ctx context.Context, log eventlog.Log, p int32, sessions map[events.SessionID]*Session, report *Report) error {
	_, end, err := log.Bounds(ctx, eventlog.Events, p)
	if err != nil || end == 0 {
		return err
	}
	cursor, err := log.Read(ctx, eventlog.Events, p, 0)
	if err != nil {
		return err
	}
	defer cursor.Close()
	rule := events.NewReader(events.Start())
	for rule.Progress().Offset < end {
		records, err := cursor.Next(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			if err := add(&rule, &records[i], sessions, report); err != nil {
				return err
			}
		}
	}
	_, commands, err := log.Bounds(ctx, eventlog.Commands, p)
	report.Undecided += max(0, commands-rule.Progress().Last-1)
	return err
}

func add(rule *events.Reader, rec *eventlog.Record, sessions map[events.SessionID]*Session, report *Report) error {
	report.Records++
	verdict, _, err := rule.Read(rec.Offset, rec.Record)
	switch verdict {
	case events.Counted:
	case events.Fenced:
		return nil
	case events.Late, events.Broken:
		report.Skipped++
		return nil
	case events.Poison:
		report.Poison++
		return nil
	default:
		return err
	}
	report.Commands++
	o, err := events.DecodeOutcome(rec.Record)
	if err != nil {
		report.problem("partition %d offset %d counts and cannot be read: %v", rec.Partition, rec.Offset, err)
		return nil
	}
	report.Outcomes[kind(o.Result)]++
	if string(o.Session) != string(rec.Key) {
		var rejected events.Rejected
		if r, ok := o.Result.(events.Rejected); ok {
			rejected = r
		}
		if rejected.Code != events.CodeMalformed {
			report.problem("partition %d offset %d: session %q under key %q", rec.Partition, rec.Offset, o.Session, rec.Key)
		}
		return nil
	}
	s := sessions[o.Session]
	if s == nil {
		s = NewSession(o.Session)
	}
	s.Add(o, rec.Value)
	if s.Head.Seq != 0 || len(s.Faults) > 0 {
		sessions[o.Session] = s
	}
	return nil
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

// ErrProblems says that the log or the view is not as it must be.
var ErrProblems = errors.New("fold: the log or the view is not as it must be")
