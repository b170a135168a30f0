package eventlog

import (
	"context"

	"annal/pkg/events"
)

// Place is where a record stands in a topic.
type Place struct {
	Partition int32
	Offset    int64
}

// Put appends a record to the partition that its key chooses, and waits until it stands there. Errors are those of Append, and
// ctx's: then it is not known whether it will.
func Put(ctx context.Context, log Log, t Topic, r events.Record) (Place, error) {
	type answer struct {
		at  Place
		err error
	}
	done := make(chan answer, 1)
	log.Append(ctx, t, ByKey, r, func(partition int32, offset int64, err error) { done <- answer{Place{partition, offset}, err} })
	select {
	case a := <-done:
		return a.at, a.err
	case <-ctx.Done():
		return Place{}, ctx.Err()
	}
}
