package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// maxNext bounds what one call of Next gives.
const maxNext = 4096

// cursor holds what was fetched for one partition and not taken yet.
type cursor struct {
	log   *Log
	topic eventlog.Topic
	place place
	lane  *lane
	// gone is closed once the lane has taken it out.
	gone chan struct{}
	// ready has a token when there is something to take.
	ready chan struct{}

	mu sync.Mutex
	// next is the offset that the next record to take has; fetched the one to come.
	next    int64
	fetched int64
	records []*kgo.Record
	bytes   int
	paused  bool
	// err ends it once records are taken; closed at once.
	err    error
	closed bool
}

// Read is eventlog.Log's.
func (l *Log) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	c := &cursor{
		log: l, topic: t, place: place{l.opts.topic(t), partition}, next: from, fetched: from,
		gone: make(chan struct{}), ready: make(chan struct{}, 1),
	}
	if err := c.checkBounds(ctx); err != nil {
		return nil, err
	}
	for {
		holders, err := l.openInLane(c)
		if err != nil {
			return nil, err
		}
		if holders == nil {
			return c, nil
		}
		select { // one that closed holds it a moment longer
		case <-holders.gone:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// openInLane puts the cursor into the first lane that has its partition free. It
// gives a cursor to wait for when one that holds it is on its way out.
func (l *Log) openInLane(c *cursor) (leaving *cursor, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, eventlog.ErrClosed
	}
	for _, n := range l.lanes {
		holder := n.open(c)
		if holder == nil {
			return nil, nil
		}
		if holder.isClosed() {
			return holder, nil
		}
	}
	if len(l.lanes) >= maxLanes {
		return nil, fmt.Errorf("kafka: %s/%d is read at %d places already", c.topic, c.place.partition, maxLanes)
	}
	n, err := newLane(l)
	if err != nil {
		return nil, err
	}
	l.lanes = append(l.lanes, n)
	n.open(c)
	return nil, nil
}

// checkBounds gives ErrTrimmed or ErrBeyond when the next offset is outside the log.
func (c *cursor) checkBounds(ctx context.Context) error {
	next := c.position()
	start, end, err := c.log.Bounds(ctx, c.topic, c.place.partition)
	switch {
	case err != nil:
		return err
	case next < start:
		return fmt.Errorf("%w: %s/%d at %d, start is %d", eventlog.ErrTrimmed, c.topic, c.place.partition, next, start)
	case next > end:
		return fmt.Errorf("%w: %s/%d at %d, end is %d", eventlog.ErrBeyond, c.topic, c.place.partition, next, end)
	}
	return nil
}

func (c *cursor) position() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *cursor) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// push takes over what was fetched; the lane's goroutine calls it.
func (c *cursor) push(records []*kgo.Record, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.err != nil {
		return
	}
	for _, r := range records {
		if r.Offset < c.fetched {
			continue
		}
		c.fetched = r.Offset + 1
		c.records = append(c.records, r)
		c.bytes += recordBytes(r)
	}
	if err != nil {
		c.err = readError(err)
		c.log.metrics.cursorsEnded.WithLabelValues(string(c.topic)).Inc()
	}
	if !c.paused && (len(c.records) >= c.log.opts.CursorRecords || c.bytes >= c.log.opts.CursorBytes) {
		c.paused = true
		c.lane.client.PauseFetchPartitions(c.place.only())
	}
	signal(c.ready)
}

func (c *cursor) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	signal(c.ready)
}

// recordBytes is about what a fetched record takes in memory.
func recordBytes(r *kgo.Record) int {
	n := 200 + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 40 + len(h.Key) + len(h.Value)
	}
	return n
}

// Next is eventlog.Cursor's.
func (c *cursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	for {
		records, err := c.take()
		if errors.Is(err, errOutOfRange) {
			if outside := c.checkBounds(ctx); outside != nil {
				return nil, outside
			}
			// Within again: the log lost records and grew anew.
			return nil, fmt.Errorf("%w: %s/%d lost records that it had", eventlog.ErrBeyond, c.topic, c.place.partition)
		}
		if len(records) > 0 || err != nil {
			return records, err
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
			return nil, fmt.Errorf("kafka: read %s/%d: %w", c.topic, c.place.partition, ctx.Err())
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
	out := fromKafka(c.topic, c.records[:n])
	for _, r := range c.records[:n] {
		c.bytes -= recordBytes(r)
	}
	clear(c.records[:n])
	if c.records = c.records[n:]; len(c.records) == 0 {
		c.records = nil
	}
	c.next = out[n-1].Offset + 1
	if c.paused && len(c.records) < c.log.opts.CursorRecords/2 && c.bytes < c.log.opts.CursorBytes/2 {
		c.paused = false
		c.lane.client.ResumeFetchPartitions(c.place.only())
	}
	return out, nil
}

// Close is eventlog.Cursor's.
func (c *cursor) Close() {
	c.mu.Lock()
	closed := c.closed
	c.closed, c.records = true, nil
	c.mu.Unlock()
	if !closed {
		c.lane.leave(c)
		signal(c.ready)
	}
}

// fromKafka translates a batch, its headers into one array.
func fromKafka(t eventlog.Topic, in []*kgo.Record) []eventlog.Record {
	n := 0
	for _, r := range in {
		n += len(r.Headers)
	}
	headers := make([]events.Header, 0, n)
	out := make([]eventlog.Record, len(in))
	for i, r := range in {
		first := len(headers)
		for _, h := range r.Headers {
			headers = append(headers, events.Header{Name: h.Key, Value: h.Value})
		}
		out[i] = eventlog.Record{
			Record: events.Record{Key: r.Key, Value: r.Value, Headers: headers[first:len(headers):len(headers)]},
			Topic:  t, Partition: r.Partition, Offset: r.Offset, Time: events.Millis(r.Timestamp.UnixMilli()),
		}
	}
	return out
}
