package quarantine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/hot"
)

// Result is a stable word for what came of a retry.
type Result string

// What comes of a retry. Filled, Rebuilt, AlreadyThere and Archived are successes.
const (
	// Filled: the view of the partition was built anew and has the event.
	Filled Result = "FILLED"
	// Rebuilt: the view was built anew; whether it has the event cannot be seen there, since
	// it is a marker, or lies below the window.
	Rebuilt Result = "REBUILT"
	// AlreadyThere: the view has the event already.
	AlreadyThere Result = "ALREADY_THERE"
	// NotInQuarantine: nothing was put aside under this place, or not in the last 30 days.
	NotInQuarantine Result = "NOT_IN_QUARANTINE"
	// CommandDecided: a command that was put aside has its outcome, a rejection, and an
	// outcome is for ever; whoever sent it sends it again in a form that can be read.
	CommandDecided Result = "COMMAND_DECIDED"
	// NotCounted: no reader of the log counts the record, whatever program reads it.
	NotCounted Result = "NOT_COUNTED"
	// StillUnreadable: this program cannot read it either.
	StillUnreadable Result = "STILL_UNREADABLE"
	// NothingToFill: it can be read, and it is a refusal or an answer: no part of the view.
	NothingToFill Result = "NOTHING_TO_FILL"
	// NotBuilt: the view was opened anew and nobody has built it in time.
	NotBuilt Result = "NOT_BUILT"
	// Archived: it can be read, is a refusal or an answer, which no hot view holds, and is in the archive now.
	Archived Result = "ARCHIVED"
	// StillRefused: the archive's store takes it no more than before.
	StillRefused Result = "STILL_REFUSED"
	// StillAHole: the view was built anew without the event, so by an older program than this.
	StillAHole Result = "STILL_A_HOLE"
)

// Report is what came of one place's retry.
type Report struct {
	Place  Place
	Result Result
	// Text says to people what it means and what to do.
	Text string
}

// Done says whether nothing is left to do.
func (r Report) Done() bool {
	return r.Result == Filled || r.Result == Rebuilt || r.Result == AlreadyThere || r.Result == Archived
}

// Retrier tries again what the hot projector put aside: if this program can read it, the
// view of its partition is opened anew, and the projector builds it from the log.
type Retrier struct {
	Log   eventlog.Log
	Store hot.Store
	View  hot.View
	// Archive gets the outcome too; nil where there is none.
	Archive archive.Store
	// NewViewID gives an id greater than old.
	NewViewID func(old string) string
	// Wait bounds the building of a partition's view.
	Wait time.Duration
}

