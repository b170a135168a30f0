package sequencer

import (
	"annal/pkg/events"
	"annal/pkg/session"
)

// SessionRules are those of pkg/session: what production decides by.
type SessionRules struct{}

var _ Rules = SessionRules{}

// Needs implements Rules.
func (SessionRules) Needs(rows session.Rows, c *events.Command, at session.At) []session.Need {
	return session.Needs(rows, c, at)
}

// Decide implements Rules.
func (SessionRules) Decide(rows session.Rows, c *events.Command, at session.At) events.Outcome {
	return session.Decide(rows, c, at)
}

// Malformed implements Rules.
func (SessionRules) Malformed(rows session.Rows, s events.SessionID, at session.At, detail string) events.Outcome {
	return session.Malformed(rows, s, at, detail)
}

// EvolveNeeds implements Rules.
func (SessionRules) EvolveNeeds(rows session.Rows, o *events.Outcome) []session.Need {
	return session.EvolveNeeds(rows, o)
}

// Evolve implements Rules.
func (SessionRules) Evolve(rows session.Rows, o *events.Outcome, stored events.Hash) []events.Write {
	return session.Evolve(rows, o, stored)
}
