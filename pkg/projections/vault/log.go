package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/projections/follow"
)

// Log is an eventlog.Log whose events go on below the inner log's start, in the vault.
type Log struct {
	eventlog.Log
	shelf  *Shelf
	logger *slog.Logger

	mu sync.Mutex
	// covered is below which offset a partition was seen to be in the vault whole; that never changes back.
	covered map[int32]int64
}

var _ eventlog.Log = (*Log)(nil)

// NewLog puts the vault below a log, which is closed with it. The logger hears of the store's outages.
func NewLog(inner eventlog.Log, bucket Bucket, prefix string, logger *slog.Logger) *Log {
	return &Log{Log: inner, shelf: NewShelf(bucket, prefix, inner.Cluster()), logger: logger, covered: map[int32]int64{}}
}

// Shelf is the vault's side of it.
func (l *Log) Shelf() *Shelf { return l.shelf }

// Bounds is eventlog.Log's: the events begin at 0 where the vault has what Kafka has not. Kafka alone is asked, but for once after
// each time that its start has moved.
func (l *Log) Bounds(ctx context.Context, t eventlog.Topic, partition int32) (start, end int64, err error) {
	start, end, err = l.Log.Bounds(ctx, t, partition)
	if err != nil || t != eventlog.Events || start == 0 {
		return start, end, err
	}
	whole, err := l.covers(ctx, partition, start)
	if err != nil {
		return 0, 0, err
	}
	if whole {
		start = 0
	}
	return start, end, nil
}

// covers says whether all below an offset is in the vault.
func (l *Log) covers(ctx context.Context, partition int32, offset int64) (bool, error) {
	l.mu.Lock()
	seen := l.covered[partition]
	l.mu.Unlock()
	if seen >= offset {
		return true, nil
	}
	mark, err := l.shelf.Tail(ctx, partition)
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	l.covered[partition] = max(l.covered[partition], mark.Progress.Offset)
	l.mu.Unlock()
	return mark.Progress.Offset >= offset, nil
}

// Read is eventlog.Log's. Below Kafka's start a cursor reads segments, their hashes and chain checked; one that is missing or
// not what it should be ends it with ErrDamaged, which names it.
func (l *Log) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	if t != eventlog.Events || from < 0 {
		return l.Log.Read(ctx, t, partition, from)
	}
	inner, err := l.Log.Read(ctx, t, partition, from)
	if err != nil && !errors.Is(err, eventlog.ErrTrimmed) {
		return nil, err
	}
	closing, stop := context.WithCancel(context.Background())
	return &cursor{log: l, partition: partition, next: from, inner: inner, closing: closing, stop: stop}, nil
}

// cursor reads segments where Kafka begins above it, and else Kafka.
type cursor struct {
	log       *Log
	partition int32
	next      int64
	// current is the segment being read, with an empty hash: none. What Kafka gave since lies between it and the next.
	current segment
	closing context.Context
	stop    context.CancelFunc
	// under is a step in the vault that is under way, nil for none: it goes on when whoever asked for it waits no longer, since the
	// store may take longer for one than they wait. Until it has come next, current and inner are its own.
	under chan step

	mu sync.Mutex
	// inner is Kafka's cursor, nil while segments are read.
	inner eventlog.Cursor
}

// step is what one in the vault came to.
type step struct {
	records []eventlog.Record
	err     error
}

// Next is eventlog.Cursor's.
func (c *cursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.closing, func() { cancel(eventlog.ErrClosed) })()
	for {
		if c.closing.Err() != nil {
			return nil, eventlog.ErrClosed
		}
		if c.under == nil {
			if records, err := c.fromKafka(ctx); len(records) > 0 || err != nil {
				return records, err
			}
		}
		if records, err := c.step(ctx); len(records) > 0 || err != nil {
			return records, err
		}
	}
}

// step waits for a step in the vault, the one that is under way or a new one.
func (c *cursor) step(ctx context.Context) ([]eventlog.Record, error) {
	if c.under == nil {
		done := make(chan step, 1)
		go func() {
			records, err := c.fromVaultPatiently()
			done <- step{records, err}
		}()
		c.under = done
	}
	select {
	case s := <-c.under:
		c.under = nil
		return s.records, s.err
	case <-ctx.Done():
		if c.closing.Err() != nil {
			return nil, eventlog.ErrClosed
		}
		return nil, fmt.Errorf("vault: read partition %d: %w", c.partition, ctx.Err())
	}
}

