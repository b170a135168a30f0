package vault

import (
	"context"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// ErrCannotTrim says that the log is of a kind that is never trimmed.
var ErrCannotTrim = errors.New("VAULT_TRIM: this log cannot be trimmed")

// trimmer is what a log must be able to do to be trimmed.
type trimmer interface {
	// Trim deletes records below an offset for good.
	Trim(ctx context.Context, t eventlog.Topic, partition int32, before int64) error
	// Since gives the first offset whose record was appended then or later, and else the log's end.
	Since(ctx context.Context, t eventlog.Topic, partition int32, then events.Millis) (int64, error)
}

// Trimmed is what a partition's trimming came to.
type Trimmed struct {
	Partition int32 `json:"partition"`
	// Start was the log's first offset, and NewStart is.
	Start    int64 `json:"start"`
	NewStart int64 `json:"new_start"`
	// Sealed is the vault's mark, above which nothing is deleted.
	Sealed int64 `json:"sealed"`
}

// Trim deletes from the log itself the events of a partition that are older than then and in the vault: each segment that is to
// stand for them is read whole and checked before, and held against what is to be deleted. Errors: ErrDamaged and ErrDiffers, which
// delete nothing; ErrCannotTrim; outages.
func (l *Log) Trim(ctx context.Context, partition int32, then events.Millis) (Trimmed, error) {
	log, ok := l.Log.(trimmer)
	if !ok {
		return Trimmed{}, ErrCannotTrim
	}
	start, end, err := l.Log.Bounds(ctx, eventlog.Events, partition)
	if err != nil {
		return Trimmed{}, err
	}
	did := Trimmed{Partition: partition, Start: start, NewStart: start}
	older, err := log.Since(ctx, eventlog.Events, partition, then)
	if err != nil {
		return did, err
	}
	mark, err := l.shelf.Tail(ctx, partition)
	if err != nil {
		return did, err
	}
	did.Sealed = mark.Progress.Offset
	// The last record stays: an embedded log that is killed knows where it ends by it alone.
	before := min(older, did.Sealed, end-1)
	if before <= start {
		return did, nil
	}
	checked, err := l.shelf.Check(ctx, partition, start, nil)
	switch {
	case err != nil:
		return did, err
	case checked.Next < before:
		return did, fmt.Errorf("%w: of partition %d the segments are right up to %d, not %d", ErrDamaged, partition, checked.Next, before)
	}
	if err := l.compare(ctx, partition, start, before); err != nil {
		return did, err
	}
	if err := log.Trim(ctx, eventlog.Events, partition, before); err != nil {
		return did, err
	}
	did.NewStart = before
	return did, nil
}
