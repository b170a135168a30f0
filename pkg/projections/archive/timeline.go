package archive

import (
	"context"

	"annal/pkg/events"
)

// Timelines are read for people's history: a session's events in their order, as far back as there are any. archivetest has
// the conformance suite. Errors are outages.
type Timelines interface {
	// Reach gives the highest seq of a session that is archived, 0 for none. What the outcomes up to it changed is archived
	// before them, so that what is read after it has that in it.
	Reach(ctx context.Context, s events.SessionID) (events.Seq, error)
	// Timeline gives events of the span, each once, in the order that the span says. Whether some are missing tells their seqs. An
	// event whose message is not archived is missing too, since what became of it is not known. Where messages are picked, one whose
	// event is missing is given by its seq alone.
	Timeline(ctx context.Context, s events.SessionID, span Span) ([]Entry, error)
	// Entries gives the events of those seqs, ascending; those that are not there are left out.
	Entries(ctx context.Context, s events.SessionID, seqs []events.Seq) ([]Entry, error)
	// Missing says why an event is missing.
	Missing(ctx context.Context, s events.SessionID, seq events.Seq) (Missing, error)
}

// Missing is why an event is not there.
type Missing uint8

// The reasons. Behind: nobody knows better than that it is yet to come. Unreadable: it has been archived, but the archiver could
// not read some outcome of the session, so that its seq is not known. Dropped: it has been archived, but neither it nor what was
// before it is kept any longer.
const (
	MissingBehind Missing = iota
	MissingUnreadable
	MissingDropped
)

// Span is a part of a timeline.
type Span struct {
	// First and Last are both included.
	First, Last events.Seq
	// Limit is how many events are given at most: the lowest ones, ascending, or with Down the highest, descending. Where nothing
	// is picked, it is also how many seqs are looked at: they are dense, so that one that is missing is seen, and not made up for.
	Limit int
	Down  bool
	// Pick leaves out what it does not pick; nil: nothing.
	Pick *Pick
}

// Looked gives the bounds within which events are looked for.
func (s Span) Looked() (first, last events.Seq) {
	n := events.Seq(max(s.Limit, 1)) - 1
	switch {
	case s.Pick != nil:
		return s.First, s.Last
	case s.Down:
		return max(s.First, s.Last-min(n, s.Last)), s.Last
	}
	return s.First, min(s.Last, s.First+n)
}

// Pick picks messages by what never changes of them: those that meet all that is set. Of Kinds, which do change by an override,
// it may give too many.
type Pick struct {
	// Kinds are names as of [Body.Kind].
	Kinds   []string
	Authors []events.UserID
	// From and Until bound the log time of sending; Until is not included, and 0 is none.
	From, Until events.Millis
	// Thread is the first message of a thread, which is in it.
	Thread events.Seq
}

// Entry is an event of a timeline.
type Entry struct {
	Seq events.Seq
	// Value is the record's value as it stands in the log (events.DecodeOutcomeValue); nil if the event is missing.
	Value []byte
	// Now is what became of the message that it sent or overrode; nil for other events.
	Now *Became
}

// Became is what became of a message, each by the seq of the event that did it; 0 is nothing.
type Became struct {
	Revoked    events.Seq
	Deleted    events.Seq
	Overridden events.Seq
	// Override is the stored value of the event Overridden.
	Override []byte
	// Reacted and Unreacted have by [Reaction] the last event that put it, and that took it back: it is there if the first is
	// the higher one. None of what an override is about.
	Reacted   map[string]events.Seq
	Unreacted map[string]events.Seq
}
