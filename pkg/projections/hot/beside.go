package hot

import (
	"context"
	"errors"
	"strings"
	"time"

	"annal/pkg/events"
)

// A whole view can be built anew while it is read: beside itself, on the other of two sides, and
// then it is swapped. See docs/decisions/0011-rebuilding-beside.md.

// The side that keys are on is told by the end of the id that they are written under: a view's is one of two.
const (
	firstSide  = ""
	secondSide = "~"
	// stage is where a single session is built, before it takes the place of what is there.
	stage = "+"
)

// Side is where what is written under an id is kept: "", "~" or "+".
func Side(id string) string {
	switch {
	case strings.HasSuffix(id, secondSide):
		return secondSide
	case strings.HasSuffix(id, stage):
		return stage
	}
	return firstSide
}

// OnSide gives an id of that side.
func OnSide(id, side string) string { return strings.TrimRight(id, secondSide+stage) + side }

// Other is the side beside that of a view.
func Other(id string) string {
	if Side(id) == firstSide {
		return secondSide
	}
	return firstSide
}

// Staged gives the id that a session of the view is built under before it is swapped.
func Staged(view string) string { return OnSide(view, stage) }

// AnyStaged stands above all ids that sessions were ever built under by themselves.
const AnyStaged = "~" + stage

// Rebuild is what was asked of a partition's view, and how far it is.
type Rebuild struct {
	// Asked is the request, empty when nothing is asked; Session is set when that alone is to be
	// built anew.
	Asked   string
	Session events.SessionID
	// Beside is the id of what is built, empty before it is begun, in the engine's life Run. It has all of
	// the log below Reached, of which Goal was the end when that was noted.
	Beside, Run string
	Reached     events.Progress
	Goal        int64
	// From is the view that the present one took the place of in a swap, if it came by one.
	From string
	// Left is the greatest id under which something may be left on the other side.
	Left string
	// Done is the last request that came to its end, and Said a word for how.
	Done, Said string
}

// How a request ends.
const (
	// SaidSwapped: what was built took the place of what was there.
	SaidSwapped = "swapped"
	// SaidNoSession: the log has no such session.
	SaidNoSession = "no_session"
	// SaidBroken: the log's own events of the session don't follow on each other.
	SaidBroken = "broken"
	// SaidTrimmed: the log does not reach back to its first record.
	SaidTrimmed = "trimmed"
)

// Errors of Beside.
var (
	// ErrBusy: something else is being built anew in that partition.
	ErrBusy = errors.New("hot: something else is being rebuilt in that partition")
	// ErrLate: the lease was over; nothing was swapped, and with that lease nothing will be.
	ErrLate = errors.New("hot: the lease to swap is over")
	// ErrBehind: what was to take a view's place does not reach as far as was promised.
	ErrBehind = errors.New("hot: the view does not reach as far as was told")
)

// Beside is the part of a Store that builds beside what is read. Every method may be repeated.
type Beside interface {
	// Rebuild gives what was asked and how far it is, the zero value when nothing ever was.
	Rebuild(ctx context.Context, partition int32) (Rebuild, error)
	// Ask asks that the partition's view be built anew, or one session of it when s is not empty. It gives the
	// request that is in force, which is another than the one given when the same is asked already. ErrBusy when
	// something else is, ErrRebuilding when the view is not whole: it is being built anyway.
	Ask(ctx context.Context, partition int32, request string, s events.SessionID) (string, error)
	// Advance notes r's Beside, Run, Reached and Goal: so far what r.Asked asks for is built beside view. ErrGap when view is no longer there
	// and whole, or something else is asked; ErrSuperseded when something newer is built beside it, ErrMoved when r.Run is not the engine's life.
	Advance(ctx context.Context, partition int32, view string, r Rebuild) error
	// Lease gives the moment so far ahead by the clock of where a partition's view is kept, or a session if one is given.
	// Within a lease whoever may swap is the only one who may.
	Lease(ctx context.Context, partition int32, s events.SessionID, ahead time.Duration) (time.Time, error)
	// Swap puts what was built beside view in its place: next is whole then, and reaches as far as it says. ErrLate, ErrMoved; ErrGap when
	// view is not there as it was or next is not what is built beside it; ErrSuperseded when there is a newer view; ErrBehind when next
	// does not reach as far as was promised.
	Swap(ctx context.Context, partition int32, view string, next ViewState, lease time.Time) error
	// SwapSession puts what was built under Staged(view) of a session in the place of what view has of it, in one step. ErrLate; ErrGap when
	// it does not reach as far as what is there, ErrSuperseded when what is there is of a newer view.
	SwapSession(ctx context.Context, view string, s events.SessionID, lease time.Time) error
	// Conclude says what came of a request; of one that is not in force it says nothing.
	Conclude(ctx context.Context, partition int32, request, said string) error
	// Remove removes what sessions have, on the side of upTo, under ids that are not above it.
	Remove(ctx context.Context, upTo string, sessions []events.SessionID) error
	// Removed notes that nothing is left of upTo and what came before it on its side.
	Removed(ctx context.Context, partition int32, upTo string) error
}
