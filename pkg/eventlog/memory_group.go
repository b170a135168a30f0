package eventlog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// memoryGroup is a consumer group's coordinator: who is in, who owns what and what
// was committed. All under the cluster's mu.
type memoryGroup struct {
	cluster *memoryCluster
	// members stand in the order of joining.
	members []*memoryMember
	owners  []*memoryMember
	commits []Claim
}

// memoryMember is one membership. Its events are handled by Run, one at a time.
type memoryMember struct {
	client *memoryClient
	group  *memoryGroup
	id     string
	static bool
	// in: the group counts on it. A static member that left stays in until
	// expiry fires.
	in      bool
	running bool
	expiry  *time.Timer
	// err ends Run: ErrFenced.
	err    error
	events []memberEvent
	// woken holds a token while there may be events.
	woken chan struct{}
	// held are the partitions whose Claimed was called, until Released returned or
	// Lost is called.
	held map[int32]bool
}

type memberEventKind uint8

const (
	claimed memberEventKind = iota
	released
	lost
)

type memberEvent struct {
	kind      memberEventKind
	partition int32
}

// Commits is Log's.
func (m *memoryClient) Commits(ctx context.Context, group string, t Topic) ([]Claim, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.isClosed() {
		return nil, ErrClosed
	}
	c := m.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[group+"\x00"+string(t)]
	if g == nil {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(g.commits), func(c Claim) bool { return c.Offset < 0 }), nil
}

// Join makes a member; it takes part from Run on.
func (m *memoryClient) Join(ctx context.Context, group string, t Topic, instance string) (Membership, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.isClosed() {
		return nil, ErrClosed
	}
	c := m.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	name := group + "\x00" + string(t)
	g := c.groups[name]
	if g == nil {
		n := len(c.topic(t))
		g = &memoryGroup{cluster: c, owners: make([]*memoryMember, n), commits: make([]Claim, n)}
		for p := range g.commits {
			g.commits[p] = Claim{Partition: int32(p), Offset: -1}
		}
		c.groups[name] = g
	}
	id := instance
	if id == "" {
		c.joined++
		id = "member " + strconv.Itoa(c.joined)
	}
	return &memoryMember{client: m, group: g, id: id, static: instance != "", woken: make(chan struct{}, 1), held: map[int32]bool{}}, nil
}

// Run takes part until ctx ends, the client is closed or the member is fenced.
func (m *memoryMember) Run(ctx context.Context, h Handler) error {
	if err := m.enter(); err != nil {
		return err
	}
	for {
		for e, ok := m.pop(); ok; e, ok = m.pop() {
			m.handle(h, e)
		}
		if err := m.failure(); err != nil {
			return err
		}
		select {
		case <-m.woken:
		case <-ctx.Done():
			m.leave(h)
			return nil
		case <-m.client.closed:
			m.leave(h)
			return ErrClosed
		}
	}
}

func (m *memoryMember) failure() error {
	m.group.cluster.mu.Lock()
	defer m.group.cluster.mu.Unlock()
	if m.err != nil {
		m.running = false
	}
	return m.err
}

func (m *memoryMember) enter() error {
	g := m.group
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	if m.running {
		return fmt.Errorf("eventlog: %s runs already", m.id)
	}
	m.running, m.err = true, nil
	if old := g.find(m.id); old != nil {
		g.replace(old, m)
	} else {
		g.members = append(g.members, m)
	}
	m.in = true
	g.rebalance()
	return nil
}

func (g *memoryGroup) find(id string) *memoryMember {
	for _, m := range g.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// replace gives a static member's place and partitions to m, its restart. Nothing
// moves. If the old one still runs it is fenced.
func (g *memoryGroup) replace(old, m *memoryMember) {
	if old.expiry != nil {
		old.expiry.Stop()
		old.expiry = nil
	}
	g.members[slices.Index(g.members, old)] = m
	for p, owner := range g.owners {
		if owner != old {
			continue
		}
		g.owners[p] = m
		if old != m && old.running {
			old.push(memberEvent{lost, int32(p)})
		}
		m.push(memberEvent{claimed, int32(p)})
	}
	if old != m {
		old.in = false
		if old.running {
			old.err = ErrFenced
			old.wake()
		}
	}
}

// push adds an event unless it is the last the member will hear of that partition
// anyway. One further up is not enough: claimed, lost, claimed ends with the partition.
func (m *memoryMember) push(e memberEvent) {
	for _, last := range slices.Backward(m.events) {
		if last.partition != e.partition {
			continue
		}
		if last == e {
			return
		}
		break
	}
	m.events = append(m.events, e)
	m.wake()
}

func (m *memoryMember) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

func (m *memoryMember) pop() (memberEvent, bool) {
	m.group.cluster.mu.Lock()
	defer m.group.cluster.mu.Unlock()
	if len(m.events) == 0 {
		return memberEvent{}, false
	}
	e := m.events[0]
	m.events = m.events[1:]
	return e, true
}

func (m *memoryMember) handle(h Handler, e memberEvent) {
	switch e.kind {
	case claimed:
		if c, ok := m.claim(e.partition); ok {
			h.Claimed(c)
		}
	case released:
		m.release(h, e.partition)
	case lost:
		if m.drop(e.partition) {
			h.Lost(e.partition)
		}
	}
}

func (m *memoryMember) claim(partition int32) (Claim, bool) {
	g := m.group
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	if g.owners[partition] != m || m.held[partition] {
		return Claim{}, false
	}
	m.held[partition] = true
	return g.commits[partition], true
}

func (m *memoryMember) holds(partition int32) bool {
	m.group.cluster.mu.Lock()
	defer m.group.cluster.mu.Unlock()
	return m.held[partition]
}

// drop forgets a partition and says whether it was held.
func (m *memoryMember) drop(partition int32) bool {
	m.group.cluster.mu.Lock()
	defer m.group.cluster.mu.Unlock()
	held := m.held[partition]
	delete(m.held, partition)
	return held
}

// drain asks for a held partition back.
func (m *memoryMember) drain(h Handler, partition int32) {
	if !m.holds(partition) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.group.cluster.opts.DrainTimeout)
	defer cancel()
	h.Released(ctx, partition)
	m.drop(partition)
}

