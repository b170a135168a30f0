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
)

// run writes round after round.
func (p *producer) run(ctx context.Context) {
	defer close(p.ended)
	for {
		select {
		case <-p.more:
		case <-ctx.Done():
			return
		}
		if p.partitions == 0 && !p.learn(ctx) {
			return
		}
		p.gatherMore(ctx)
		if round := p.take(); len(round) > 0 {
			p.write(ctx, round)
		}
	}
}

// learn waits until the topic is there and tells its partitions.
func (p *producer) learn(ctx context.Context) bool {
	defer p.watch(time.Now(), p.queued())()
	for try := 0; ctx.Err() == nil; try++ {
		n, err := p.log.Partitions(ctx, p.topic)
		if err == nil {
			p.partitions = n
			return true
		}
		p.log.opts.Log.Warn("appends wait for the topic", "topic", p.topic, "error", err)
		pause(ctx, backoff(try))
	}
	return false
}

// gatherMore lets the first of the queue wait for others to join its round.
func (p *producer) gatherMore(ctx context.Context) {
	wait, goal := p.gather.wait()
	if wait <= 0 {
		return
	}
	n, since := p.aim(goal)
	if wait -= time.Since(since); n >= goal || wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.enough:
	case <-ctx.Done():
	}
}

// write sends a round and waits until all of it is answered, however long it takes.
func (p *producer) write(ctx context.Context, round []*appending) {
	start := time.Now()
	defer p.watch(start, len(round))()
	now := p.log.opts.Now()
	// What came before the first answer came on its own.
	var answered sync.Once
	var came int
	var flew time.Duration
	for _, a := range round {
		if a.finished.Load() { // its context ended in time
			continue
		}
		record, err := p.record(a, now)
		if err != nil {
			p.end(a, a.partition, -1, err)
			continue
		}
		p.client.Produce(ctx, record, func(r *kgo.Record, err error) {
			answered.Do(func() { came, flew = p.queued(), time.Since(start) })
			p.end(a, r.Partition, r.Offset, appendError(err))
		})
	}
	// Flush ends early only with ctx; then the records' own answers tell.
	_ = p.client.Flush(ctx)
	took := time.Since(start)
	answered.Do(func() { flew = took })
	p.gather.flown(len(round), came, flew)
	p.release(round)
	p.roundRecords.Observe(float64(len(round)))
	p.roundSeconds.Observe(took.Seconds())
}

// record makes the record as franz-go wants it, or tells why the log never takes it.
func (p *producer) record(a *appending, now time.Time) (*kgo.Record, error) {
	if a.size > eventlog.MaxRecordBytes {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", eventlog.ErrRefused, a.size, eventlog.MaxRecordBytes)
	}
	partition := a.partition
	if partition == eventlog.ByKey {
		partition = eventlog.KeyPartition(a.record.Key, p.partitions)
	}
	if partition < 0 || partition >= p.partitions {
		return nil, fmt.Errorf("%w: %s has %d partitions, none is %d", eventlog.ErrRefused, p.topic, p.partitions, partition)
	}
	headers := make([]kgo.RecordHeader, len(a.record.Headers))
	for i, h := range a.record.Headers {
		headers[i] = kgo.RecordHeader{Key: h.Name, Value: h.Value}
	}
	return &kgo.Record{
		Topic: p.log.opts.topic(p.topic), Partition: partition, Timestamp: now,
		Key: a.record.Key, Value: a.record.Value, Headers: headers,
	}, nil
}

// appendError tells a record the log will never take from one whose fate is
// unknown. A batch that the brokers find too large is no record's fault: each was
// measured against the limit that CheckTopics asks of the topic.
func appendError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.InvalidRecord):
		return fmt.Errorf("%w: %w", eventlog.ErrRefused, err)
	default:
		return unknown(err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
