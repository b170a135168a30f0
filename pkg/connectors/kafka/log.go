package kafka

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Log is an eventlog.Log on Kafka. It keeps one producer per topic and as few
// fetching clients as it can, since Kafka's cost is per request.
type Log struct {
	opts    Options
	metrics *metrics
	cluster string
	client  *kgo.Client
	admin   *kadm.Client

	mu         sync.Mutex
	closed     bool
	producers  map[eventlog.Topic]*producer
	lanes      []*lane
	members    map[*member]struct{}
	partitions map[eventlog.Topic]int32
}

var _ eventlog.Log = (*Log)(nil)

// Open connects and learns the cluster's id. Topics are not looked at: see CheckTopics.
func Open(ctx context.Context, opts Options) (*Log, error) {
	opts = opts.withDefaults()
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	client, err := opts.client()
	if err != nil {
		return nil, err
	}
	l := &Log{
		opts: opts, metrics: newMetrics(opts.Metrics), client: client, admin: kadm.NewClient(client),
		producers: map[eventlog.Topic]*producer{},
		members:   map[*member]struct{}{}, partitions: map[eventlog.Topic]int32{}, cluster: opts.ClusterID,
	}
	meta, err := l.admin.BrokerMetadata(ctx)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("kafka: no answer from %v: %w", opts.Seeds, err)
	}
	if l.cluster == "" {
		l.cluster = meta.Cluster
	}
	return l, nil
}

// Cluster is the cluster's id.
func (l *Log) Cluster() string { return l.cluster }

// Partitions counts a topic's partitions; the count never changes (see CheckTopics).
func (l *Log) Partitions(ctx context.Context, t eventlog.Topic) (int32, error) {
	l.mu.Lock()
	n := l.partitions[t]
	l.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	name := l.opts.topic(t)
	details, err := l.admin.ListTopics(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("kafka: %s: %w", name, err)
	}
	d := details[name]
	if d.Err != nil {
		return 0, fmt.Errorf("kafka: %s: %w", name, d.Err)
	}
	n = int32(len(d.Partitions))
	l.mu.Lock()
	l.partitions[t] = n
	l.mu.Unlock()
	return n, nil
}

// Append is eventlog.Log's.
func (l *Log) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	p, err := l.producer(t)
	if err != nil {
		go done(partition, -1, unknown(err))
		return
	}
	p.append(ctx, &appending{partition: partition, record: r, size: eventlog.Size(r), done: done})
}

func (l *Log) producer(t eventlog.Topic) (*producer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, eventlog.ErrClosed
	}
	if p := l.producers[t]; p != nil {
		return p, nil
	}
	p, err := newProducer(l, t)
	if err != nil {
		return nil, err
	}
	l.producers[t] = p
	return p, nil
}

// Close ends memberships, cursors and producers.
func (l *Log) Close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	producers, lanes, members := l.producers, l.lanes, l.members
	l.producers, l.lanes, l.members = nil, nil, nil
	l.mu.Unlock()
	for m := range members {
		m.stop()
	}
	for _, n := range lanes {
		n.close()
	}
	for _, p := range producers {
		p.close()
	}
	l.client.Close()
}