// release drains one partition and gives it to the group.
func (m *memoryMember) release(h Handler, partition int32) {
	m.drain(h, partition)
	g := m.group
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	if g.owners[partition] == m {
		g.owners[partition] = nil
		g.rebalance()
	}
}

// leave releases everything. A dynamic member is out then; a static one keeps its
// partitions until it is back or its session times out.
func (m *memoryMember) leave(h Handler) {
	g := m.group
	for p := range int32(len(g.owners)) {
		m.drain(h, p)
	}
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	m.running, m.events = false, nil
	switch {
	case !m.in:
	case m.static:
		m.expiry = time.AfterFunc(g.cluster.opts.SessionTimeout, func() {
			g.cluster.mu.Lock()
			defer g.cluster.mu.Unlock()
			if m.in && !m.running {
				g.remove(m)
			}
		})
	default:
		g.remove(m)
	}
}

// remove takes a member out and gives its partitions to the others.
func (g *memoryGroup) remove(m *memoryMember) {
	i := slices.Index(g.members, m)
	if i < 0 {
		return
	}
	g.members = slices.Delete(g.members, i, i+1)
	m.in = false
	for p, owner := range g.owners {
		if owner == m {
			g.owners[p] = nil
			if m.running {
				m.push(memberEvent{lost, int32(p)})
			}
		}
	}
	g.rebalance()
}

// rebalance moves as few partitions as an even share allows: free ones go to who
// has fewest, and members above their share are asked to release.
func (g *memoryGroup) rebalance() {
	if len(g.members) == 0 {
		return
	}
	counts := make(map[*memoryMember]int, len(g.members))
	for _, owner := range g.owners {
		if owner != nil {
			counts[owner]++
		}
	}
	fewest := func() *memoryMember {
		return slices.MinFunc(g.members, func(a, b *memoryMember) int { return counts[a] - counts[b] })
	}
	for p, owner := range g.owners {
		if owner == nil {
			m := fewest()
			g.owners[p] = m
			counts[m]++
			m.push(memberEvent{claimed, int32(p)})
		}
	}
	for p, owner := range slices.Backward(g.owners) {
		to := fewest()
		// One that left can't release; its session times out first.
		if owner.running && counts[owner] > counts[to]+1 {
			counts[owner]--
			counts[to]++
			owner.push(memberEvent{released, int32(p)})
		}
	}
}

// Commit stores progress of a partition that is this member's.
func (m *memoryMember) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(metadata) > MaxMetadataBytes {
		return fmt.Errorf("eventlog: commit metadata of %d bytes, limit %d", len(metadata), MaxMetadataBytes)
	}
	g := m.group
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	if !m.held[partition] || g.owners[partition] != m || !m.running || slices.Contains(m.events, memberEvent{lost, partition}) {
		return fmt.Errorf("%w: %d of %s", ErrNotAssigned, partition, m.id)
	}
	g.commits[partition] = Claim{Partition: partition, Offset: offset, Metadata: metadata}
	return nil
}

// Expel ends the session of a member (a static id, or empty for all members) as
// if its heartbeats had stopped: others get its partitions at once, it hears Lost
// for them only afterwards, and joins anew.
func (m *Memory) Expel(group string, t Topic, id string) {
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	g := m.cluster.groups[group+"\x00"+string(t)]
	if g == nil {
		return
	}
	for _, member := range slices.Clone(g.members) {
		if id != "" && member.id != id {
			continue
		}
		g.remove(member)
		if member.running {
			member.in = true
			g.members = append(g.members, member)
		}
	}
	g.rebalance()
}
