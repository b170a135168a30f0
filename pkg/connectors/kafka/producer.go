package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// producer writes one topic with one round of appends in flight: what arrives during
// a round makes up the next. Under load this alone batches well, and a quiet log
// pays no wait (franz-go's own linger would add 10 ms to each hop).
type producer struct {
	opts   Options
	topic  string
	client *kgo.Client
	stop   context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	queue  []appending
	bytes  int
	closed bool
	// more is signalled when the queue gets its first entry, room (by closing and
	// replacing) when a round took the queue.
	more chan struct{}
	room chan struct{}

	rounds  prometheus.Observer
	seconds prometheus.Observer
	refused prometheus.Counter
}

type appending struct {
	record *kgo.Record
	done   func(int32, int64, error)
}

// largeRound is from how many records on the next round waits for more to join.
const largeRound = 32

func newProducer(opts Options, m *metrics, t eventlog.Topic) (*producer, error) {
	name := opts.topic(t)
	client, err := opts.client(
		kgo.DefaultProduceTopic(name),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(2*opts.BufferRecords),
		kgo.ProducerBatchMaxBytes(eventlog.MaxRecordBytes),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		// A record is given up for the record itself only; everything else waits.
		kgo.UnknownTopicRetries(-1),
	)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &producer{
		opts: opts, topic: name, client: client, stop: stop, ended: make(chan struct{}),
		more: make(chan struct{}, 1), room: make(chan struct{}),
		rounds: m.roundRecords.WithLabelValues(string(t)), seconds: m.roundSeconds.WithLabelValues(string(t)),
		refused: m.refused.WithLabelValues(string(t)),
	}
	go p.run(ctx)
	return p, nil
}

func (p *producer) append(ctx context.Context, partition int32, r events.Record, done func(int32, int64, error)) {
	size := eventlog.Size(r)
	if size > eventlog.MaxRecordBytes {
		p.refused.Inc()
		done(partition, -1, fmt.Errorf("%w: %d bytes, limit %d", eventlog.ErrRefused, size, eventlog.MaxRecordBytes))
		return
	}
	record := &kgo.Record{Topic: p.topic, Partition: partition, Key: r.Key, Value: r.Value, Headers: make([]kgo.RecordHeader, len(r.Headers))}
	for i, h := range r.Headers {
		record.Headers[i] = kgo.RecordHeader{Key: h.Name, Value: h.Value}
	}
	p.mu.Lock()
	for !p.closed && (len(p.queue) >= p.opts.BufferRecords || p.bytes+size > p.opts.BufferBytes) {
		room := p.room
		p.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			done(partition, -1, fmt.Errorf("%w: %w", eventlog.ErrUnknown, ctx.Err()))
			return
		}
		p.mu.Lock()
	}
	if p.closed {
		p.mu.Unlock()
		done(partition, -1, fmt.Errorf("%w: %w", eventlog.ErrUnknown, eventlog.ErrClosed))
		return
	}
	p.queue = append(p.queue, appending{record, done})
	p.bytes += size
	first := len(p.queue) == 1
	p.mu.Unlock()
	if first {
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

func (p *producer) run(ctx context.Context) {
	defer close(p.ended)
	last := 0
	for {
		select {
		case <-p.more:
		case <-ctx.Done():
			return
		}
		if last >= largeRound {
			pause(ctx, p.opts.GatherWait)
		}
		round := p.take()
		last = len(round)
		if last == 0 {
			continue
		}
		start := time.Now()
		for _, a := range round {
			p.client.Produce(ctx, a.record, func(r *kgo.Record, err error) { a.done(r.Partition, r.Offset, appendError(err)) })
		}
		// Flush ends early only with ctx; then the records' own errors tell.
		_ = p.client.Flush(ctx)
		p.rounds.Observe(float64(last))
		p.seconds.Observe(time.Since(start).Seconds())
	}
}

func (p *producer) take() []appending {
	p.mu.Lock()
	defer p.mu.Unlock()
	round := p.queue
	p.queue = make([]appending, 0, len(round))
	p.bytes = 0
	close(p.room)
	p.room = make(chan struct{})
	return round
}

// appendError tells a record the log will never take from one whose fate is unknown.
func appendError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge), errors.Is(err, kerr.InvalidRecord):
		return fmt.Errorf("%w: %w", eventlog.ErrRefused, err)
	default:
		return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
	}
}

func (p *producer) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	<-p.ended
	p.client.Close()
	for _, a := range p.take() {
		a.done(a.record.Partition, -1, fmt.Errorf("%w: %w", eventlog.ErrUnknown, eventlog.ErrClosed))
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
