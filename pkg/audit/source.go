package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// Record is a counted outcome as a source has it.
type Record struct {
	Partition int32
	Offset    int64
	// Session is the record's key.
	Session events.SessionID
	// Value are the stored bytes.
	Value []byte
	// Noted is the hash that the source keeps beside the bytes; nil where it keeps none.
	Noted *events.Hash
}

func recordOf(rec *eventlog.Record) *Record {
	return &Record{Partition: rec.Partition, Offset: rec.Offset, Session: events.SessionID(rec.Key), Value: rec.Value}
}

// Hash is over the stored bytes.
func (r *Record) Hash() events.Hash { return sha256.Sum256(r.Value) }

// Source is where counted outcomes are read: the log, the archive, the vault. Each calls for them in the order of their partition,
// each once, and ends with each's first error; Value is the callee's to keep. Other errors are outages, and what makes a source
// unable to tell what counts.
type Source interface {
	// Session gives those of one session.
	Session(ctx context.Context, s events.SessionID, each func(*Record) error) error
	// All gives those of all sessions. Those of one session come in order; sessions may alternate.
	All(ctx context.Context, each func(*Record) error) error
}

// LostError says that the log lacks an outcome that others stand on: by the reader's rule nothing behind it counts.
type LostError struct {
	Partition int32
	// Offset is of the first record that does not count; Command is the command whose outcome is missing before it.
	Offset  int64
	Command int64
	// Records are how many do not count, to the end.
	Records int64
}

func (e *LostError) Error() string {
	return fmt.Sprintf("audit: partition %d: from offset %d on nothing counts (%d records): the outcome of command %d is missing before it",
		e.Partition, e.Offset, e.Records, e.Command)
}

// Log reads Kafka's events by the reader's rule, from the beginning to where they end now.
type Log struct {
	Log eventlog.Log
	// Progress is told how many records were read, of how many; nil: nobody wants to know.
	Progress func(done, all int64)
}

// Session implements Source.
func (l Log) Session(ctx context.Context, s events.SessionID, each func(*Record) error) error {
	n, err := l.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return l.partition(ctx, eventlog.KeyPartition([]byte(s), n), func(r *Record) error {
		if r.Session != s {
			return nil
		}
		return each(r)
	})
}

// All implements Source. What LostError says of one partition is said when all were read.
func (l Log) All(ctx context.Context, each func(*Record) error) error {
	n, err := l.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	var lost []error
	for p := range n {
		err := l.partition(ctx, p, each)
		if one := (*LostError)(nil); errors.As(err, &one) {
			lost = append(lost, err)
		} else if err != nil {
			return err
		}
	}
	return errors.Join(lost...)
}

func (l Log) partition(ctx context.Context, p int32, each func(*Record) error) error {
	start, end, err := l.Log.Bounds(ctx, eventlog.Events, p)
	switch {
	case err != nil:
		return fmt.Errorf("audit: partition %d: %w", p, err)
	case start > 0:
		return fmt.Errorf("audit: partition %d begins at %d: %w", p, start, eventlog.ErrTrimmed)
	}
	r := eventlog.NewReading(l.Log, p, events.Start())
	defer r.Close()
	var lost LostError
	for {
		last := r.Progress().Last
		j, ok, err := r.Next(ctx, end)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if !ok {
			break
		}
		if err := one(&j, last, &lost, each); err != nil {
			return err
		}
		if l.Progress != nil && (j.Offset%told == 0 || r.Reached(end)) {
			l.Progress(j.Offset+1, end)
		}
	}
	if lost.Records > 0 {
		return &lost
	}
	return nil
}

// told is after how many records somebody is told how far it is.
const told = 1000

// one takes a record; last is the command whose outcome counted last before it. An owner leaves behind what it lost and fences anew: only what nothing that counts follows was lost for good.
func one(j *eventlog.Judged, last int64, lost *LostError, each func(*Record) error) error {
	switch j.Verdict {
	case events.Counted:
		*lost = LostError{}
		return each(recordOf(j.Record))
	case events.Broken:
		if j.Stamp.Prev <= last {
			return nil // a repeat
		}
		if lost.Records == 0 {
			*lost = LostError{Partition: j.Partition, Offset: j.Offset, Command: j.Stamp.Prev}
		}
		lost.Records++
	case events.Fenced, events.Late, events.Poison:
	}
	return nil
}

// Index finds a session's counted records without reading the others', as a vault does.
type Index interface {
	Session(ctx context.Context, partition int32, s events.SessionID, each func(*eventlog.Record) error) error
}

// Indexed is a Log in which sessions are found by an index: what the log lost behind the last that counts is not looked for.
type Indexed struct {
	Log
	Index Index
}

// Session implements Source.
func (i Indexed) Session(ctx context.Context, s events.SessionID, each func(*Record) error) error {
	n, err := i.Log.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return i.Index.Session(ctx, eventlog.KeyPartition([]byte(s), n), s, func(rec *eventlog.Record) error { return each(recordOf(rec)) })
}

// Archive reads the archive's events; what it was not given yet, it does not have.
type Archive struct {
	View archive.View
	// Progress is told how many outcomes were read, of how many; nil: nobody wants to know.
	Progress func(done, all int64)
}

// archivePage is how many rows are read at once: of the largest outcomes 256 MiB.
const archivePage = 500

// Session implements Source.
func (a Archive) Session(ctx context.Context, s events.SessionID, each func(*Record) error) error {
	for after := int64(-1); ; {
		page, err := a.View.Outcomes(ctx, s, after, archivePage)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		for i := range page {
			o := &page[i]
			after = int64(o.Offset)
			if err := each(&Record{Partition: o.Partition, Offset: int64(o.Offset), Session: s, Value: []byte(o.Bytes), Noted: &o.Hash}); err != nil {
				return err
			}
		}
		if len(page) < archivePage {
			return nil
		}
	}
}

// All implements Source, session by session: outcomes under keys that are no session have no chain and are left out.
func (a Archive) All(ctx context.Context, each func(*Record) error) error {
	all, done := int64(0), int64(0)
	counts, err := a.View.Count(ctx)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, n := range counts {
		all += int64(n)
	}
	for after := events.SessionID(""); ; {
		page, err := a.View.Sessions(ctx, after, archivePage)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		for _, s := range page {
			after = s.Session
			err := a.Session(ctx, s.Session, func(r *Record) error {
				done++
				return each(r)
			})
			if err != nil {
				return err
			}
			if a.Progress != nil {
				a.Progress(done, all)
			}
		}
		if len(page) < archivePage {
			return nil
		}
	}
}
