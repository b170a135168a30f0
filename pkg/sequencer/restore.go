package sequencer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// restoreAhead is how many records a checkpoint must be ahead of the local rows for
// these to be given up for it: up to there, reading the events is as quick.
const restoreAhead = 100_000

// fillBytes is about how much is written into the store at once.
const fillBytes = 1 << 20

// restorer fills a store from the snapshots of its partition.
type restorer struct {
	log       eventlog.Log
	store     Store
	partition int32
	source    string
}

// errIncomplete: the snapshots are not all that the checkpoint spoke of.
var errIncomplete = errors.New("sequencer: snapshots are missing or damaged")

// restore fills the store from the newest complete checkpoint within the bounds of the
// events, above an offset; false when there is none. The store is empty then, unless
// nothing was tried. problem says why better ones were passed over.
func (r *restorer) restore(ctx context.Context, above, start, end int64) (p events.Progress, ok bool, problem, err error) {
	upTo, err := r.mark(ctx)
	if err != nil || upTo < 0 {
		return p, false, nil, err
	}
	var found []events.Checkpoint
	err = r.each(ctx, upTo, func(rec *eventlog.Record) error {
		if c, err := events.DecodeCheckpoint(rec.Record); err == nil {
			if at := c.Progress.Offset; at > above && at >= start && at <= end {
				found = append(found, c)
			}
		}
		return nil
	})
	if err != nil {
		return p, false, nil, err
	}
	slices.SortFunc(found, func(a, b events.Checkpoint) int { return int(b.Progress.Offset - a.Progress.Offset) })
	for _, c := range found {
		err := r.from(ctx, c, upTo)
		if err == nil {
			return c.Progress, true, problem, nil
		}
		if err := r.store.Reset(); err != nil {
			return p, false, problem, err
		}
		if !errors.Is(err, errIncomplete) {
			return p, false, problem, err
		}
		problem = errors.Join(problem, fmt.Errorf("checkpoint at %d: %w", c.Progress.Offset, err))
	}
	return p, false, problem, nil
}

