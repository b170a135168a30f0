package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"annal/pkg/eventlog"
)

// member is a membership apart from reading: its client is in the group and never
// fetches (docs/decisions/0003).
type member struct {
	log      *Log
	group    string
	topic    string
	instance string
	ended    context.Context
	stop     context.CancelFunc

	mu       sync.Mutex
	client   *kgo.Client
	handler  eventlog.Handler
	assigned map[int32]bool
}

// Join is eventlog.Log's.
func (l *Log) Join(_ context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	ended, stop := context.WithCancel(context.Background())
	m := &member{
		log: l, group: l.opts.Prefix + group, topic: l.opts.topic(t), instance: instance,
		ended: ended, stop: stop, assigned: map[int32]bool{},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		stop()
		return nil, eventlog.ErrClosed
	}
	l.members[m] = struct{}{}
	return m, nil
}

// Run is eventlog.Membership's.
func (m *member) Run(ctx context.Context, h eventlog.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ended, cancel)()
	opts := m.log.opts
	kopts := []kgo.Opt{
		kgo.ConsumerGroup(m.group),
		kgo.ConsumeTopics(m.topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(opts.SessionTimeout),
		kgo.HeartbeatInterval(opts.SessionTimeout / 4),
		kgo.RebalanceTimeout(opts.DrainTimeout + opts.SessionTimeout),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumeStartOffset(kgo.NewOffset().At(0)),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, ps map[string][]int32) { m.onAssigned(ctx, c, ps[m.topic]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.onRevoked(ps[m.topic]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.onLost(ps[m.topic]) }),
	}
	if m.instance != "" {
		kopts = append(kopts, kgo.InstanceID(m.instance))
	}
	m.mu.Lock()
	m.handler = h
	m.mu.Unlock()
	client, err := opts.client(kopts...)
	if err != nil {
		return err
	}
	client.PauseFetchTopics(m.topic)
	m.mu.Lock()
	m.client = client
	m.mu.Unlock()
	err = m.poll(ctx, client)
	// Released before leaving, while commits still work.
	m.onRevoked(m.partitions())
	client.Close()
	return err
}

// poll keeps the client going until ctx ends. Nothing is fetched; what comes are errors.
func (m *member) poll(ctx context.Context, client *kgo.Client) error {
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, kerr.FencedInstanceID) {
				return fmt.Errorf("%w: group %s, instance %s", eventlog.ErrFenced, m.group, m.instance)
			}
			m.log.opts.Log.Warn("group trouble", "group", m.group, "error", e.Err)
		}
	}
}

func (m *member) partitions() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ps []int32
	for p := range m.assigned {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}

// onAssigned learns the commits and hands the partitions over. Callbacks of the
// client come one at a time, so calls of the handler do too.
func (m *member) onAssigned(ctx context.Context, client *kgo.Client, ps []int32) {
	if len(ps) == 0 {
		return
	}
	offsets, ok := m.fetchCommits(ctx, client)
	if !ok {
		return
	}
	slices.Sort(ps)
	m.mu.Lock()
	for _, p := range ps {
		m.assigned[p] = true
	}
	h := m.handler
	m.mu.Unlock()
	for _, p := range ps {
		c := eventlog.Claim{Partition: p, Offset: -1}
		if o, ok := offsets.Lookup(m.topic, p); ok && o.At >= 0 {
			c.Offset, c.Metadata = o.At, o.Metadata
		}
		h.Claimed(c)
	}
}

func (m *member) fetchCommits(ctx context.Context, client *kgo.Client) (kadm.OffsetResponses, bool) {
	for try := 0; ; try++ {
		offsets, err := kadm.NewClient(client).FetchOffsetsForTopics(ctx, m.group, m.topic)
		if err == nil {
			err = offsets.Error()
		}
		if err == nil {
			return offsets, true
		}
		if ctx.Err() != nil {
			return nil, false
		}
		m.log.opts.Log.Warn("cannot fetch the group's commits", "group", m.group, "error", err)
		pause(ctx, backoff(try))
	}
}

func (m *member) onRevoked(ps []int32) {
	if len(ps) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.log.opts.DrainTimeout)
	defer cancel()
	m.mu.Lock()
	h := m.handler
	m.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range ps {
		if !m.isAssigned(p) {
			continue
		}
		wg.Go(func() {
			h.Released(ctx, p)
			m.forget(p)
		})
	}
	wg.Wait()
}

func (m *member) onLost(ps []int32) {
	for _, p := range ps {
		if m.isAssigned(p) {
			m.forget(p)
			m.handler.Lost(p)
		}
	}
}

func (m *member) isAssigned(p int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.assigned[p]
}

func (m *member) forget(p int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.assigned, p)
}

// Commit is eventlog.Membership's. The generation is read before the assignment is
// looked at, so a commit that succeeds was made in a generation that holds p.
func (m *member) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	if len(metadata) > eventlog.MaxMetadataBytes {
		return fmt.Errorf("kafka: commit metadata has %d bytes, limit %d", len(metadata), eventlog.MaxMetadataBytes)
	}
	for try := 0; ; try++ {
		err := m.commit(ctx, partition, offset, metadata)
		if err == nil || !kerr.IsRetriable(err) && !errors.Is(err, kerr.RebalanceInProgress) {
			return err
		}
		if try >= 5 {
			return fmt.Errorf("kafka: commit: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kafka: commit: %w", ctx.Err())
		case <-time.After(backoff(try)):
		}
	}
}

func (m *member) commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	m.mu.Lock()
	client, assigned := m.client, m.assigned[partition]
	m.mu.Unlock()
	if client == nil || !assigned {
		return fmt.Errorf("%w: %s/%d", eventlog.ErrNotAssigned, m.topic, partition)
	}
	memberID, generation := client.GroupMetadata()
	if !m.isAssigned(partition) {
		return fmt.Errorf("%w: %s/%d", eventlog.ErrNotAssigned, m.topic, partition)
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.MemberID = m.group, generation, memberID
	if m.instance != "" {
		req.InstanceID = &m.instance
	}
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.Metadata = partition, offset, &metadata
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.Partitions = m.topic, []kmsg.OffsetCommitRequestTopicPartition{p}
	req.Topics = []kmsg.OffsetCommitRequestTopic{t}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("kafka: commit: %w", err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errors.New("kafka: commit: the answer names other partitions than asked")
	}
	err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	switch {
	case errors.Is(err, kerr.IllegalGeneration), errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.FencedInstanceID):
		return fmt.Errorf("%w: %s/%d: %w", eventlog.ErrNotAssigned, m.topic, partition, err)
	case err != nil:
		return fmt.Errorf("kafka: commit: %w", err)
	}
	return nil
}
