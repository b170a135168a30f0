// Package sampler holds a view against the log all the time, a session now and then: what is wrong with it is heard of before anybody
// looks. Each process looks at the partitions that it projects.
package sampler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"annal/internal/fold"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// Options say what is looked at, and how often.
type Options struct {
	// Name is the view's, in metrics and logs.
	Name string
	// View is what is compared: Log, Hot and Window or Archive, and Group.
	View fold.Options
	// From is an archive that outcomes of sessions far back may be read from; nil: there is none.
	From archive.View
	// Partitions are those that this process projects now.
	Partitions func() []int32
	Every      time.Duration
	Dice       *rand.Rand
	Logger     *slog.Logger
	Metrics    *Metrics
}

const (
	// mostRecords is how long a partition may be to be read from its start, and mostOutcomes how long a session to be read from the
	// archive: both about a second's work.
	mostRecords  = 100_000
	mostOutcomes = 50_000
	// patience bounds waiting for a view, and lookTimeout a look.
	patience    = 20 * time.Second
	lookTimeout = time.Minute
	// mostLogged is how many differences of a session are logged.
	mostLogged = 10
)

// Run looks until ctx ends.
func Run(ctx context.Context, o Options) {
	o.View.Patience = patience
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			Look(ctx, o)
		case <-ctx.Done():
			return
		}
	}
}

// Look looks at one session.
func Look(ctx context.Context, o Options) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var report fold.Report
	session, err := o.look(ctx, &report)
	switch {
	case errors.Is(err, errNothing):
		return
	case errors.Is(err, fold.ErrTooLong):
		o.Metrics.skipped.WithLabelValues(o.Name, "too_long").Inc()
		return
	case err != nil:
		if ctx.Err() == nil {
			o.Metrics.skipped.WithLabelValues(o.Name, "failed").Inc()
			o.Logger.Warn("cannot hold a session against the log", "view", o.Name, "session", session, "error", err)
		}
		return
	}
	o.Metrics.sampled.WithLabelValues(o.Name).Inc()
	o.Metrics.last.WithLabelValues(o.Name).SetToCurrentTime()
	o.Metrics.differences.WithLabelValues(o.Name).Add(float64(report.Found))
	for _, d := range report.Differences[:min(mostLogged, len(report.Differences))] {
		o.Logger.Error("a view differs from the log", "view", o.Name, "session", d.Session, "what", d.What, "where", d.Where, "got", d.Got, "must", d.Must)
	}
}

// errNothing: there is nothing to be looked at yet.
var errNothing = errors.New("sampler: nothing to look at")

// look draws a session and compares it.
func (o *Options) look(ctx context.Context, report *fold.Report) (events.SessionID, error) {
	mine := o.Partitions()
	if len(mine) == 0 {
		return "", errNothing
	}
	p := mine[o.Dice.IntN(len(mine))]
	start, end, err := o.View.Log.Bounds(ctx, eventlog.Events, p)
	if err != nil {
		return "", fmt.Errorf("sampler: partition %d: %w", p, err)
	}
	if start == end {
		return "", errNothing
	}
	s, err := o.draw(ctx, p, start+o.Dice.Int64N(end-start))
	if err != nil {
		return s, err
	}
	o.View.Session = s
	switch {
	case start == 0 && end <= mostRecords:
		err = fold.Verify(ctx, o.View, report)
	case o.From != nil:
		err = fold.VerifyArchived(ctx, o.View, o.From, mostOutcomes, report)
	default:
		err = fold.ErrTooLong
	}
	if errors.Is(err, fold.ErrNoSession) { // what was drawn was refused, or does not count
		err = errNothing
	}
	return s, err
}

// draw gives the session of the record there: the more there is of a session, the likelier it is.
func (o *Options) draw(ctx context.Context, p int32, offset int64) (events.SessionID, error) {
	cursor, err := o.View.Log.Read(ctx, eventlog.Events, p, offset)
	if err != nil {
		return "", fmt.Errorf("sampler: partition %d: %w", p, err)
	}
	defer cursor.Close()
	records, err := cursor.Next(ctx)
	if err != nil {
		return "", fmt.Errorf("sampler: partition %d: %w", p, err)
	}
	if len(records[0].Key) == 0 { // a fence
		return "", errNothing
	}
	return events.SessionID(records[0].Key), nil
}
