package archive

import (
	"context"
	"errors"

	"annal/pkg/events"
)

// Errors of rebuilding.
var (
	// ErrRebuilding: a rebuild is under way, whose holder is alive.
	ErrRebuilding = errors.New("archive: a rebuild is under way")
	// ErrTakenOver: another process goes on with the rebuild; this one must stop.
	ErrTakenOver = errors.New("archive: another process goes on with this rebuild")
	// ErrNoRebuild: there is none to be abandoned.
	ErrNoRebuild = errors.New("archive: no rebuild is under way")
)

// Builder is an archive that can be built anew beside itself, while writers go on: they write to both meanwhile.
type Builder interface {
	// Rebuild begins one, or takes over one whose holder was not heard of lately. ErrRebuilding.
	Rebuild(ctx context.Context, holder string) (Rebuild, error)
	// Abandon ends one that was begun and removes what it made; ErrRebuilding while its holder is alive, ErrNoRebuild.
	Abandon(ctx context.Context, holder string) error
	// Remove removes all rows of a session from what is read; those who ask see it empty until they are inserted again.
	// ErrRebuilding.
	Remove(ctx context.Context, s events.SessionID) error
}

// Rebuild is one under way; its steps come in this order, and each may be repeated. ErrTakenOver of each. All else is an outage.
type Rebuild interface {
	// Double returns once every writer writes to both, and none is at an insertion any more that it began before.
	Double(ctx context.Context) error
	// Bound fixes up to where the log is filled in, and gives what was fixed the first time.
	Bound(ctx context.Context, ends map[int32]int64) (map[int32]int64, error)
	// Filled gives how far it is, by partition.
	Filled(ctx context.Context) (map[int32]Filled, error)
	// Fill stores rows in the new one alone, as Store.Insert does, and Note how far that is.
	Fill(ctx context.Context, rows *Rows) error
	Note(ctx context.Context, partition int32, f Filled) error
	// Count counts the outcomes of a partition below an offset that are in the new one. exact is false when old ones are
	// removed with time.
	Count(ctx context.Context, partition int32, below int64) (n uint64, exact bool, err error)
	// Swap puts the new one in the place of the old one, and removes that.
	Swap(ctx context.Context) error
	// Close lets go of it: another process may go on.
	Close()
}

// Filled is how far a rebuild is in a partition.
type Filled struct {
	Progress events.Progress
	// Outcomes are those that counted, of which Refused were not taken.
	Outcomes, Refused uint64
}
