package push

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"annal/pkg/events"
)

// maxUndecided is how many matters of a partition may wait to be decided; beyond, the log is not read on.
const maxUndecided = 20_000

// desk has what is open of one partition.
type desk struct {
	projector *Projector
	partition int32
	ctx       context.Context
	cancel    context.CancelFunc
	over      atomic.Bool
	running   sync.WaitGroup

	mu sync.Mutex
	// items are those not finished, and finished ones behind them, by offset.
	items []*item
	// lines have what is to be decided, by session.
	lines     map[events.SessionID]*line
	undecided int
	room      chan struct{}
	// flying are letters on their way, by session.
	flying map[events.SessionID]map[*letter]bool
	// calls counts the calls that go on, and landed is signalled when it falls.
	calls  int
	landed chan struct{}
}

// item is a matter that was taken.
type item struct {
	*matter
	offset int64
	due    time.Time
	// left is 1 until it is decided, and 1 for each letter on its way. Under the desk's mu.
	left int
}

func newDesk(p *Projector, partition int32) *desk {
	ctx, cancel := context.WithCancel(p.office.ctx)
	return &desk{
		projector: p, partition: partition, ctx: ctx, cancel: cancel, lines: map[events.SessionID]*line{},
		room: make(chan struct{}), flying: map[events.SessionID]map[*letter]bool{}, landed: make(chan struct{}, 1),
	}
}

func (d *desk) ended() bool { return d.over.Load() }

// take puts a matter in its session's line; it waits for room.
func (d *desk) take(ctx context.Context, m *matter, offset int64, due time.Time) error {
	for {
		d.mu.Lock()
		if d.undecided < maxUndecided {
			d.put(&item{matter: m, offset: offset, due: due, left: 1})
			d.mu.Unlock()
			return nil
		}
		room := d.room
		d.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.ctx.Done():
			return d.ctx.Err()
		}
	}
}

// put is called with mu held.
func (d *desk) put(it *item) {
	key := it.Session
	if it.touch != nil {
		key = it.touch.of
	}
	l := d.lines[key]
	if l != nil && l.merge(it) {
		return
	}
	d.items = append(d.items, it)
	d.undecided++
	if l == nil {
		l = &line{desk: d, session: key, wake: make(chan struct{}, 1)}
		d.lines[key] = l
		l.waiting = append(l.waiting, it)
		d.running.Go(l.run)
		return
	}
	l.waiting = append(l.waiting, it)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// decided says that it is known what is to be sent of an item: these letters.
func (d *desk) decided(it *item, letters []*letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range letters {
		d.fly(x)
	}
	d.undecided--
	close(d.room)
	d.room = make(chan struct{})
	it.left--
	d.trim()
}

// fly counts a letter as on its way, with mu held.
func (d *desk) fly(x *letter) {
	x.item.left++
	if d.flying[x.session] == nil {
		d.flying[x.session] = map[*letter]bool{}
	}
	d.flying[x.session][x] = true
}

// settled says that a letter is on its way no more.
func (d *desk) settled(x *letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x.item.left--
	delete(d.flying[x.session], x)
	if len(d.flying[x.session]) == 0 {
		delete(d.flying, x.session)
	}
	d.trim()
}

func (d *desk) trim() {
	n := 0
	for n < len(d.items) && d.items[n].left == 0 {
		d.items[n] = nil
		n++
	}
	d.items = d.items[n:]
}

// open gives the first offset that is not finished.
func (d *desk) open() (int64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.items) == 0 {
		return 0, false
	}
	return d.items[0].offset, true
}

// onTheWay says whether a letter that fits is on its way in a session.
func (d *desk) onTheWay(s events.SessionID, fits func(*letter) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for x := range d.flying[s] {
		if fits(x) {
			return true
		}
	}
	return false
}

// finish ends it: nothing more is decided, and no call begins. It waits for calls, until ctx ends.
func (d *desk) finish(ctx context.Context) {
	d.over.Store(true)
	d.cancel()
	done := make(chan struct{})
	d.projector.office.running.Go(func() {
		d.running.Wait()
		close(done)
	})
	select {
	case <-done:
	case <-ctx.Done():
		return
	}
	for {
		d.mu.Lock()
		calls := d.calls
		d.mu.Unlock()
		if calls == 0 {
			return
		}
		select {
		case <-d.landed:
		case <-ctx.Done():
			return
		}
	}
}

// calling says that a call for a letter begins; false: it may not any more.
func (d *desk) calling() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended() {
		return false
	}
	d.calls++
	return true
}

// called says that a call is over, and what came of it noted.
func (d *desk) called() {
	d.mu.Lock()
	d.calls--
	d.mu.Unlock()
	select {
	case d.landed <- struct{}{}:
	default:
	}
}