// Retry tries the places again, each partition's view being built once at most.
func (r Retrier) Retry(ctx context.Context, places []Place) ([]Report, error) {
	reports := make([]Report, len(places))
	fills := map[int32][]fill{}
	for i, p := range places {
		reports[i].Place = p
		outcome, err := r.look(ctx, &reports[i])
		if err != nil {
			return nil, err
		}
		if reports[i].Result == "" {
			fills[p.Partition] = append(fills[p.Partition], fill{&reports[i], outcome})
		}
	}
	for partition, fs := range fills {
		if err := r.fill(ctx, partition, fs); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// fill is an event to be filled in.
type fill struct {
	report  *Report
	outcome events.Outcome
}

func (r *Report) set(result Result, format string, args ...any) {
	r.Result, r.Text = result, fmt.Sprintf(format, args...)
}

// look decides what can be done; the report's result is empty when the view must be built.
func (r Retrier) look(ctx context.Context, report *Report) (events.Outcome, error) {
	p := report.Place
	list, err := Read(ctx, r.Log, Filter{Place: p}, 1)
	if err != nil {
		return events.Outcome{}, err
	}
	switch {
	case len(list.Entries) == 0:
		report.set(NotInQuarantine, "nothing was put aside under this place, or more than 30 days ago")
		return events.Outcome{}, nil
	case p.Topic == eventlog.Commands:
		report.set(CommandDecided, "a command that was put aside has been rejected, and an outcome is for ever; "+
			"whoever sent it has to send it again in a form that can be read (annal log tail --kind rejected shows the outcome)")
		return events.Outcome{}, nil
	case p.Topic != eventlog.Events:
		return events.Outcome{}, fmt.Errorf("%w: %q", ErrTopic, p.Topic)
	}
	j, err := r.judge(ctx, p)
	if err != nil {
		return events.Outcome{}, err
	}
	if j.Verdict != events.Counted {
		report.set(NotCounted, "the record is %s to every reader of the log, this program included: no view may have it", j.Verdict)
		return events.Outcome{}, nil
	}
	rec := j.Record.Record
	o, err := events.DecodeOutcome(rec)
	if err == nil {
		err = o.Unsound()
	}
	if err != nil {
		report.set(StillUnreadable, "this program cannot read it either: %v; try again with the version that wrote it (%s)", err, sourceOf(rec))
		return events.Outcome{}, nil
	}
	err = r.archive(ctx, p, follow.Outcome{Outcome: o, Offset: p.Offset, Stamp: j.Stamp, Record: rec})
	if errors.Is(err, archive.ErrRefused) {
		report.set(StillRefused, "%v", err)
		return events.Outcome{}, nil
	}
	if err != nil {
		return events.Outcome{}, err
	}
	accepted, ok := o.Result.(events.Accepted)
	if !ok && r.Archive != nil {
		report.set(Archived, "it can be read now and is a refusal or an answer: the archive has it")
		return events.Outcome{}, nil
	}
	if !ok {
		report.set(NothingToFill, "it can be read now and is a refusal or an answer, which no view holds; the client that resends the command hears it")
		return events.Outcome{}, nil
	}
	if has, err := r.has(ctx, o.Session, accepted.Seq); err != nil {
		return events.Outcome{}, err
	} else if has {
		report.set(AlreadyThere, "the view has the event at seq %d", accepted.Seq)
	}
	return o, nil
}

// archive stores the outcome, which nothing that was archived before it has to wait for, and nothing after it.
func (r Retrier) archive(ctx context.Context, p Place, o follow.Outcome) error {
	if r.Archive == nil {
		return nil
	}
	rows := archive.Plan(p.Partition, []follow.Outcome{o})
	if err := r.Archive.Insert(ctx, &rows); err != nil {
		return fmt.Errorf("quarantine: %s: %w", p, err)
	}
	return nil
}

func sourceOf(rec events.Record) string {
	source, _ := rec.Header(events.HeaderSource)
	return source
}

// judge reads the partition from its start by the reader's rule, up to the place.
func (r Retrier) judge(ctx context.Context, p Place) (eventlog.Judged, error) {
	start, end, err := r.Log.Bounds(ctx, p.Topic, p.Partition)
	switch {
	case err != nil:
		return eventlog.Judged{}, fmt.Errorf("quarantine: %s: %w", p, err)
	case start > 0:
		return eventlog.Judged{}, fmt.Errorf("quarantine: %s: the partition begins at %d: %w", p, start, eventlog.ErrTrimmed)
	case p.Offset >= end:
		return eventlog.Judged{}, fmt.Errorf("quarantine: %s: the partition ends at %d: %w", p, end, eventlog.ErrBeyond)
	}
	reading := eventlog.NewReading(r.Log, p.Partition, events.Start())
	defer reading.Close()
	for {
		j, ok, err := reading.Next(ctx, p.Offset+1)
		switch {
		case err != nil:
			return eventlog.Judged{}, fmt.Errorf("quarantine: %s: %w", p, err)
		case !ok:
			return eventlog.Judged{}, fmt.Errorf("quarantine: the log holds no record at %s", p)
		case j.Offset == p.Offset:
			return j, nil
		}
	}
}

// has says whether the view shows the event. Of markers, of what is below the window and
// of a session that was put aside as a whole it cannot be told: they are not shown.
func (r Retrier) has(ctx context.Context, s events.SessionID, seq events.Seq) (bool, error) {
	if seq == 0 {
		return false, nil
	}
	items, err := r.View.Forward(ctx, s, seq, seq, 1)
	if errors.Is(err, hot.ErrNoSession) || errors.Is(err, hot.ErrRebuilding) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("quarantine: %w", err)
	}
	return len(items) == 1 && len(items[0].Value) > 0, nil
}
