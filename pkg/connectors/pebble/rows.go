package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// Fill implements sequencer.Store.
func (s *store) Fill(rows []sequencer.StoredRow) error {
	return s.write(func(b *pebble.Batch) error { return s.set(b, rows) })
}

// Forget implements sequencer.Store. It removes row by row: a range to leave out is
// looked at by every read after it, and there may be one for each of a million sessions.
func (s *store) Forget(id events.SessionID) error {
	return s.write(func(b *pebble.Batch) error {
		return each(s.db.db, s.rowKey(id, ""), func(key, _ []byte) error { return b.Delete(key, nil) })
	})
}

func (s *store) noteKey(name string) []byte { return append(s.key(kindNote), name...) }

// Note implements sequencer.Store.
func (s *store) Note(name string) ([]byte, error) { return s.db.get(s.noteKey(name)) }

// SetNotes implements sequencer.Store.
func (s *store) SetNotes(notes map[string][]byte) error {
	return s.write(func(b *pebble.Batch) error {
		for name, value := range notes {
			var err error
			if value == nil {
				err = b.Delete(s.noteKey(name), nil)
			} else {
				err = b.Set(s.noteKey(name), value, nil)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// EachNote implements sequencer.Store.
func (s *store) EachNote(prefix string, f func(name string, value []byte) error) error {
	skip := len(s.noteKey(""))
	return each(s.db.db, s.noteKey(prefix), func(key, value []byte) error { return f(string(key[skip:]), value) })
}

// each calls f with all entries whose keys begin with prefix.
func each(r pebble.Reader, prefix []byte, f func(key, value []byte) error) error {
	iter, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	for ok := iter.First(); ok && err == nil; ok = iter.Next() {
		err = f(iter.Key(), iter.Value())
	}
	if closed := errors.Join(iter.Error(), iter.Close()); closed != nil {
		err = errors.Join(err, fmt.Errorf("pebble: %w", closed))
	}
	return err
}

// Rows implements sequencer.Store.
func (s *store) Rows() (sequencer.StoredRows, error) {
	snapshot := s.db.db.NewSnapshot()
	r := &rows{store: s, snapshot: snapshot, progress: events.Start()}
	value, closer, err := snapshot.Get(s.key(kindProgress))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return r, nil
	case err != nil:
		return nil, errors.Join(fmt.Errorf("pebble: %w", err), snapshot.Close())
	}
	r.progress, err = events.ParseProgress(string(value))
	if err := errors.Join(err, closer.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("pebble: %w", err), snapshot.Close())
	}
	return r, nil
}

// rows are a store's at the moment of a snapshot.
type rows struct {
	store    *store
	snapshot *pebble.Snapshot
	progress events.Progress
}

// Progress implements sequencer.StoredRows.
func (r *rows) Progress() events.Progress { return r.progress }

// Session implements sequencer.StoredRows.
func (r *rows) Session(id events.SessionID, f func(events.Key, []byte) error) error {
	prefix := r.store.rowKey(id, "")
	return each(r.snapshot, prefix, func(key, value []byte) error { return f(events.Key(key[len(prefix):]), value) })
}

// Sessions implements sequencer.StoredRows. It seeks from session to session.
func (r *rows) Sessions(f func(events.SessionID) error) error {
	prefix := r.store.key(kindRow)
	iter, err := r.snapshot.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	for ok := iter.First(); ok && err == nil; {
		rest := bytes.TrimPrefix(iter.Key(), prefix)
		n, width := binary.Uvarint(rest)
		if width <= 0 || n > uint64(len(rest)-width) {
			err = fmt.Errorf("pebble: key %x is no row's", iter.Key())
			break
		}
		id := events.SessionID(rest[width : width+int(n)])
		err = f(id)
		ok = iter.SeekGE(after(r.store.rowKey(id, "")))
	}
	if closed := errors.Join(iter.Error(), iter.Close()); closed != nil {
		err = errors.Join(err, fmt.Errorf("pebble: %w", closed))
	}
	return err
}

// Close implements sequencer.StoredRows.
func (r *rows) Close() error {
	if err := r.snapshot.Close(); err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	return nil
}
