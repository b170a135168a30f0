package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"annal/pkg/eventlog"
)

// member is a membership apart from reading: its client is in the group and never
// fetches (docs/decisions/0003). franz-go calls its hooks one at a time, so the
// handler's calls come so too.
type member struct {
	log      *Log
	group    string
	topic    string
	instance string
	// partitions are how many the topic had when this process began; keys go to no other.
	partitions int32
	ended      context.Context
	stop       context.CancelFunc

	mu     sync.Mutex
	client *kgo.Client // nil unless Run runs
	// assigned are the partitions whose Claimed was called, until Released returned
	// or Lost is called.
	assigned map[int32]bool
}

// heartbeats are how many go into a session timeout. Members hear of a rebalance
// by them, so they are what moving a partition waits for, twice.
const heartbeats = 12

// Commits is eventlog.Log's.
func (l *Log) Commits(ctx context.Context, group string, t eventlog.Topic) ([]eventlog.Claim, error) {
	found, err := l.admin.FetchOffsets(ctx, l.opts.Prefix+group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: commits of %s: %w", group, err)
	}
	var claims []eventlog.Claim
	for p, o := range found[l.opts.topic(t)] {
		if o.Err != nil {
			return nil, fmt.Errorf("kafka: commits of %s, partition %d: %w", group, p, o.Err)
		}
		claims = append(claims, eventlog.Claim{Partition: p, Offset: o.At, Metadata: o.Metadata})
	}
	slices.SortFunc(claims, func(a, b eventlog.Claim) int { return cmp.Compare(a.Partition, b.Partition) })
	return claims, nil
}

// Join is eventlog.Log's.
func (l *Log) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	n, err := l.Partitions(ctx, t)
	if err != nil {
		return nil, err
	}
	ended, stop := context.WithCancel(context.Background())
	m := &member{
		log: l, group: l.opts.Prefix + group, topic: l.opts.topic(t), instance: instance, partitions: n,
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
	if m.ended.Err() != nil {
		return eventlog.ErrClosed
	}
	client, err := m.enter(h)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ended, cancel)()
	if err = m.poll(ctx, client); err == nil {
		m.leave(client)
	}
	client.Close()
	m.mu.Lock()
	m.client = nil
	m.mu.Unlock()
	if err == nil && m.ended.Err() != nil {
		return eventlog.ErrClosed
	}
	return err
}

func (m *member) enter(h eventlog.Handler) (*kgo.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client != nil {
		return nil, fmt.Errorf("kafka: member of %s runs already", m.group)
	}
	opts := m.log.opts
	// From version 10 on a commit names topics by id, which we don't have.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.OffsetCommit), 9)
	kopts := []kgo.Opt{
		kgo.MaxVersions(versions),
		kgo.ConsumerGroup(m.group),
		kgo.ConsumeTopics(m.topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(opts.SessionTimeout),
		kgo.HeartbeatInterval(opts.SessionTimeout / heartbeats),
		kgo.RebalanceTimeout(opts.DrainTimeout + opts.SessionTimeout),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumeStartOffset(kgo.NoResetOffset().At(0)),
		kgo.OnOffsetsFetched(func(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error { return m.claim(h, resp) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.release(h, ps[m.topic]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.lose(h, ps[m.topic]) }),
	}
	if m.instance != "" {
		kopts = append(kopts, kgo.InstanceID(m.instance))
	}
	client, err := opts.client(kopts...)
	if err != nil {
		return nil, err
	}
	client.PauseFetchTopics(m.topic)
	m.client = client
	return client, nil
}

// leave has everything released while commits still work, and leaves the group
// unless the member is static.
func (m *member) leave(client *kgo.Client) {
	const goodbye = 2 * time.Second // for the request to leave
	ctx, cancel := context.WithTimeout(context.Background(), m.log.opts.DrainTimeout+goodbye)
	defer cancel()
	if err := client.LeaveGroupContext(ctx); err != nil {
		m.log.opts.Log.Warn("the group takes a member for present until its session times out", "group", m.group, "error", err)
	}
}

// poll waits for ctx to end or for an error that no further try can mend. Nothing
// is fetched; what comes are errors.
func (m *member) poll(ctx context.Context, client *kgo.Client) error {
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			if err := m.fatal(e.Err); err != nil {
				return err
			}
			m.log.opts.Log.Warn("group trouble", "group", m.group, "error", e.Err)
		}
	}
}

func (m *member) fatal(err error) error {
	if errors.Is(err, kerr.FencedInstanceID) {
		return fmt.Errorf("%w: group %s, instance %s", eventlog.ErrFenced, m.group, m.instance)
	}
	for _, final := range []error{
		kerr.GroupAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.InvalidSessionTimeout,
		kerr.InconsistentGroupProtocol, kerr.InvalidGroupID, kerr.GroupMaxSizeReached,
	} {
		if errors.Is(err, final) {
			return fmt.Errorf("kafka: group %s: %w", m.group, err)
		}
	}
	return nil
}

// claim hands newly assigned partitions over, with the commits just fetched.
func (m *member) claim(h eventlog.Handler, resp *kmsg.OffsetFetchResponse) error {
	claims, err := m.claims(resp)
	if err != nil {
		return err
	}
	for _, c := range claims {
		m.mu.Lock()
		held := m.assigned[c.Partition]
		m.assigned[c.Partition] = true
		m.mu.Unlock()
		if !held {
			h.Claimed(c)
		}
	}
	return nil
}

func (m *member) claims(resp *kmsg.OffsetFetchResponse) ([]eventlog.Claim, error) {
	var claims []eventlog.Claim
	for _, g := range resp.Groups {
		for _, t := range g.Topics {
			if t.Topic != m.topic {
				continue
			}
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("kafka: commit of %s/%d: %w", m.topic, p.Partition, err)
				}
				if p.Partition >= m.partitions {
					m.log.opts.Log.Error("a partition was added to the topic; it is left alone, and no role starts on the topic again",
						"topic", m.topic, "partition", p.Partition, "created_with", m.partitions)
					continue
				}
				c := eventlog.Claim{Partition: p.Partition, Offset: p.Offset}
				if p.Metadata != nil {
					c.Metadata = *p.Metadata
				}
				claims = append(claims, c)
			}
		}
	}
	slices.SortFunc(claims, func(a, b eventlog.Claim) int { return int(a.Partition - b.Partition) })
	return claims, nil
}

// release asks for partitions back. What is not drained within the timeout is
// taken all the same: the group would throw us out.
func (m *member) release(h eventlog.Handler, ps []int32) {
	ctx, cancel := context.WithTimeout(context.Background(), m.log.opts.DrainTimeout)
	defer cancel()
	for _, p := range slices.Sorted(slices.Values(ps)) {
		if m.isAssigned(p) {
			h.Released(ctx, p)
			m.forget(p)
		}
	}
}

// lose tells of partitions that are another's by now.
func (m *member) lose(h eventlog.Handler, ps []int32) {
	for _, p := range slices.Sorted(slices.Values(ps)) {
		if m.forget(p) {
			m.log.metrics.lost.WithLabelValues(m.group).Inc()
			h.Lost(p)
		}
	}
}

func (m *member) isAssigned(p int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.assigned[p]
}

// forget says whether the partition was assigned.
func (m *member) forget(p int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.assigned[p]
	delete(m.assigned, p)
	return was
}
