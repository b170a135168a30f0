package eventlog

import (
	"context"

	"annal/pkg/events"
)

// Put appends a record to the partition that its key chooses, and waits until it stands there. Errors are those of Append, and
// ctx's: then it is not known whether it will.
func Put(ctx context.Context, log Log, t Topic, r events.Record) error {
	done := make(chan error, 1)
	log.Append(ctx, t, ByKey, r, func(_ int32, _ int64, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
