package archive

import (
	"context"

	"annal/pkg/events"
)

// Past is an archive asked for parts of a session as it stood: so that a session of any length is shown without reading all of it.
// Bounds are offsets, those at until included. Outcomes are accepted ones, each once, with Offset and Bytes alone filled in. Errors are outages.
type Past interface {
	// Instant gives where a session stood: at the event of that seq or, where it is 0, at a log time, all of that millisecond included.
	// False when it was not there.
	Instant(ctx context.Context, s events.SessionID, seq events.Seq, time events.Millis) (Moment, bool, error)
	// Happened gives the outcomes of events so named, ascending; with targets those about these messages alone.
	Happened(ctx context.Context, s events.SessionID, until uint64, names []string, targets []events.Seq) ([]Outcome, error)
	// Sent gives the newest messages within the spans and below a seq (0: no bound), descending.
	Sent(ctx context.Context, s events.SessionID, until uint64, within []events.Span, before events.Seq, limit int) ([]Outcome, error)
	// Marked gives how far people had come by marking, and by what they sent, ascending by user; coming in is left out.
	Marked(ctx context.Context, s events.SessionID, until uint64) ([]MarkersNow, error)
}

// Moment is where a session stood.
type Moment struct {
	// Until is the offset of the last outcome.
	Until uint64
	Seq   events.Seq
	Index events.Index
	// Time is the log time of the event Seq.
	Time events.Millis
}
