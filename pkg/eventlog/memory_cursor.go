package eventlog

import (
	"context"
	"fmt"
	"sync"
)

// memoryBatch is the most that Next gives.
const memoryBatch = 1024

type memoryCursor struct {
	client    *memoryClient
	topic     Topic
	partition int32
	next      int64
	closed    chan struct{}
	once      sync.Once
}

// Read opens a cursor at from.
func (m *memoryClient) Read(ctx context.Context, t Topic, partition int32, from int64) (Cursor, error) {
	if _, _, err := m.Bounds(ctx, t, partition); err != nil {
		return nil, err
	}
	if m.isClosed() {
		return nil, ErrClosed
	}
	return &memoryCursor{client: m, topic: t, partition: partition, next: from, closed: make(chan struct{})}, nil
}

// Next gives up to 1024 records.
func (c *memoryCursor) Next(ctx context.Context) ([]Record, error) {
	for {
		select {
		case <-c.closed:
			return nil, ErrClosed
		case <-c.client.closed:
			return nil, ErrClosed
		default:
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		records, grown, err := c.take()
		if len(records) > 0 || err != nil {
			return records, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
		case <-c.closed:
		case <-c.client.closed:
		}
	}
}

// take gives what is there, or else the channel that closes when there is more.
func (c *memoryCursor) take() ([]Record, <-chan struct{}, error) {
	c.client.cluster.mu.Lock()
	defer c.client.cluster.mu.Unlock()
	p := c.client.cluster.topic(c.topic)[c.partition]
	switch {
	case c.next < p.start:
		return nil, nil, fmt.Errorf("%w: %s/%d at %d, start is %d", ErrTrimmed, c.topic, c.partition, c.next, p.start)
	case c.next > p.end():
		return nil, nil, fmt.Errorf("%w: %s/%d at %d, end is %d", ErrBeyond, c.topic, c.partition, c.next, p.end())
	}
	stored := p.records[c.next-p.start:]
	records := make([]Record, min(len(stored), memoryBatch))
	for i := range records {
		records[i] = stored[i]
		records[i].Record = clone(stored[i].Record)
	}
	c.next += int64(len(records))
	return records, p.grown, nil
}

// Close wakes a waiting Next.
func (c *memoryCursor) Close() { c.once.Do(func() { close(c.closed) }) }
