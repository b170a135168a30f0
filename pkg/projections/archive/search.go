package archive

import (
	"context"
	"errors"

	"annal/pkg/events"
)

// ErrTooMuch says that a search would take longer than it may, and was given up.
var ErrTooMuch = errors.New("archive: the search takes too long")

// Searches finds messages by what they say. archivetest has the conformance suite. Errors are ErrTooMuch, and outages.
type Searches interface {
	// Search gives messages of which some version says the text, newest first. Which it is that they say now, and whether they
	// say anything still, the caller reads.
	Search(ctx context.Context, s Search) ([]Found, error)
	// Progress is [View]'s.
	Progress(ctx context.Context) ([]Progress, error)
}

// Search is what is looked for.
type Search struct {
	Sessions []events.SessionID
	// Text is meant as it stands, in small letters: those of a message count as small ones too.
	Text string
	// Before is where to go on: messages that come after it, newest first. The zero value is before all.
	Before Found
	// Limit is how many are given at most.
	Limit int
}

// Found is a message, in the order of newest first: by its log time, then by session and seq, all of them falling.
type Found struct {
	Time    events.Millis
	Session events.SessionID
	Seq     events.Seq
}
