package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// netLog is a process's Log, over its link to a cluster in memory.
type netLog struct {
	link       *link
	inner      eventlog.Log
	partitions int32
	world      *World

	mu    sync.Mutex
	lanes map[lanePlace]*lane
	busy  sync.WaitGroup
	// members are this process's; fences counts those since the group took a partition away.
	members []*member
	fences  map[int32]int
}

var _ eventlog.Log = (*netLog)(nil)

type lanePlace struct {
	topic     eventlog.Topic
	partition int32
}

func newNetLog(w *World, l *link) *netLog {
	return &netLog{link: l, inner: w.memory.Client(), partitions: w.partitions, world: w, lanes: map[lanePlace]*lane{}, fences: map[int32]int{}}
}

// Cluster implements eventlog.Log.
func (n *netLog) Cluster() string { return n.inner.Cluster() }

// Partitions implements eventlog.Log.
func (n *netLog) Partitions(ctx context.Context, t eventlog.Topic) (int32, error) {
	return n.inner.Partitions(ctx, t)
}

func (n *netLog) part(t eventlog.Topic, partition int32) *link {
	return n.link.part(fmt.Sprint(t, partition))
}

// Bounds implements eventlog.Log.
func (n *netLog) Bounds(ctx context.Context, t eventlog.Topic, partition int32) (start, end int64, err error) {
	if err := n.part(t, partition).toLog(ctx); err != nil {
		return 0, 0, err
	}
	start, end, err = n.inner.Bounds(ctx, t, partition)
	if err == nil {
		err = n.link.thawed()
	}
	return start, end, err
}

// Close ends what the link's death did not end yet.
func (n *netLog) Close() {
	n.link.kill()
	n.busy.Wait()
	n.inner.Close()
}

// lane appends one partition's records in the order of the calls.
type lane struct {
	log   *netLog
	place lanePlace

	mu    sync.Mutex
	queue []item
	wake  chan struct{}
}

type item struct {
	ctx    context.Context
	record events.Record
	done   func(int32, int64, error)
}

// Append implements eventlog.Log.
func (n *netLog) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	if partition == eventlog.ByKey {
		partition = eventlog.KeyPartition(r.Key, n.partitions)
	}
	p := lanePlace{t, partition}
	n.watchFence(p, r)
	n.lane(p).add(item{ctx, r, done})
}

func (n *netLog) lane(p lanePlace) *lane {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lanes[p]
	if l == nil {
		l = &lane{log: n, place: p, wake: make(chan struct{}, 1)}
		n.lanes[p] = l
		n.busy.Go(l.run)
	}
	return l
}

func (l *lane) add(i item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log.link.isDead() {
		go i.done(l.place.partition, -1, errUnknown(errDead))
		return
	}
	l.queue = append(l.queue, i)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func errUnknown(err error) error { return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err) }

func (l *lane) run() {
	for {
		l.mu.Lock()
		queue := l.queue
		l.queue = nil
		l.mu.Unlock()
		for _, i := range queue {
			l.append(i)
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-l.wake:
		case <-l.log.link.dead:
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, i := range l.queue {
				l.append(i)
			}
			l.queue = nil
			return
		}
	}
}

// append does one append with what may go wrong. Of a process that died meanwhile some
// are written all the same.
func (l *lane) append(i item) {
	k := l.log.link.part(fmt.Sprint("append ", l.place))
	switch err := k.toLog(i.ctx); {
	case errors.Is(err, errDead):
		if k.dice.n(2) == 0 {
			_, _ = l.write(i.record) // nobody hears of it
		}
		i.done(l.place.partition, -1, errUnknown(err))
	case err != nil:
		i.done(l.place.partition, -1, errUnknown(err))
	case k.chance(k.odds.unwritten):
		i.done(l.place.partition, -1, errUnknown(errUnreachable))
	case k.chance(k.odds.late):
		i.done(l.place.partition, -1, errUnknown(errLostAnswer))
		_ = k.toLog(context.Background()) // a process that dies leaves it on the way
		_, _ = l.write(i.record)          // nobody hears of it
	default:
		offset, err := l.write(i.record)
		if err == nil && k.chance(k.odds.unanswered) {
			err = errUnknown(errLostAnswer)
		}
		if back := k.toLog(i.ctx); back != nil && err == nil {
			err = errUnknown(back)
		}
		if err != nil {
			offset = -1
		}
		i.done(l.place.partition, offset, err)
	}
}

// write appends to the cluster and waits for it.
func (l *lane) write(r events.Record) (int64, error) {
	type answer struct {
		offset int64
		err    error
	}
	got := make(chan answer, 1)
	l.log.inner.Append(context.Background(), l.place.topic, l.place.partition, r, func(_ int32, offset int64, err error) {
		got <- answer{offset, err}
	})
	a := <-got
	return a.offset, a.err
}

// netCursor reads over a link.
type netCursor struct {
	link  *link
	inner eventlog.Cursor
	// pending were read, and did not come through yet.
	pending []eventlog.Record
}

// Read implements eventlog.Log.
func (n *netLog) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	link := n.part(t, partition)
	if err := link.toLog(ctx); err != nil {
		return nil, err
	}
	inner, err := n.inner.Read(ctx, t, partition, from)
	if err != nil {
		return nil, err
	}
	return &netCursor{link: link, inner: inner}, link.thawed()
}

// Next gives some of what is there.
func (c *netCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	if len(c.pending) == 0 {
		records, err := c.inner.Next(ctx)
		if err != nil {
			return nil, errors.Join(err, c.link.thawed())
		}
		c.pending = records
	}
	if err := c.link.toLog(ctx); err != nil {
		return nil, err
	}
	n := len(c.pending)
	if n > 1 {
		n = 1 + c.link.dice.n(n)
	}
	records := c.pending[:n:n]
	c.pending = c.pending[n:]
	return records, nil
}

// Close implements eventlog.Cursor.
func (c *netCursor) Close() { c.inner.Close() }

// watchFence: a process that lost a partition without knowing may append the fence that it
// was about to, and no other. What it appended before may still come in late.
func (n *netLog) watchFence(p lanePlace, r events.Record) {
	if kind, _ := r.Header(events.HeaderType); kind != events.TypeFence {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	zombie := slices.ContainsFunc(n.members, func(m *member) bool { return m.isZombie(p.partition) })
	if !zombie {
		n.fences[p.partition] = 0
		return
	}
	if n.fences[p.partition]++; n.fences[p.partition] > 1 {
		n.world.violate("a process fences partition %d again and again, which the group took from it", p.partition)
	}
}

func (n *netLog) forgetFences(partition int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fences[partition] = 0
}
