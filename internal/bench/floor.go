package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// The floor is the least that any system of this shape pays: produce, a relay that
// produces again, consume. No rules, no view, no sockets.

const (
	// floorPartitions is how many partitions the floor's topics have, as in annal dev.
	floorPartitions = 4
	// payloadBytes is the size of a payload, as of a short chat message with its envelope.
	payloadBytes = 300
	// floorMost bounds the floor at most: the embedded log holds all of it in memory.
	floorMost = 300_000
	// floorTimeout bounds creating and deleting the topics.
	floorTimeout = 30 * time.Second
)

// floorLoads are what the floor is measured under.
func floorLoads() []Load {
	return []Load{{InFlight: 1}, {InFlight: 64}, {InFlight: 1024}, open(1000), open(5000), {InFlight: openInFlight, Most: floorMost}}
}

// floor measures two plain hops through Kafka.
func floor(ctx context.Context, seeds []string, span time.Duration, report func(Result)) (err error) {
	suffix := fmt.Sprintf("-%d", time.Now().UnixNano())
	topics := [2]string{"floor-a" + suffix, "floor-b" + suffix}
	remove, err := makeTopics(ctx, seeds, topics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	h, err := newHops(seeds, topics)
	if err != nil {
		return err
	}
	defer h.close()
	running, stop := context.WithCancel(ctx)
	var group errgroup.Group
	defer func() { err = errors.Join(err, group.Wait()) }()
	defer stop()
	group.Go(func() error { return h.runRelay(running) })
	group.Go(func() error { return h.runConsumer(running) })
	for _, l := range floorLoads() {
		name := "floor: two plain hops, " + l.String()
		r, err := measure(ctx, name, l, span, h.start)
		if err != nil {
			return err
		}
		report(r)
	}
	return nil
}

// makeTopics creates the topics; remove deletes them.
func makeTopics(ctx context.Context, seeds []string, topics [2]string) (remove func() error, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	admin := kadm.NewClient(client)
	ask, cancel := context.WithTimeout(ctx, floorTimeout)
	defer cancel()
	created, err := admin.CreateTopics(ask, floorPartitions, 1, nil, topics[:]...)
	if err == nil {
		err = created.Error()
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("bench: the floor's topics: %w", err)
	}
	return func() error {
		defer client.Close()
		ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), floorTimeout)
		defer cancel()
		if _, err := admin.DeleteTopics(ask, topics[:]...); err != nil {
			return fmt.Errorf("bench: the floor's topics: %w", err)
		}
		return nil
	}, nil
}

// twoHops carries payloads that begin with when they were due, in Unix nanoseconds.
type twoHops struct {
	topics                  [2]string
	produce, relay, consume *kgo.Client
	// meter is of the measurement under way; the ones before it are drained.
	meter atomic.Pointer[meter]
}

func newHops(seeds []string, topics [2]string) (*twoHops, error) {
	h := &twoHops{topics: topics}
	common := []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.MetadataMinAge(50 * time.Millisecond), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(2 * openInFlight),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.FetchMaxWait(100 * time.Millisecond),
	}
	from := func(topic string) []kgo.Opt {
		return append(common[:len(common):len(common)], kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	}
	var errs [3]error
	h.produce, errs[0] = kgo.NewClient(common...)
	h.relay, errs[1] = kgo.NewClient(from(topics[0])...)
	h.consume, errs[2] = kgo.NewClient(from(topics[1])...)
	if err := errors.Join(errs[:]...); err != nil {
		h.close()
		return nil, fmt.Errorf("bench: %w", err)
	}
	return h, nil
}

func (h *twoHops) close() {
	for _, c := range []*kgo.Client{h.produce, h.relay, h.consume} {
		if c != nil {
			c.Close()
		}
	}
}

func (h *twoHops) start(m *meter, due time.Time) {
	h.meter.Store(m)
	value := make([]byte, payloadBytes)
	binary.BigEndian.PutUint64(value, uint64(due.UnixNano()))
	h.produce.Produce(m.ctx, &kgo.Record{Topic: h.topics[0], Value: value}, h.produced)
}

// produced fails the measurement when a record was lost on either hop.
func (h *twoHops) produced(_ *kgo.Record, err error) {
	if err != nil {
		h.failed(err)
	}
}

func (h *twoHops) failed(err error) {
	if m := h.meter.Load(); m != nil {
		m.fail(fmt.Errorf("bench: floor: %w", err))
	}
}

func (h *twoHops) runRelay(ctx context.Context) error {
	return h.poll(ctx, h.relay, func(r *kgo.Record) {
		h.relay.Produce(ctx, &kgo.Record{Topic: h.topics[1], Value: r.Value}, h.produced)
	})
}

func (h *twoHops) runConsumer(ctx context.Context) error {
	return h.poll(ctx, h.consume, func(r *kgo.Record) {
		h.meter.Load().done(time.Unix(0, int64(binary.BigEndian.Uint64(r.Value))))
	})
}

func (h *twoHops) poll(ctx context.Context, c *kgo.Client, each func(*kgo.Record)) error {
	for {
		fetches := c.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			h.failed(err)
			return fmt.Errorf("bench: floor: %w", err)
		}
		fetches.EachRecord(each)
	}
}
