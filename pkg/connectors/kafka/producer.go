package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// producer writes one topic with one round of appends in flight: what arrives during
// a round makes up the next (group commit). A topic of its own, so that one that
// is missing holds up no other.
type producer struct {
	log    *Log
	topic  eventlog.Topic
	client *kgo.Client
	stop   context.CancelFunc
	ended  chan struct{}

	mu    sync.Mutex
	queue []*appending
	// since is when the first of queue came.
	since time.Time
	// records and bytes count the queue and the round under way.
	records int
	bytes   int
	closed  bool
	// goal is how many of queue are worth no more waiting.
	goal int
	// more has a token when the queue got its first entry, enough when it has goal.
	// room is closed, and replaced, when a round ended.
	more   chan struct{}
	enough chan struct{}
	room   chan struct{}

	// Of the run goroutine:
	partitions int32
	gather     gather

	roundRecords prometheus.Observer
	roundSeconds prometheus.Observer
	refused      prometheus.Counter
	unknown      prometheus.Counter
	waiting      prometheus.Gauge
}

// appending is one append, from the call to done.
type appending struct {
	partition int32
	record    events.Record
	size      int
	done      func(int32, int64, error)
	// finished: done was called, or is being.
	finished atomic.Bool
	// unwatch ends the watch over the append's context; nil where there is none.
	unwatch func() bool
}

// finish calls done unless that was done before.
func (p *producer) finish(a *appending, partition int32, offset int64, err error) {
	if !a.finished.CompareAndSwap(false, true) {
		return
	}
	switch {
	case errors.Is(err, eventlog.ErrRefused):
		p.refused.Inc()
	case err != nil:
		p.unknown.Inc()
	}
	a.done(partition, offset, err)
}

func newProducer(l *Log, t eventlog.Topic) (*producer, error) {
	client, err := l.opts.client(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(l.opts.BufferRecords),
		kgo.ProducerBatchMaxBytes(eventlog.MaxRecordBytes),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		// A record is given up for the record itself only; everything else waits.
		kgo.UnknownTopicRetries(-1),
		kgo.ProducerOnDataLossDetected(func(name string, partition int32) {
			l.opts.Log.Error("the log lost records that it had acknowledged", "topic", name, "partition", partition)
		}),
	)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &producer{
		log: l, topic: t, client: client, stop: stop, ended: make(chan struct{}),
		more: make(chan struct{}, 1), enough: make(chan struct{}, 1), room: make(chan struct{}),
		gather:       gather{limit: l.opts.GatherWait},
		roundRecords: l.metrics.roundRecords.WithLabelValues(string(t)), roundSeconds: l.metrics.roundSeconds.WithLabelValues(string(t)),
		refused: l.metrics.refused.WithLabelValues(string(t)), unknown: l.metrics.unknown.WithLabelValues(string(t)),
		waiting: l.metrics.waiting.WithLabelValues(string(t)),
	}
	go p.run(ctx)
	return p, nil
}

// append queues; it blocks while the buffer is full.
func (p *producer) append(ctx context.Context, a *appending) {
	if ctx.Done() != nil {
		a.unwatch = context.AfterFunc(ctx, func() { p.finish(a, a.partition, -1, unknown(ctx.Err())) })
	}
	if err := p.admit(ctx, a); err != nil {
		go p.finish(a, a.partition, -1, err)
	}
}

// admit puts an append into the queue once there is room for it. An oversized one
// takes none: it is refused when its turn comes.
func (p *producer) admit(ctx context.Context, a *appending) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && ctx.Err() == nil && !p.fits(a) {
		room := p.room
		p.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
		p.mu.Lock()
	}
	switch {
	case p.closed:
		return unknown(eventlog.ErrClosed)
	case ctx.Err() != nil:
		return unknown(ctx.Err())
	}
	if a.size <= eventlog.MaxRecordBytes {
		p.bytes += a.size
	}
	p.records++
	p.queue = append(p.queue, a)
	if len(p.queue) == 1 {
		p.since = time.Now()
		signal(p.more)
	}
	if len(p.queue) == p.goal {
		signal(p.enough)
	}
	return nil
}

func (p *producer) fits(a *appending) bool {
	return p.records < p.log.opts.BufferRecords && (a.size > eventlog.MaxRecordBytes || p.bytes+a.size <= p.log.opts.BufferBytes)
}

// signal leaves a token for who waits, if there is none yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func unknown(err error) error { return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err) }

func (p *producer) queued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// aim has enough signalled when the queue reaches the goal, and says how long it is
// and since when.
func (p *producer) aim(goal int) (int, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.goal = goal
	select { // a token for an earlier goal says nothing
	case <-p.enough:
	default:
	}
	return len(p.queue), p.since
}

func (p *producer) take() []*appending {
	p.mu.Lock()
	defer p.mu.Unlock()
	round := p.queue
	p.queue = make([]*appending, 0, len(round))
	return round
}

// release makes room for as much as the round took.
func (p *producer) release(round []*appending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range round {
		if a.size <= eventlog.MaxRecordBytes {
			p.bytes -= a.size
		}
	}
	p.records -= len(round)
	close(p.room)
	p.room = make(chan struct{})
}

// close ends it; what is not written yet ends as ErrUnknown.
func (p *producer) close() {
	p.mu.Lock()
	p.closed = true
	close(p.room)
	p.room = make(chan struct{})
	p.mu.Unlock()
	p.stop()
	p.client.Close() // answers what is under way
	<-p.ended
	for _, a := range p.take() {
		p.end(a, a.partition, -1, unknown(eventlog.ErrClosed))
	}
}

// end finishes an append that was queued.
func (p *producer) end(a *appending, partition int32, offset int64, err error) {
	if a.unwatch != nil {
		a.unwatch()
	}
	p.finish(a, partition, offset, err)
}
