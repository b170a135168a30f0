package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// reader is one client that fetches for many cursors of a topic: one fetch serves
// all its partitions. It gives a partition to one cursor in its life, so that
// nothing fetched for an earlier cursor can reach a later one.
type reader struct {
	log    *Log
	topic  eventlog.Topic
	client *kgo.Client
	stop   context.CancelFunc

	mu      sync.Mutex
	used    map[int32]bool
	cursors map[int32]*cursor
}

// Read is eventlog.Log's.
func (l *Log) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	start, end, err := l.Bounds(ctx, t, partition)
	switch {
	case err != nil:
		return nil, err
	case from < start:
		return nil, fmt.Errorf("%w: %s/%d: %d, starts at %d", eventlog.ErrTrimmed, t, partition, from, start)
	case from > end:
		return nil, fmt.Errorf("%w: %s/%d: %d, ends at %d", eventlog.ErrBeyond, t, partition, from, end)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, eventlog.ErrClosed
	}
	for _, r := range l.readers[t] {
		if c := r.open(partition, from); c != nil {
			return c, nil
		}
	}
	r, err := newReader(l, t)
	if err != nil {
		return nil, err
	}
	l.readers[t] = append(l.readers[t], r)
	return r.open(partition, from), nil
}

func newReader(l *Log, t eventlog.Topic) (*reader, error) {
	client, err := l.opts.client(
		// Both: with the first alone a cursor without an offset was seen to start at the end.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumeStartOffset(kgo.NewOffset().At(0)),
		// Only new cursors wait for this; data ends a fetch at once.
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.FetchMaxPartitionBytes(4<<20),
		kgo.FetchMaxBytes(32<<20),
	)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &reader{log: l, topic: t, client: client, stop: stop, used: map[int32]bool{}, cursors: map[int32]*cursor{}}
	go r.run(ctx)
	return r, nil
}

func (r *reader) open(partition int32, from int64) *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used[partition] {
		return nil
	}
	r.used[partition] = true
	c := &cursor{reader: r, partition: partition, next: from, ready: make(chan struct{}, 1)}
	r.cursors[partition] = c
	r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		r.log.opts.topic(r.topic): {partition: kgo.NewOffset().At(from)},
	})
	return c
}

func (r *reader) run(ctx context.Context) {
	for {
		fetches := r.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			r.mu.Lock()
			c := r.cursors[p.Partition]
			r.mu.Unlock()
			if c == nil {
				return
			}
			c.push(p.Records, r.fetchError(ctx, c, p.Err))
		})
	}
}

// fetchError gives nil for what franz-go itself tries again.
func (r *reader) fetchError(ctx context.Context, c *cursor, err error) error {
	if !errors.Is(err, kerr.OffsetOutOfRange) {
		if err != nil {
			r.log.opts.Log.Warn("fetch failed", "topic", r.topic, "partition", c.partition, "error", err)
		}
		return nil
	}
	start, _, boundsErr := r.log.Bounds(ctx, r.topic, c.partition)
	if boundsErr == nil && c.position() >= start {
		return fmt.Errorf("%w: %s/%d", eventlog.ErrBeyond, r.topic, c.partition)
	}
	return fmt.Errorf("%w: %s/%d", eventlog.ErrTrimmed, r.topic, c.partition)
}

// drop forgets a closed cursor, and the reader itself with its last one.
func (r *reader) drop(c *cursor) {
	r.mu.Lock()
	delete(r.cursors, c.partition)
	idle := len(r.cursors) == 0
	r.mu.Unlock()
	r.client.RemoveConsumePartitions(map[string][]int32{r.log.opts.topic(r.topic): {c.partition}})
	if !idle {
		return
	}
	r.log.mu.Lock()
	r.mu.Lock()
	idle = len(r.cursors) == 0
	if idle {
		rs := r.log.readers[r.topic]
		for i := range rs {
			if rs[i] == r {
				r.log.readers[r.topic] = append(rs[:i:i], rs[i+1:]...)
				break
			}
		}
	}
	r.mu.Unlock()
	r.log.mu.Unlock()
	if idle {
		r.stop()
		r.client.Close()
	}
}

func (r *reader) close() {
	r.mu.Lock()
	cursors := r.cursors
	r.cursors = map[int32]*cursor{}
	r.mu.Unlock()
	for _, c := range cursors {
		c.push(nil, eventlog.ErrClosed)
	}
	r.stop()
	r.client.Close()
}

// cursor holds what was fetched for one partition and not taken yet.
type cursor struct {
	reader    *reader
	partition int32
	ready     chan struct{}

	mu      sync.Mutex
	next    int64
	records []*kgo.Record
	paused  bool
	closed  bool
	err     error
}

func (c *cursor) position() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *cursor) push(records []*kgo.Record, err error) {
	c.mu.Lock()
	c.records = append(c.records, records...)
	if err != nil && c.err == nil {
		c.err = err
	}
	pause := !c.paused && len(c.records) >= c.reader.log.opts.CursorRecords
	if pause {
		c.paused = true
		c.reader.client.PauseFetchPartitions(c.names())
	}
	c.mu.Unlock()
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

func (c *cursor) names() map[string][]int32 {
	return map[string][]int32{c.reader.log.opts.topic(c.reader.topic): {c.partition}}
}

// maxNext bounds what one call of Next gives.
const maxNext = 5000

func (c *cursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	for {
		records, err := c.take()
		if len(records) > 0 || err != nil {
			return records, err
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
			return nil, fmt.Errorf("kafka: read %s/%d: %w", c.reader.topic, c.partition, ctx.Err())
		}
	}
}

func (c *cursor) take() ([]eventlog.Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, eventlog.ErrClosed
	}
	if len(c.records) == 0 {
		return nil, c.err
	}
	n := min(len(c.records), maxNext)
	out := make([]eventlog.Record, n)
	for i, r := range c.records[:n] {
		out[i] = fromKafka(c.reader.topic, r)
	}
	c.records = c.records[n:]
	c.next = out[n-1].Offset + 1
	if len(c.records) == 0 {
		c.records = nil
	} else {
		select {
		case c.ready <- struct{}{}:
		default:
		}
	}
	if c.paused && len(c.records) < c.reader.log.opts.CursorRecords/2 {
		c.paused = false
		c.reader.client.ResumeFetchPartitions(c.names())
	}
	return out, nil
}

func (c *cursor) Close() {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.records = nil
	c.mu.Unlock()
	if !closed {
		c.reader.drop(c)
		select {
		case c.ready <- struct{}{}:
		default:
		}
	}
}

func fromKafka(t eventlog.Topic, r *kgo.Record) eventlog.Record {
	headers := make([]events.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = events.Header{Name: h.Key, Value: h.Value}
	}
	return eventlog.Record{
		Record: events.Record{Key: r.Key, Value: r.Value, Headers: headers},
		Topic:  t, Partition: r.Partition, Offset: r.Offset, Time: events.Millis(r.Timestamp.UnixMilli()),
	}
}