// mark gives the offset up to which the snapshots are to be read, -1 when there are
// none. It appends a record, since in a compacted topic the last offset may be of a
// record that is no more.
func (r *restorer) mark(ctx context.Context) (int64, error) {
	start, end, err := r.log.Bounds(ctx, eventlog.Snapshots, r.partition)
	if err != nil || start == end {
		return -1, err
	}
	type answer struct {
		offset int64
		err    error
	}
	done := make(chan answer, 1)
	rec := events.EncodeMark(events.Envelope{Source: r.source})
	r.log.Append(ctx, eventlog.Snapshots, r.partition, rec, func(_ int32, offset int64, err error) { done <- answer{offset, err} })
	select {
	case a := <-done:
		return a.offset, a.err
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// each calls f with the records of the snapshots up to an offset.
func (r *restorer) each(ctx context.Context, upTo int64, f func(*eventlog.Record) error) error {
	start, _, err := r.log.Bounds(ctx, eventlog.Snapshots, r.partition)
	if err != nil {
		return err
	}
	cursor, err := r.log.Read(ctx, eventlog.Snapshots, r.partition, start)
	if err != nil {
		return err
	}
	defer cursor.Close()
	for {
		records, err := cursor.Next(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			if records[i].Offset >= upTo {
				return nil
			}
			if err := f(&records[i]); err != nil {
				return err
			}
		}
	}
}

// from fills the store as of a checkpoint.
func (r *restorer) from(ctx context.Context, c events.Checkpoint, upTo int64) error {
	if err := r.store.Reset(); err != nil {
		return err
	}
	f := &filling{store: r.store, checkpoint: c, notes: map[string][]byte{}}
	if err := r.each(ctx, upTo, f.record); err != nil {
		return err
	}
	return f.finish()
}

// filling is a store on its way to a checkpoint.
type filling struct {
	store      Store
	checkpoint events.Checkpoint
	census     events.Census
	// rows and notes are not in the store yet.
	rows  []StoredRow
	notes map[string][]byte
	bytes int
}

func (f *filling) record(rec *eventlog.Record) error {
	switch typ, _ := rec.Header(events.HeaderType); typ {
	case events.TypeSnapshot:
		return f.snapshot(rec)
	case events.TypeChunk:
		f.keep(noteChunk+string(rec.Key), rec.Value)
		return f.flushIf(fillBytes)
	}
	return nil
}

// snapshot takes a session's snapshot if it is the newest so far not above the
// checkpoint.
func (f *filling) snapshot(rec *eventlog.Record) error {
	s, err := events.DecodeSnapshot(rec.Record)
	if err != nil || s.Offset > f.checkpoint.Progress.Offset {
		return nil // one that can't be read is as good as missing, which the census notices
	}
	had, err := f.had(s.Session)
	if err != nil {
		return err
	}
	if had != nil {
		if had.Offset >= s.Offset {
			return nil
		}
		if err := f.forget(had); err != nil {
			return err
		}
	}
	note, err := snapshotNote(&s)
	if err != nil {
		return err
	}
	f.keep(noteSession+string(s.Session), note)
	f.census.Add(s.Session, s.Hash)
	if len(s.Chunks) > 0 {
		f.keep(noteWhole+string(s.Session), rec.Value)
	} else {
		f.fill(s.Session, s.Rows)
	}
	return f.flushIf(fillBytes)
}

func (f *filling) had(s events.SessionID) (*events.Snapshot, error) {
	value, pending := f.notes[noteSession+string(s)]
	if !pending {
		var err error
		if value, err = f.store.Note(noteSession + string(s)); err != nil {
			return nil, err
		}
	}
	if value == nil {
		return nil, nil
	}
	had, err := events.ParseSnapshot(s, value)
	return &had, err
}

// forget takes an older snapshot back.
func (f *filling) forget(had *events.Snapshot) error {
	f.census.Remove(had.Session, had.Hash)
	f.keep(noteWhole+string(had.Session), nil)
	if err := f.flushIf(0); err != nil {
		return err
	}
	return f.store.Forget(had.Session)
}

func (f *filling) keep(name string, value []byte) {
	f.notes[name] = value
	f.bytes += len(name) + len(value)
}

func (f *filling) fill(s events.SessionID, rows []events.StoredRow) {
	for _, row := range rows {
		f.rows = append(f.rows, StoredRow{Session: s, Key: row.Key, Value: row.Value})
		f.bytes += len(s) + len(row.Key) + len(row.Value)
	}
}

// flushIf writes what is not in the store yet when it is that much.
func (f *filling) flushIf(least int) error {
	if f.bytes < least {
		return nil
	}
	err := errors.Join(f.store.Fill(f.rows), f.store.SetNotes(f.notes))
	f.rows, f.bytes = f.rows[:0], 0
	clear(f.notes)
	return err
}

// finish puts the chunks together, makes sure that nothing is missing, and gives the
// store its progress.
func (f *filling) finish() error {
	if err := f.flushIf(0); err != nil {
		return err
	}
	if f.census != f.checkpoint.Census {
		return fmt.Errorf("%w: %d sessions, want %d", errIncomplete, f.census.Sessions, f.checkpoint.Census.Sessions)
	}
	if err := f.store.EachNote(noteWhole, f.assemble); err != nil {
		return err
	}
	if err := errors.Join(f.flushIf(0), f.tidy(noteWhole), f.tidy(noteChunk)); err != nil {
		return err
	}
	if err := f.store.SetNotes(map[string][]byte{noteCheckpoint: []byte(f.checkpoint.String())}); err != nil {
		return err
	}
	return f.store.Apply(f.checkpoint.Progress, nil)
}

// assemble fills in a session whose snapshot has chunks.
func (f *filling) assemble(name string, value []byte) error {
	session := events.SessionID(name[len(noteWhole):])
	s, err := events.ParseSnapshot(session, value)
	if err != nil {
		return err
	}
	for _, ref := range s.Chunks {
		value, err := f.store.Note(noteChunk + string(events.ChunkKey(session, ref.Offset, ref.Number)))
		if err != nil {
			return err
		}
		rows, err := events.DecodeChunk(value, ref)
		if err != nil {
			return fmt.Errorf("%w: chunk %d of %s at %d: %w", errIncomplete, ref.Number, session, ref.Offset, err)
		}
		f.fill(session, rows)
		if err := f.flushIf(fillBytes); err != nil {
			return err
		}
	}
	f.fill(session, s.Rows)
	return f.flushIf(fillBytes)
}

// tidy removes notes that only restoring needs.
func (f *filling) tidy(prefix string) error {
	gone := map[string][]byte{}
	err := f.store.EachNote(prefix, func(name string, _ []byte) error {
		gone[name] = nil
		return nil
	})
	return errors.Join(err, f.store.SetNotes(gone))
}
