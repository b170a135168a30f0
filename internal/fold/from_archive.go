package fold

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// ErrTooLong says that a session has more outcomes than are to be read.
var ErrTooLong = errors.New("fold: the session is too long")

// VerifyArchived compares o.Session as Verify does, but takes its outcomes from an archive, most at most: what that costs hangs on the
// session and not on the log. The chain of hashes says that none is missing or altered up to the last, and archivers' commits that this is the last.
func VerifyArchived(ctx context.Context, o Options, from archive.View, most int, report *Report) error {
	n, err := o.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	a := &archivedFeed{
		log: o.Log, view: from, opts: o, left: most, partition: eventlog.KeyPartition([]byte(o.Session), n), session: NewSession(o.Session), after: -1, report: report,
	}
	if err := a.forward(ctx); err != nil {
		return err
	}
	v := &verifier{opts: o, report: report}
	if err := v.judge(ctx, a, a.session); err != nil {
		return err
	}
	report.faults(map[events.SessionID]*Session{o.Session: a.session})
	report.Sessions++
	return nil
}

// archivedFeed reads a session's outcomes from the archive.
type archivedFeed struct {
	log       eventlog.Log
	view      archive.View
	opts      Options
	left      int
	partition int32
	session   *Session
	// after is the last that was read, and offset the end of the log when the archive was seen to have all of it.
	after, offset int64
	report        *Report
}

func (a *archivedFeed) reached() (partition int32, offset int64) { return a.partition, a.offset }

func (a *archivedFeed) forward(ctx context.Context) error {
	_, end, err := a.log.Bounds(ctx, eventlog.Events, a.partition)
	if err != nil {
		return fmt.Errorf("fold: partition %d: %w", a.partition, err)
	}
	if err := awaitCommit(ctx, a.log, archive.Group, a.partition, end, a.opts.Patience); err != nil {
		return err
	}
	for a.offset = end; ; {
		page, err := a.view.Outcomes(ctx, a.session.ID, a.after, archivePage)
		if err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		for i := range page {
			a.take(&page[i])
		}
		switch {
		case len(page) < archivePage:
			return nil
		case a.left < 0:
			return ErrTooLong
		}
	}
}

// take adds an outcome. What the archive says of it in columns is not looked at here: its bytes are all that counts.
func (a *archivedFeed) take(row *archive.Outcome) {
	a.after = int64(row.Offset)
	a.left--
	a.report.Commands++
	where, value := fmt.Sprintf("partition %d offset %d", row.Partition, row.Offset), []byte(row.Bytes)
	if row.Hash != sha256.Sum256(value) {
		a.report.differ(a.session.ID, "event.hash", where, row.Hash, events.Hash(sha256.Sum256(value)))
	}
	a.session.moves++
	o, err := events.DecodeOutcomeValue(value)
	switch {
	case err != nil:
		a.report.problem(a.session.ID, "log", "%s counts and cannot be read: %v", where, err)
	case o.Session == a.session.ID:
		a.session.Add(o, value)
	}
}
