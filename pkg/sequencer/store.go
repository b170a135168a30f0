package sequencer

import "annal/pkg/events"

// Store keeps the rows of counted outcomes of one partition, together with the
// progress they stand at. Nothing that isn't counted ever gets here.
type Store interface {
	// Progress gives where the rows stand; false for an empty store.
	Progress() (events.Progress, bool, error)
	// Get gives a row's stored bytes; nil when it does not exist.
	Get(s events.SessionID, k events.Key) ([]byte, error)
	// First gives the first n keys of a session that begin with prefix, ascending.
	First(s events.SessionID, prefix events.Key, n int) ([]events.Key, error)
	// Apply writes rows, in this order, and progress at once, or nothing. It keeps
	// neither the slice nor the values.
	Apply(p events.Progress, rows []StoredRow) error
	// Reset empties the store.
	Reset() error
	Close() error
}

// StoredRow sets a row's stored bytes, or removes the row when Value is nil.
type StoredRow struct {
	Session events.SessionID
	Key     events.Key
	Value   []byte
}
