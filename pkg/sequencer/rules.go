package sequencer

import (
	"annal/pkg/events"
	"annal/pkg/session"
)

// Rules decide commands. All of it is pure: the same rows and arguments give the
// same result in every process. Production uses pkg/session; the simulation also uses
// rules that decide differently from each other, as two versions of a program may.
type Rules interface {
	// Needs names rows that Decide wants, judging by the rows loaded so far. It is
	// called again until it names nothing new.
	Needs(rows session.Rows, c *events.Command, at session.At) []session.Need
	// Decide gives what comes of a command.
	Decide(rows session.Rows, c *events.Command, at session.At) events.Outcome
	// Malformed gives what comes of a command that cannot be decoded. It may read the
	// session's head and nothing else.
	Malformed(rows session.Rows, s events.SessionID, at session.At, detail string) events.Outcome
	// EvolveNeeds is what Needs is, for Evolve.
	EvolveNeeds(rows session.Rows, o *events.Outcome) []session.Need
	// Evolve gives how an outcome changes the rows; stored is over its stored bytes.
	Evolve(rows session.Rows, o *events.Outcome, stored events.Hash) []events.Write
}