// fromKafka gives nothing, and no error, where Kafka has not what is next.
func (c *cursor) fromKafka(ctx context.Context) ([]eventlog.Record, error) {
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	if inner == nil {
		return nil, nil
	}
	records, err := inner.Next(ctx)
	switch {
	case errors.Is(err, eventlog.ErrTrimmed): // its start has overtaken the cursor, which may have begun below it
		c.use(nil)
		return nil, nil
	case err != nil:
		return nil, err
	}
	c.next, c.current = records[len(records)-1].Offset+1, segment{}
	return records, nil
}

// fromVaultPatiently takes a step in the vault, and waits while that does not answer.
func (c *cursor) fromVaultPatiently() ([]eventlog.Record, error) {
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		records, err := c.fromVault(c.closing)
		switch {
		case err == nil:
			return records, nil
		case c.closing.Err() != nil:
			return nil, eventlog.ErrClosed
		case !mayPass(err):
			return nil, err
		}
		c.log.logger.Warn("the vault does not answer; trying again", "partition", c.partition, "offset", c.next, "retry_in", wait, "error", err)
		follow.Sleep(c.closing, wait)
	}
}

// leastWait and mostWait are how long to wait before the store is asked again.
const leastWait, mostWait = 50 * time.Millisecond, 5 * time.Second

// mayPass says whether an error may be over by itself.
func mayPass(err error) bool { return !lasting(err) }

func lasting(err error) bool {
	for _, one := range []error{
		ErrDamaged, ErrForeign, ErrGap, ErrDiffers, ErrDenied, ErrNoBucket, eventlog.ErrTrimmed, eventlog.ErrBeyond, eventlog.ErrClosed, eventlog.ErrNotAssigned,
	} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// use takes another cursor of Kafka's in place of the one there is. It says whether this one is open still.
func (c *cursor) use(inner eventlog.Cursor) bool {
	c.mu.Lock()
	old := c.inner
	open := c.closing.Err() == nil
	if c.inner = inner; !open {
		c.inner = nil
	}
	c.mu.Unlock()
	if old != nil {
		old.Close()
	}
	if !open && inner != nil {
		inner.Close()
	}
	return open
}

// fromVault reads on in segments, and changes over to Kafka where they end.
func (c *cursor) fromVault(ctx context.Context) ([]eventlog.Record, error) {
	if c.current.hash == "" || c.next >= c.current.Next {
		found, ok, err := c.log.shelf.covering(ctx, c.partition, c.next)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, c.toKafka(ctx)
		}
		if c.current.hash != "" {
			if err := c.log.shelf.follows(c.current, found); err != nil {
				return nil, err
			}
		}
		c.current = found
	}
	n := c.current.blockAt(c.next)
	records, err := c.log.shelf.block(ctx, c.current, n)
	if err != nil {
		return nil, err
	}
	for len(records) > 0 && records[0].Offset < c.next {
		records = records[1:]
	}
	c.next = c.current.blockEnd(n)
	return records, nil
}

// toKafka goes on in Kafka, which must begin no later than here.
func (c *cursor) toKafka(ctx context.Context) error {
	start, _, err := c.log.Log.Bounds(ctx, eventlog.Events, c.partition)
	if err != nil {
		return err
	}
	if start <= c.next {
		inner, err := c.log.Log.Read(ctx, eventlog.Events, c.partition, c.next)
		if err == nil {
			c.use(inner)
		}
		if !errors.Is(err, eventlog.ErrTrimmed) { // since it was asked where it begins
			return err
		}
	}
	// What Kafka has removed meanwhile is in a segment made meanwhile, or nowhere.
	if _, ok, err := c.log.shelf.covering(ctx, c.partition, c.next); ok || err != nil {
		return err
	}
	return fmt.Errorf("%w: of %s/%d the vault ends at %d and the log begins at %d: %w", ErrGap, eventlog.Events, c.partition, c.next, start, eventlog.ErrTrimmed)
}

// Close is eventlog.Cursor's.
func (c *cursor) Close() {
	c.stop()
	c.use(nil)
}
