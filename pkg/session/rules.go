// Package session holds the rules of a session, pure: what rows a command needs
// (Needs), what comes of it (Decide), and how an outcome changes the rows (Evolve).
// There is no clock, no randomness, no I/O and no logging here, so replaying the log
// gives the same decisions and the same rows.
//
// Every operation has a file of its own (op_send.go …) with its rule and what its
// event does to the rows, and its cases as text in testdata (send.txt …). What all
// operations share stands in decide.go (the order of checks), repeat.go (client
// ids), membership.go (stays, owners) and evolve.go.
package session

import "annal/pkg/events"

// Rows is what has been loaded for a command. Decide sees nothing else. Rows are
// values that nobody changes; what Get gives may be kept.
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

// rowOf reads a row whose key says that it is an R.
func rowOf[R events.Row](rows Rows, k events.Key) (R, bool) {
	row, ok := rows.Get(k)
	if !ok {
		var none R
		return none, false
	}
	r, ok := row.(R)
	return r, ok
}

func headOf(rows Rows) (events.Head, bool) { return rowOf[events.Head](rows, events.HeadKey) }

// memberOf gives a person's membership, the zero value for one who never was in.
func memberOf(rows Rows, u events.UserID) events.Member {
	m, _ := rowOf[events.Member](rows, events.MemberKey(u))
	return m
}
