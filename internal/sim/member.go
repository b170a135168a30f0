package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// sessionTimeout is after how long the group goes on without a member not heard of.
const sessionTimeout = 6 * time.Second

// member is a membership over a link. While the link is frozen or cut the group hears
// nothing of the member, which goes on believing; when its session has timed out
// meanwhile it hears so some time after it is back.
type member struct {
	log   *netLog
	link  *link
	inner eventlog.Membership

	mu sync.Mutex
	// held are the partitions that the process believes to have.
	held map[int32]bool
	// lapsed since then; zero while the group hears of the member.
	lapsed time.Time

	// draining are the process's drains, of which the group may have stopped waiting.
	draining sync.WaitGroup
}

// Commits implements eventlog.Log.
func (n *netLog) Commits(ctx context.Context, group string, t eventlog.Topic) ([]eventlog.Claim, error) {
	if err := n.link.part("commits of " + group).toLog(ctx); err != nil {
		return nil, err
	}
	claims, err := n.inner.Commits(ctx, group, t)
	if err == nil {
		err = n.link.thawed()
	}
	return claims, err
}

// Join implements eventlog.Log.
func (n *netLog) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	inner, err := n.inner.Join(ctx, group, t, instance)
	if err != nil {
		return nil, err
	}
	m := &member{log: n, link: n.link, inner: inner, held: map[int32]bool{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.members = append(n.members, m)
	return m, nil
}

// Commit implements eventlog.Membership.
func (m *member) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	if err := m.link.part(fmt.Sprint("commit ", partition)).toLog(ctx); err != nil {
		return err
	}
	if err := m.inner.Commit(ctx, partition, offset, metadata); err != nil {
		return err
	}
	return m.link.thawed()
}

// Run implements eventlog.Membership.
func (m *member) Run(ctx context.Context, h eventlog.Handler) error {
	for {
		inGroup, leave := context.WithCancel(ctx)
		left := make(chan error, 1)
		go func() { left <- m.inner.Run(inGroup, &memberHandler{m, h}) }()
		var err error
		select {
		case err = <-left:
		case <-m.link.running.whenShut():
			err = m.lapse(leave, left)
		case <-m.link.log.whenShut():
			err = m.lapse(leave, left)
		case <-m.link.dead:
			err = m.lapse(leave, left)
		}
		leave()
		m.draining.Wait()
		if m.link.isDead() {
			return errDead
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		if err := m.comeBack(ctx, h); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// lapse stops heartbeats: the group waits for its session timeout.
func (m *member) lapse(leave context.CancelFunc, left <-chan error) error {
	m.mu.Lock()
	m.lapsed = time.Now()
	m.mu.Unlock()
	leave()
	return <-left
}

// comeBack waits until the group can be reached again, and tells what it took away.
func (m *member) comeBack(ctx context.Context, h eventlog.Handler) error {
	for {
		if err := m.link.logOpen(ctx); err != nil {
			if m.link.isDead() {
				return err
			}
			return nil
		}
		if m.longGone() {
			if m.link.wait(ctx, m.link.dice.between(0, 4*time.Second)) != nil {
				return nil
			}
			m.mu.Lock()
			held := m.held
			m.held = map[int32]bool{}
			m.mu.Unlock()
			for _, p := range slices.Sorted(maps.Keys(held)) {
				h.Lost(p)
			}
		}
		if closed(m.link.running.whenOpen()) && closed(m.link.log.whenOpen()) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.lapsed = time.Time{}
			return nil
		}
	}
}

func (m *member) longGone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.lapsed) >= sessionTimeout
}

func (m *member) isLapsed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.lapsed.IsZero()
}

// isZombie says whether the process believes to have a partition that the group took
// from it.
func (m *member) isZombie(partition int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[partition] && !m.lapsed.IsZero() && time.Since(m.lapsed) >= sessionTimeout
}

// has says whether the process has the partition of a session, and the group knows it.
func (n *netLog) has(s events.SessionID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.members, func(m *member) bool { return m.has(n.world.hot.partition(s)) })
}

func (m *member) has(partition int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[partition] && (m.lapsed.IsZero() || time.Since(m.lapsed) < sessionTimeout)
}

// hold notes whether the process has the partition, and says whether it had.
func (m *member) hold(partition int32, on bool) bool {
	defer m.log.forgetFences(partition)
	m.mu.Lock()
	defer m.mu.Unlock()
	had := m.held[partition]
	if on {
		m.held[partition] = true
	} else {
		delete(m.held, partition)
	}
	return had
}

// memberHandler tells the process what it would hear.
type memberHandler struct {
	*member
	h eventlog.Handler
}

// Claimed leaves out what the process never heard to be lost, and what can't reach it.
func (m *memberHandler) Claimed(c eventlog.Claim) {
	m.moment()
	if !m.isLapsed() && !m.hold(c.Partition, true) {
		m.h.Claimed(c)
	}
}

// Released leaves out a lapse. The process may lapse in the middle of it, too: the group waits for no longer than the
// session lasts.
func (m *memberHandler) Released(ctx context.Context, partition int32) {
	if m.isLapsed() {
		return
	}
	m.moment()
	drained := make(chan struct{})
	m.draining.Go(func() {
		defer close(drained)
		m.h.Released(ctx, partition)
		m.hold(partition, false)
	})
	select {
	case <-drained:
		return
	case <-m.link.running.whenShut():
	case <-m.link.log.whenShut():
	}
	select {
	case <-drained:
	case <-time.After(sessionTimeout):
		m.link.w.note("%s is waited for no longer to give partition %d back", m.link.name, partition)
	}
}

// Lost passes it on.
func (m *memberHandler) Lost(partition int32) {
	m.moment()
	m.hold(partition, false)
	m.h.Lost(partition)
}

// moment is what it takes to hear of something.
func (m *memberHandler) moment() {
	_ = m.link.wait(context.Background(), m.link.moment()) // the dead hear no less
}
