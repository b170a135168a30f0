package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/vault"
)

// Sources that a view can be told to be built from.
const (
	FromKafka = "kafka"
	FromVault = "vault"
)

// Errors of where to build from.
var (
	// ErrTrimmed: the log no longer reaches back to its start.
	ErrTrimmed = errors.New("REBUILD_TRIMMED: the log no longer reaches back to its start")
	// ErrSource: From is no source there is.
	ErrSource = errors.New("REBUILD_SOURCE: it cannot be built from there")
	// ErrGap: between what the vault has and what Kafka has something is missing.
	ErrGap = errors.New("REBUILD_GAP: between the vault and Kafka something is missing")
)

// Source is the log that a tool builds from by itself: of a log with a vault below it Kafka alone, or what is sealed from the vault alone
// and only the rest from Kafka; or that log as it is, when from is empty. It reaches back to its start in each partition, or in that of
// the session, if one is given. The log given is closed by whoever opened it.
func Source(ctx context.Context, log eventlog.Log, from string, session events.SessionID) (eventlog.Log, error) {
	first, end, err := partitionsOf(ctx, log, session)
	if err != nil {
		return nil, err
	}
	below, vaulted := log.(*vault.Log)
	switch {
	case from == FromVault && vaulted:
		return newSealedFirst(ctx, below, first, end)
	case from == FromVault:
		return nil, fmt.Errorf("%w: there is no vault: give --vault", ErrSource)
	case from == FromKafka && vaulted:
		log = below.Log
	case from != FromKafka && from != "":
		return nil, fmt.Errorf("%w: the source is kafka or vault, not %q", ErrSource, from)
	}
	for p := first; p < end; p++ {
		start, _, err := log.Bounds(ctx, eventlog.Events, p)
		switch {
		case err != nil:
			return nil, fmt.Errorf("rebuild: partition %d: %w", p, err)
		case start > 0:
			return nil, fmt.Errorf("%w: partition %d begins at %d; what came before is in a vault, or nowhere", ErrTrimmed, p, start)
		}
	}
	return log, nil
}

// partitionsOf are all of the events, or the one that a session is in.
func partitionsOf(ctx context.Context, log eventlog.Log, session events.SessionID) (first, end int32, err error) {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return 0, 0, fmt.Errorf("rebuild: %w", err)
	}
	if session != "" {
		first = eventlog.KeyPartition([]byte(session), n)
		return first, first + 1, nil
	}
	return 0, n, nil
}

// sealedFirst is a log whose events come from the vault alone, as far as that had them when this was made, whatever Kafka still has of
// them; and from Kafka above.
type sealedFirst struct {
	*vault.Log
	sealed eventlog.Log
	// marks are up to where the vault has a partition.
	marks map[int32]int64
}

// newSealedFirst sees to it that nothing is missing in the vault's chain of segments, nor between the vault and Kafka.
func newSealedFirst(ctx context.Context, log *vault.Log, first, end int32) (*sealedFirst, error) {
	l := &sealedFirst{Log: log, sealed: log.Sealed(), marks: map[int32]int64{}}
	records, sealed := int64(0), int64(0)
	for p := first; p < end; p++ {
		// Kafka is asked first: what is trimmed meanwhile is in the vault by then.
		start, to, err := log.Log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return nil, fmt.Errorf("rebuild: partition %d: %w", p, err)
		}
		mark, err := log.Shelf().Chained(ctx, p) // what they have is checked by their reader
		if err != nil {
			return nil, fmt.Errorf("rebuild: partition %d: %w", p, err)
		}
		if mark < start {
			return nil, fmt.Errorf("%w: of partition %d the vault ends at %d and Kafka begins at %d", ErrGap, p, mark, start)
		}
		l.marks[p] = mark
		records, sealed = records+to, sealed+mark
	}
	if sealed == 0 && records > 0 {
		return nil, fmt.Errorf("%w: nothing is sealed in the vault yet", ErrSource)
	}
	return l, nil
}

// Read is eventlog.Log's.
func (l *sealedFirst) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	mark := l.marks[partition]
	if t != eventlog.Events || from >= mark {
		return l.Log.Read(ctx, t, partition, from)
	}
	sealed, err := l.sealed.Read(ctx, t, partition, from)
	if err != nil {
		return nil, err
	}
	return &sealedCursor{log: l.Log, partition: partition, next: from, mark: mark, inner: sealed}, nil
}

// sealedCursor reads the vault up to a mark, and then Kafka.
type sealedCursor struct {
	log        eventlog.Log
	partition  int32
	next, mark int64
	above      bool

	mu     sync.Mutex
	inner  eventlog.Cursor
	closed bool
}

// Next is eventlog.Cursor's.
func (c *sealedCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	if c.next >= c.mark && !c.above {
		if err := c.toKafka(ctx); err != nil {
			return nil, err
		}
	}
	records, err := c.inner.Next(ctx)
	if err == nil {
		c.next = records[len(records)-1].Offset + 1
	}
	return records, err
}

func (c *sealedCursor) toKafka(ctx context.Context) error {
	inner, err := c.log.Read(ctx, eventlog.Events, c.partition, c.next)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		inner.Close()
		return eventlog.ErrClosed
	}
	c.inner.Close()
	c.inner, c.above = inner, true
	return nil
}

// Close is eventlog.Cursor's.
func (c *sealedCursor) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.inner.Close()
}
