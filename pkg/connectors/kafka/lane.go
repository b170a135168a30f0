package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
)

// lane is one client that fetches for many cursors, of all topics: one fetch
// serves all their partitions, and Kafka's cost is per request. A partition that is
// read at two places at once takes two lanes.
type lane struct {
	log    *Log
	client *kgo.Client
	ctx    context.Context
	stop   context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	cursors map[place]*cursor
	// leaving are cursors that ended but still stand in cursors. Only the poll loop
	// takes them out, between polls, so that nothing polled for one can reach the
	// next cursor of the partition.
	leaving []*cursor
	// interrupt ends the poll under way.
	interrupt context.CancelFunc
}

// place is a partition by the topic's full name.
type place struct {
	topic     string
	partition int32
}

func (p place) only() map[string][]int32 { return map[string][]int32{p.topic: {p.partition}} }

// maxLanes bounds how many cursors of one Log may read a partition at once.
const maxLanes = 16

// Fetches are bounded so that what cursors hold is (see Options.CursorBytes).
const (
	fetchBytes          = 32 << 20
	fetchPartitionBytes = 4 << 20
)

func newLane(l *Log) (*lane, error) {
	client, err := l.opts.client(
		// Both: with the first alone a partition without an offset was seen to start at the end.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumeStartOffset(kgo.NoResetOffset().At(0)),
		kgo.FetchMaxWait(l.opts.FetchWait),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
		kgo.FetchMaxBytes(fetchBytes),
	)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &lane{log: l, client: client, ctx: ctx, stop: stop, ended: make(chan struct{}), cursors: map[place]*cursor{}}
	go n.run()
	return n, nil
}

// open starts a cursor, or gives the one that has the partition.
func (n *lane) open(c *cursor) (holder *cursor) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if holder := n.cursors[c.place]; holder != nil {
		return holder
	}
	c.lane = n
	n.cursors[c.place] = c
	n.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		c.place.topic: {c.place.partition: kgo.NoResetOffset().At(c.next)},
	})
	return nil
}

// leave asks the poll loop to take a cursor out.
func (n *lane) leave(c *cursor) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaving = append(n.leaving, c)
	if n.interrupt != nil {
		n.interrupt()
	}
}

func (n *lane) run() {
	defer close(n.ended)
	for n.ctx.Err() == nil {
		ctx, cancel := n.beginPoll()
		fetches := n.client.PollFetches(ctx)
		cancel()
		fetches.EachPartition(n.dispatch)
	}
}

// beginPoll takes out who wants to leave and gives the next poll's context.
func (n *lane) beginPoll() (context.Context, context.CancelFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.leaving {
		if n.cursors[c.place] != c {
			continue // it failed, left, and was closed then
		}
		n.client.RemoveConsumePartitions(c.place.only())
		n.client.ResumeFetchPartitions(c.place.only())
		delete(n.cursors, c.place)
		close(c.gone)
	}
	n.leaving = nil
	ctx, cancel := context.WithCancel(n.ctx)
	n.interrupt = cancel
	return ctx, cancel
}

func (n *lane) dispatch(p kgo.FetchTopicPartition) {
	n.mu.Lock()
	c := n.cursors[place{p.Topic, p.Partition}]
	n.mu.Unlock()
	switch {
	case c != nil:
		c.push(p.Records, p.Err)
		if p.Err != nil {
			n.leave(c)
		}
	case p.Err != nil && !errors.Is(p.Err, context.Canceled) && !errors.Is(p.Err, kgo.ErrClientClosed):
		n.log.opts.Log.Warn("fetch failed", "topic", p.Topic, "partition", p.Partition, "error", p.Err)
	}
}

// close ends the lane and its cursors.
func (n *lane) close() {
	n.stop()
	<-n.ended
	n.client.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.cursors {
		c.fail(eventlog.ErrClosed)
		close(c.gone)
	}
	n.cursors, n.leaving = nil, nil
}

// errOutOfRange is the broker's word that an offset is outside the log; on which
// side, Next finds out.
var errOutOfRange = errors.New("kafka: offset out of range")

// readError translates what a fetch says. franz-go itself tries again what may pass.
func readError(err error) error {
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return errOutOfRange
	case isDataLoss(err):
		return fmt.Errorf("%w: the log lost records that it had: %w", eventlog.ErrBeyond, err)
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID):
		return fmt.Errorf("%w: the topic was made anew: %w", eventlog.ErrBeyond, err)
	default:
		return fmt.Errorf("kafka: fetch: %w", err)
	}
}

func isDataLoss(err error) bool {
	_, ok := errors.AsType[*kgo.ErrDataLoss](err)
	return ok
}
