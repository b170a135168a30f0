package accounts

import (
	"context"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Sync waits until everything is read that is in the topic by now: what another process changed before is known then. It writes nothing, since
// whoever guesses has it called. Errors are ErrUnknown when it can't be read in ctx's time.
func (t *Table) Sync(ctx context.Context) error {
	// The last record is in the segment that is still written, which is never compacted: whoever reads on comes to it.
	_, end, err := t.log.Bounds(ctx, eventlog.Accounts, partition)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	for {
		t.mu.Lock()
		next, further := t.next, t.further
		t.mu.Unlock()
		if next >= end {
			return nil
		}
		select {
		case <-further:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
		}
	}
}

// passed notes that all below an offset is read.
func (t *Table) passed(next int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = next
	close(t.further)
	t.further = make(chan struct{})
}

// flush waits until everything is read that this process was given to write, whether that was known to be written or not: a mark stands behind
// it. Errors are those of Sync.
func (t *Table) flush(ctx context.Context) error {
	mark := t.await(newKey("mark"))
	defer mark.forget()
	t.append(ctx, events.Record{Key: []byte(mark.key)})
	select {
	case <-mark.read:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}
