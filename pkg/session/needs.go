package session

import "annal/pkg/events"

// Needs names the rows that Decide of this command, and Evolve of what it decides,
// look at. Load them and ask again until nothing is asked for that is not loaded:
// what is there decides what else is needed. It takes at most MaxRounds rounds.
func Needs(rows Rows, c *events.Command, _ At) []Need {
	needs := make([]Need, 1, 6)
	needs[0] = Need{Key: events.HeadKey}
	if !named(c) {
		return needs
	}
	needs = append(needs,
		Need{Key: events.MemberKey(c.Actor.User)},
		Need{Key: events.ClientIDKey(c.Actor.User, c.ClientID)})
	return operationOf(c.Op).needs(needs, rows, c)
}

// MaxRounds is how often Needs and EvolveNeeds ask for something new at most.
const MaxRounds = 5

// EvolveNeeds names the rows that Evolve of this outcome looks at, as Needs does for
// Decide. For replaying, when there is no command.
func EvolveNeeds(rows Rows, o *events.Outcome) []Need {
	needs := make([]Need, 1, 4)
	needs[0] = Need{Key: events.HeadKey}
	if a, ok := o.Result.(events.Accepted); ok {
		needs = factOf(a.Event).touches(needs, rows, o)
	}
	return needs
}

// named says whether the command can have a client id row at all: who asked what
// under which id is known.
func named(c *events.Command) bool {
	return c.Op != nil && events.ValidName(string(c.Session)) && events.ValidName(string(c.Actor.User)) && events.ValidName(c.ClientID)
}
