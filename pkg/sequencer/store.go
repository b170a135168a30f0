package sequencer

import "annal/pkg/events"

// Store keeps the rows of counted outcomes of one partition, together with the
// progress they stand at. Nothing that isn't counted ever gets here.
type Store interface {
	// Progress gives where the rows stand; false for an empty store.
	Progress() (events.Progress, bool, error)
	// Get gives rows' stored bytes, in the order of keys; nil for one that does not exist.
	Get(s events.SessionID, keys []events.Key) ([][]byte, error)
	// First gives the first n keys of a session that begin with prefix, ascending.
	First(s events.SessionID, prefix events.Key, n int) ([]events.Key, error)
	// Apply writes rows, in this order, and progress at once, or nothing. It keeps
	// neither the slice nor the values.
	Apply(p events.Progress, rows []StoredRow) error
	// Rows gives a view of the rows as they are now, whatever is applied later.
	Rows() (StoredRows, error)
	// Fill sets rows of a store that has no progress yet: it is being restored.
	Fill(rows []StoredRow) error
	// Forget removes a session's rows from a store that has no progress yet.
	Forget(s events.SessionID) error
	// Note gives what SetNotes kept under a name; nil when there is nothing. Notes are
	// kept with the rows, for who takes snapshots of them.
	Note(name string) ([]byte, error)
	// SetNotes keeps notes, all or none; a nil value removes one.
	SetNotes(notes map[string][]byte) error
	// EachNote calls f with the notes whose names begin with prefix, ascending.
	EachNote(prefix string, f func(name string, value []byte) error) error
	// Reset empties the store, notes included.
	Reset() error
	Close() error
}

// StoredRow sets a row's stored bytes, or removes the row when Value is nil.
type StoredRow struct {
	Session events.SessionID
	Key     events.Key
	Value   []byte
}

// StoredRows are a store's rows at one moment. Its slices are valid within the call only.
type StoredRows interface {
	// Progress is where they stand.
	Progress() events.Progress
	// Session calls f with a session's rows, by ascending key.
	Session(s events.SessionID, f func(k events.Key, value []byte) error) error
	// Sessions calls f with every session that has rows, ascending.
	Sessions(f func(s events.SessionID) error) error
	Close() error
}
