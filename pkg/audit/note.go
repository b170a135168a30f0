package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/steward"
)

// Service is the service that auditors act by.
const Service = "audit"

// Patience is how long an outcome may take.
const Patience = 30 * time.Second

// Note is what the log is told of a read, before anything is shown.
type Note struct {
	// Session is the one read; of what spans sessions a self session.
	Session events.SessionID
	Auditor events.UserID
	// What is at, history, trail, chain or export; About is more of it for people, Seq a message or how far it goes.
	What   string
	About  string
	Seq    events.Seq
	Reason string
}

// Enter makes sure that the auditor has a self session, where reads that span sessions are noted.
func Enter(ctx context.Context, log eventlog.Log, auditor events.UserID, policy events.Policy) error {
	create := events.Create{Kind: events.KindSelf, Policy: policy}
	c := events.Command{Session: events.NewSelfID(auditor), Actor: events.Actor{User: auditor, Service: Service}, ClientID: "self", Op: create}
	if _, err := tell(ctx, log, c); err != nil {
		return fmt.Errorf("audit: the auditor's own session: %w", err)
	}
	return nil
}

// Told is where the outcome of a note stands, and the hash of its bytes.
type Told struct {
	eventlog.Place
	Hash events.Hash
}

// Tell notes a read in the log, and returns when that is an outcome. What the rules refuse is an outcome too, and an *events.Error:
// then, as after any error, nothing may be shown.
func Tell(ctx context.Context, log eventlog.Log, n Note) (Told, error) {
	c := events.Command{
		Session: n.Session, Actor: events.Actor{User: n.Auditor, Service: Service}, ClientID: "audit-" + rand.Text(),
		Op: events.Audit{What: n.What, About: n.About, Seq: n.Seq, Reason: n.Reason},
	}
	told, err := tell(ctx, log, c)
	if err != nil {
		return told, fmt.Errorf("audit: the read is not noted: %w", err)
	}
	return told, nil
}

func tell(ctx context.Context, log eventlog.Log, c events.Command) (Told, error) {
	if err := c.Validate(); err != nil {
		return Told{}, err
	}
	rec, err := events.EncodeCommand(c, events.Envelope{Source: "annal/" + Service})
	if err != nil {
		return Told{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	// Where the readers were before it is asked: the outcome comes behind that.
	from, err := progressOf(ctx, log, c.Session)
	if err != nil {
		return Told{}, err
	}
	at, err := eventlog.Put(ctx, log, eventlog.Commands, rec)
	if err != nil {
		return Told{}, err
	}
	return await(ctx, log, at, from)
}

// progressOf gives a place in the events of the session's partition from which it can be told what counts: the newest that an
// archiver or a steward committed, or the beginning.
func progressOf(ctx context.Context, log eventlog.Log, s events.SessionID) (events.Progress, error) {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return events.Progress{}, err
	}
	best := events.Start()
	for _, group := range []string{archive.Group, steward.Group} {
		commits, err := log.Commits(ctx, group, eventlog.Events)
		if err != nil {
			return events.Progress{}, err
		}
		for _, c := range commits {
			if c.Partition != eventlog.KeyPartition([]byte(s), n) {
				continue
			}
			if commit, err := follow.ParseCommit(c.Metadata); err == nil && commit.Progress.Offset > best.Offset {
				best = commit.Progress
			}
		}
	}
	return best, nil
}

// await waits for the counted outcome of a command.
func await(ctx context.Context, log eventlog.Log, command eventlog.Place, from events.Progress) (Told, error) {
	r := eventlog.NewReading(log, command.Partition, from)
	defer r.Close()
	for {
		j, _, err := r.Next(ctx, math.MaxInt64)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return Told{}, fmt.Errorf("no outcome came within %s: is a sequencer running? %w", Patience, err)
		case err != nil:
			return Told{}, err
		case j.Verdict == events.Counted && j.Stamp.Command == command.Offset:
			told := Told{eventlog.Place{Partition: j.Partition, Offset: j.Offset}, recordOf(j.Record).Hash()}
			return told, verdictOf(j.Record)
		}
	}
}

func verdictOf(rec *eventlog.Record) error {
	o, err := events.DecodeOutcome(rec.Record)
	if err != nil {
		return err
	}
	if r, ok := o.Result.(events.Rejected); ok {
		return &events.Error{Code: r.Code, Detail: r.Detail, Seq: r.Seq}
	}
	return nil
}
