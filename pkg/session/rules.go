// Package session holds the rules of a session, pure: what rows a command needs
// (Needs), what comes of it (Decide), and how an outcome changes the rows (Evolve).
// There is no clock, no randomness, no I/O and no logging here, so replaying the log
// gives the same decisions and the same rows.
package session

import "annal/pkg/events"

// Rows is what has been loaded for a command. Decide sees nothing else.
type Rows interface {
	// Get gives a row; false when it does not exist.
	Get(k events.Key) (events.Row, bool)
	// First gives the first n keys that begin with prefix, ascending.
	First(prefix events.Key, n int) []events.Key
}

// Need names rows to load: the row Key, or, when First > 0, the first First rows
// whose keys begin with Key.
type Need struct {
	Key   events.Key
	First int
}

// At is a command's place in the log.
type At struct {
	// Time is log time.
	Time events.Millis
	// ID is what the outcome is called (events.NewID).
	ID events.ID
}
