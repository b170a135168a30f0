package eventlog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
)

// MemoryOptions are a Memory's. The zero value is right for most tests.
type MemoryOptions struct {
	// Cluster is the cluster id; "memory" when empty.
	Cluster string
	// Partitions of every topic; 4 when 0.
	Partitions int32
	// Now is the broker's clock; the system's when nil.
	Now func() events.Millis
	// MaxRecordBytes is the limit of a record's Size; MaxRecordBytes when 0.
	MaxRecordBytes int
	// MaxInFlight bounds the appends whose done was not called yet; 4096 when 0.
	MaxInFlight int
	// SessionTimeout is for how long a static member that left keeps its
	// partitions; 6 s when 0.
	SessionTimeout time.Duration
	// DrainTimeout bounds Handler.Released; 5 s when 0.
	DrainTimeout time.Duration
}

func (o *MemoryOptions) setDefaults() {
	if o.Cluster == "" {
		o.Cluster = "memory"
	}
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	if o.Now == nil {
		o.Now = func() events.Millis { return events.Millis(time.Now().UnixMilli()) }
	}
	if o.MaxRecordBytes == 0 {
		o.MaxRecordBytes = MaxRecordBytes
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 4096
	}
	if o.SessionTimeout == 0 {
		o.SessionTimeout = 6 * time.Second
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 5 * time.Second
	}
}

// Memory is a cluster in memory, for tests and for systems of one process. It
// waits on channels only, so it works under testing/synctest; timers run for the
// timeouts of the options alone. A topic exists once it is named. Client makes
// further Logs of the same cluster, as other processes would have.
type Memory struct {
	*memoryClient
	cluster *memoryCluster
}

var _ Log = (*Memory)(nil)

// NewMemory makes an empty cluster and a first client of it.
func NewMemory(o MemoryOptions) *Memory {
	o.setDefaults()
	c := &memoryCluster{opts: o, topics: map[Topic][]*memoryPartition{}, groups: map[string]*memoryGroup{}}
	return &Memory{memoryClient: newMemoryClient(c), cluster: c}
}

// Client makes another Log of the same cluster, to be closed by itself.
func (m *Memory) Client() Log { return newMemoryClient(m.cluster) }

// Trim removes a partition's records below before, as retention does.
func (m *Memory) Trim(t Topic, partition int32, before int64) {
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	p := m.cluster.topic(t)[partition]
	if n := min(before, p.end()) - p.start; n > 0 {
		p.records = slices.Clone(p.records[n:])
		p.start += n
	}
}

// memoryCluster is what all clients share.
type memoryCluster struct {
	opts   MemoryOptions
	mu     sync.Mutex
	topics map[Topic][]*memoryPartition
	groups map[string]*memoryGroup
	joined int
}

type memoryPartition struct {
	start   int64
	records []Record
	// grown is closed, and replaced, when a record is added.
	grown chan struct{}
}

func (p *memoryPartition) end() int64 { return p.start + int64(len(p.records)) }

// topic gives a topic's partitions, making it when it is new. mu is held.
func (c *memoryCluster) topic(t Topic) []*memoryPartition {
	ps := c.topics[t]
	if ps == nil {
		ps = make([]*memoryPartition, c.opts.Partitions)
		for i := range ps {
			ps[i] = &memoryPartition{grown: make(chan struct{})}
		}
		c.topics[t] = ps
	}
	return ps
}

func (c *memoryCluster) partition(t Topic, partition int32) (*memoryPartition, error) {
	if partition < 0 || partition >= c.opts.Partitions {
		return nil, fmt.Errorf("eventlog: %s has no partition %d", t, partition)
	}
	return c.topic(t)[partition], nil
}

// memoryClient is one process's Log.
type memoryClient struct {
	cluster *memoryCluster
	// slots bounds calls: who holds one may send without blocking.
	slots  chan struct{}
	calls  chan func()
	closed chan struct{}
	once   sync.Once
}

func newMemoryClient(c *memoryCluster) *memoryClient {
	m := &memoryClient{
		cluster: c,
		slots:   make(chan struct{}, c.opts.MaxInFlight),
		calls:   make(chan func(), c.opts.MaxInFlight),
		closed:  make(chan struct{}),
	}
	go m.call()
	return m
}

// call runs done functions, in the order of the appends, until the log is closed
// and what was appended before is answered.
func (m *memoryClient) call() {
	for {
		select {
		case f := <-m.calls:
			<-m.slots
			f()
		case <-m.closed:
			for { // Close took mu: whatever was written stands in calls
				select {
				case f := <-m.calls:
					f()
				default:
					return
				}
			}
		}
	}
}

// Cluster is the id given in the options.
func (m *memoryClient) Cluster() string { return m.cluster.opts.Cluster }

// Partitions is the same for every topic.
func (m *memoryClient) Partitions(ctx context.Context, _ Topic) (int32, error) {
	return m.cluster.opts.Partitions, ctx.Err()
}

// Append writes at once; done is called from the log's goroutine.
func (m *memoryClient) Append(ctx context.Context, t Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	select {
	case m.slots <- struct{}{}:
	case <-ctx.Done():
		go done(partition, -1, unknown(ctx.Err()))
		return
	case <-m.closed:
		go done(partition, -1, unknown(ErrClosed))
		return
	}
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	if m.isClosed() {
		<-m.slots
		go done(partition, -1, unknown(ErrClosed))
		return
	}
	partition, offset, err := m.write(ctx, t, partition, r)
	m.calls <- func() { done(partition, offset, err) }
}

func unknown(err error) error { return fmt.Errorf("%w: %w", ErrUnknown, err) }

func (m *memoryClient) isClosed() bool {
	select {
	case <-m.closed:
		return true
	default:
		return false
	}
}

func (m *memoryClient) write(ctx context.Context, t Topic, partition int32, r events.Record) (int32, int64, error) {
	c := m.cluster
	if partition == ByKey {
		partition = KeyPartition(r.Key, c.opts.Partitions)
	}
	if err := ctx.Err(); err != nil {
		return partition, -1, unknown(err)
	}
	if n := Size(r); n > c.opts.MaxRecordBytes {
		return partition, -1, fmt.Errorf("%w: %d bytes, limit %d", ErrRefused, n, c.opts.MaxRecordBytes)
	}
	p, err := c.partition(t, partition)
	if err != nil {
		return partition, -1, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	offset := p.end()
	p.records = append(p.records, Record{Record: clone(r), Topic: t, Partition: partition, Offset: offset, Time: c.opts.Now()})
	close(p.grown)
	p.grown = make(chan struct{})
	return partition, offset, nil
}

// clone keeps the log apart from buffers that the caller uses again.
func clone(r events.Record) events.Record {
	c := events.Record{Key: slices.Clone(r.Key), Value: slices.Clone(r.Value), Headers: slices.Clone(r.Headers)}
	for i := range c.Headers {
		c.Headers[i].Value = slices.Clone(c.Headers[i].Value)
	}
	return c
}

// Bounds gives the first offset and the one after the last.
func (m *memoryClient) Bounds(ctx context.Context, t Topic, partition int32) (start, end int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	p, err := m.cluster.partition(t, partition)
	if err != nil {
		return 0, 0, err
	}
	return p.start, p.end(), nil
}

// Close ends cursors and memberships of this client.
func (m *memoryClient) Close() {
	m.once.Do(func() {
		m.cluster.mu.Lock()
		defer m.cluster.mu.Unlock()
		close(m.closed)
	})
}
