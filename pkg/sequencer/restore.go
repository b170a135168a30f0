package sequencer

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

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
	// look is firstLook but in tests.
	look int64
}

// restorePatience is how long it waits for the log each time: others wait for their turn.
const restorePatience = 30 * time.Second

// errIncomplete: the snapshots are not all that the checkpoint spoke of.
var errIncomplete = errors.New("sequencer: snapshots are missing or damaged")

// firstLook is in how many of the last records checkpoints are looked for first, and
// widerLook how many times as far back each time that none served.
const firstLook, widerLook = 20_000, 8

// restore fills the store from the newest complete checkpoint within the bounds of the
// events, above an offset; false when there is none. The store is empty then, unless
// nothing was tried. problem says why better ones were passed over.
func (r *restorer) restore(ctx context.Context, above, start, end int64) (p events.Progress, ok bool, problem, err error) {
	upTo, err := r.mark(ctx)
	if err != nil || upTo < 0 {
		return p, false, nil, err
	}
	first, _, err := r.log.Bounds(ctx, eventlog.Snapshots, r.partition)
	if err != nil {
		return p, false, nil, err
	}
	// The newest is near the end. One that a zombie wrote late may hide it when it is not
	// among the last records: then more events are read after it, and all is right.
	for to, span := upTo, r.look; to > first; span *= widerLook {
		from := max(first, upTo-span)
		found, err := r.checkpoints(ctx, from, to)
		if err != nil {
			return p, false, problem, err
		}
		for _, c := range found {
			if at := c.Progress.Offset; at <= above || at < start || at > end {
				continue
			}
			err := r.from(ctx, c, first, upTo)
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
		to = from
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
	ctx, cancel := context.WithTimeout(ctx, restorePatience)
	defer cancel()
	r.log.Append(ctx, eventlog.Snapshots, r.partition, rec, func(_ int32, offset int64, err error) { done <- answer{offset, err} })
	select {
	case a := <-done:
		return a.offset, a.err
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// checkpoints gives those between two offsets of the snapshots, the newest first.
func (r *restorer) checkpoints(ctx context.Context, from, upTo int64) (found []events.Checkpoint, err error) {
	err = r.each(ctx, from, upTo, func(rec *eventlog.Record) error {
		if c, err := events.DecodeCheckpoint(rec.Record); err == nil {
			found = append(found, c)
		}
		return nil
	})
	slices.SortFunc(found, func(a, b events.Checkpoint) int { return int(b.Progress.Offset - a.Progress.Offset) })
	return found, err
}

// each calls f with the records of the snapshots within bounds of offsets.
func (r *restorer) each(ctx context.Context, from, upTo int64, f func(*eventlog.Record) error) error {
	cursor, err := r.log.Read(ctx, eventlog.Snapshots, r.partition, from)
	if err != nil {
		return err
	}
	defer cursor.Close()
	for {
		records, err := nextWithin(ctx, cursor)
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

// The snapshots are read from their end: of a session that has several there, as it has
// until the topic is compacted, the newest comes first and the others are passed over. That
// goes by spans of offsets, each as large as at most spanBytes of records allow.
const (
	leastSpan, mostSpan = 1 << 14, 1 << 20
	spanBytes           = 32 << 20
)

// errSpan: more than spanBytes lie between two offsets.
var errSpan = errors.New("sequencer: the span is too large")

// backwards calls f with the records of the snapshots within bounds of offsets, the last first.
func (r *restorer) backwards(ctx context.Context, from, upTo int64, f func(*eventlog.Record) error) error {
	for span := int64(leastSpan); upTo > from; {
		start := max(from, upTo-span)
		records, err := r.between(ctx, start, upTo)
		switch {
		case errors.Is(err, errSpan):
			span = (upTo - start) / 2 // one record is never too large
			continue
		case err != nil:
			return err
		}
		for _, rec := range slices.Backward(records) {
			if err := f(&rec); err != nil {
				return err
			}
		}
		upTo = start
		if int64(len(records)) < span/2 && span < mostSpan {
			span *= 2
		}
	}
	return nil
}

func (r *restorer) between(ctx context.Context, from, upTo int64) (records []eventlog.Record, err error) {
	size := 0
	err = r.each(ctx, from, upTo, func(rec *eventlog.Record) error {
		if size += len(rec.Key) + len(rec.Value); size > spanBytes {
			return errSpan
		}
		records = append(records, *rec)
		return nil
	})
	return records, err
}

// nextWithin is the cursor's Next, with restorePatience.
func nextWithin(ctx context.Context, cursor eventlog.Cursor) ([]eventlog.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, restorePatience)
	defer cancel()
	return cursor.Next(ctx)
}

// from fills the store as of a checkpoint.
func (r *restorer) from(ctx context.Context, c events.Checkpoint, first, upTo int64) error {
	if err := r.store.Reset(); err != nil {
		return err
	}
	f := &filling{store: r.store, checkpoint: c, notes: map[string][]byte{}, seen: newSeen(c.Census.Sessions)}
	err := r.backwards(ctx, first, upTo, f.record)
	if err == nil {
		err = f.finish()
	}
	return errors.Join(err, f.settle()) // whatever happened, nothing is left under way
}

// filling is a store on its way to a checkpoint.
type filling struct {
	store      Store
	checkpoint events.Checkpoint
	census     events.Census
	// seen are the sessions that a snapshot was taken of.
	seen seen
	// rows and notes are not in the store yet.
	rows  []StoredRow
	notes map[string][]byte
	bytes int
	// writing tells of what is on its way into the store while more is read, nil for nothing;
	// written are its notes, or those that were written last.
	writing chan error
	written map[string][]byte
}

// seen says of sessions whether they were not there before, so that nobody has to look in
// the store; it may be wrong the other way. It is a Bloom filter of 16 bits a session.
type seen struct{ bits []uint64 }

// maxSeenBits bounds its memory to 16 MiB: with far more sessions it only helps less.
const maxSeenBits = 1 << 27

func newSeen(sessions uint64) seen {
	bits := uint64(1 << 10)
	for bits < 16*sessions && bits < maxSeenBits {
		bits *= 2
	}
	return seen{make([]uint64, bits/64)}
}

// add says whether the session may have been added before.
func (s seen) add(id events.SessionID) (before bool) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	sum, mask := h.Sum64(), uint64(len(s.bits)*64-1)
	before = true
	for _, bit := range [...]uint64{sum & mask, sum >> 32 & mask, (sum >> 17) * 0x9e3779b97f4a7c15 >> 20 & mask} {
		before = before && s.bits[bit/64]>>(bit%64)&1 == 1
		s.bits[bit/64] |= 1 << (bit % 64)
	}
	return before
}

func (f *filling) record(rec *eventlog.Record) error {
	switch typ, _ := rec.Header(events.HeaderType); typ {
	case events.TypeSnapshot:
		return f.snapshot(rec)
	case events.TypeChunk:
		// One of that key that was written later, which compaction keeps, came first.
		name := noteChunk + string(rec.Key)
		if had, err := f.note(name); err != nil || had != nil {
			return err
		}
		f.keep(name, rec.Value)
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
	if !f.seen.add(s) {
		return nil, nil
	}
	value, err := f.note(noteSession + string(s))
	if err != nil || value == nil {
		return nil, err
	}
	had, err := events.ParseSnapshot(s, value)
	return &had, err
}

// note is the store's, as it is once all that is under way is there.
func (f *filling) note(name string) ([]byte, error) {
	for _, newer := range []map[string][]byte{f.notes, f.written} {
		if value, ok := newer[name]; ok {
			return value, nil
		}
	}
	return f.store.Note(name)
}

// forget takes an older snapshot back.
func (f *filling) forget(had *events.Snapshot) error {
	f.census.Remove(had.Session, had.Hash)
	f.keep(noteWhole+string(had.Session), nil)
	if err := errors.Join(f.flushIf(0), f.settle()); err != nil {
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

// flushIf begins to write what is not in the store yet when it is that much. Reading and
// writing cost about the same, and there may be a processor for each.
func (f *filling) flushIf(least int) error {
	if f.bytes < least {
		return nil
	}
	if err := f.settle(); err != nil {
		return err
	}
	rows, notes, done := f.rows, f.notes, make(chan error, 1)
	f.rows, f.notes, f.bytes = make([]StoredRow, 0, len(rows)), make(map[string][]byte, len(notes)), 0
	f.writing, f.written = done, notes
	go func() { done <- errors.Join(f.store.Fill(rows), f.store.SetNotes(notes)) }()
	return nil
}

// settle waits for what is being written.
func (f *filling) settle() error {
	if f.writing == nil {
		return nil
	}
	err := <-f.writing
	f.writing = nil
	return err
}

// finish puts the chunks together, makes sure that nothing is missing, and gives the
// store its progress.
func (f *filling) finish() error {
	if err := errors.Join(f.flushIf(0), f.settle()); err != nil {
		return err
	}
	if f.census != f.checkpoint.Census {
		return fmt.Errorf("%w: %d sessions, want %d", errIncomplete, f.census.Sessions, f.checkpoint.Census.Sessions)
	}
	if err := f.store.EachNote(noteWhole, f.assemble); err != nil {
		return err
	}
	if err := errors.Join(f.flushIf(0), f.settle(), f.tidy(noteWhole), f.tidy(noteChunk)); err != nil {
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
