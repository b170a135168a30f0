package push

import (
	"context"
	"slices"
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
	began     time.Time
	ctx       context.Context
	cancel    context.CancelFunc
	over      atomic.Bool
	running   sync.WaitGroup

	mu sync.Mutex
	// items are those not finished, and finished ones behind them, by offset.
	items    []*item
	finished int
	// lines have what is to be decided, by session.
	lines     map[events.SessionID]*line
	undecided int
	room      chan struct{}
	// flying are letters on their way, by session.
	flying map[events.SessionID]*flight
	// calls counts the calls that go on, and landed is signalled when it falls.
	calls  int
	landed chan struct{}
}

// item is a matter that was taken.
type item struct {
	*matter
	offset int64
	// last is the offset of the newest that was merged with it.
	last int64
	due  time.Time
	// until is when it is too old to be told of, or to be decided on.
	until time.Time
	// left is 1 until it is decided, and 1 for each letter on its way, each letter that it waits for, and each child. Under the desk's mu, as is what follows.
	left int
	// parent is of what is done for it once a letter has arrived, which was on its way.
	parent *item
	// waits: the letters that it waits for know of it.
	waits bool
}

func newDesk(p *Projector, partition int32) *desk {
	ctx, cancel := context.WithCancel(p.office.ctx)
	return &desk{
		projector: p, partition: partition, began: time.Now(), ctx: ctx, cancel: cancel, lines: map[events.SessionID]*line{},
		room: make(chan struct{}), flying: map[events.SessionID]*flight{}, landed: make(chan struct{}, 1),
	}
}

func (d *desk) ended() bool { return d.over.Load() }

// take puts a matter in its session's line; it waits for room.
func (d *desk) take(ctx context.Context, m *matter, offset int64, due time.Time) error {
	for {
		d.mu.Lock()
		if d.undecided < maxUndecided {
			d.put(&item{matter: m, offset: offset, last: offset, due: due, until: m.happened(time.Now()).Add(MaxAge), left: 1})
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
	if l := d.lines[it.of()]; l != nil && l.merge(it) {
		return
	}
	d.items = append(d.items, it)
	d.undecided++
	d.line(it)
}

// line puts an item in its line, with mu held.
func (d *desk) line(it *item) {
	if d.ended() {
		return
	}
	l := d.lines[it.of()]
	if l == nil {
		l = newLine(d, it.of())
		d.lines[it.of()] = l
		l.add(it)
		d.running.Go(l.run)
		return
	}
	l.add(it)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// decided says that it is known what is to be sent of items.
func (d *desk) decided(items ...*item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.undecided -= len(items)
	close(d.room)
	d.room = make(chan struct{})
	for _, it := range items {
		d.less(it)
	}
}

// fly counts letters as on their way.
func (d *desk) fly(letters []*letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range letters {
		x.item.left++
		if !x.kind.Shown() {
			continue
		}
		if d.flying[x.session] == nil {
			d.flying[x.session] = &flight{}
		}
		d.flying[x.session].add(x)
	}
}

// onTheWay are the ids of the letters about subjects of a session that are.
func (d *desk) onTheWay(about []Subject) map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := map[string]bool{}
	for _, a := range about {
		if f := d.flying[a.Session]; f != nil {
			for x := range f.bySeq[a.Seq] {
				ids[x.entry.ID] = true
			}
		}
	}
	return ids
}

// wait has an item wait for what becomes of the letters on their way that it takes back: what is shown of them is taken back then. Others go on meanwhile. The users are
// those that a touch is about.
func (d *desk) wait(it *item, users []events.UserID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.flying[it.of()]
	if it.waits || f == nil {
		return
	}
	it.waits = true
	for x := range f.concerned(it.matter, users) {
		x.after = append(x.after, it)
		it.left++
	}
}

// settled says that a letter is on its way no more, and as what its entry stands.
func (d *desk) settled(x *letter, e Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.flying[x.session]; f != nil && x.kind.Shown() {
		if f.remove(x); len(f.byUser) == 0 {
			delete(d.flying, x.session)
		}
	}
	there := e.Reason == Brought || x.maybe
	for _, it := range x.after {
		if there {
			d.follow(it, x, touch{seqs: []events.Seq{x.entry.Seq}})
		}
		d.less(it)
	}
	if there && len(x.after) == 0 && x.kind.Shown() && time.Since(x.looked) > d.projector.slow() {
		d.follow(x.item, x, touch{brought: brought{x.entry.Seq, x.about.alert.index}})
	}
	x.after = nil
	d.less(x.item)
}

// follow does for the person of a letter what an item asks for, with mu held.
func (d *desk) follow(it *item, x *letter, t touch) {
	t.of, t.users = x.session, []events.UserID{x.person.user}
	m := &matter{Session: it.Session, Seq: it.Seq, At: it.At, ID: it.ID, Actor: it.Actor, touch: &t}
	it.left++
	d.undecided++
	now := time.Now()
	until := it.until
	if least := now.Add(followFor); until.Before(least) {
		until = least
	}
	d.line(&item{matter: m, offset: it.offset, last: it.last, due: now, until: until, left: 1, parent: it})
}

// followFor is how long there is at least to set right what came just in time.
const followFor = time.Minute

// check has the number of a letter's device set right once more: another call came between, and nobody knows which the device took last.
func (d *desk) check(x *letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.follow(x.item, x, touch{checks: x.mark})
}

// less counts one thing less that is left of an item, with mu held.
func (d *desk) less(it *item) {
	if it.left--; it.left > 0 {
		return
	}
	it.matter = nil
	if it.parent != nil {
		d.less(it.parent)
		return
	}
	d.finished++
	n := 0
	for n < len(d.items) && d.items[n].left == 0 {
		d.items[n] = nil
		n++
		d.finished--
	}
	d.items = d.items[n:]
	// What is finished behind one that is not would be kept with it.
	if d.finished > 1000 && d.finished > len(d.items)/2 {
		d.items = slices.DeleteFunc(d.items, func(it *item) bool { return it.left == 0 })
		d.finished = 0
	}
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

// end ends it: nothing more is decided, and no call begins.
func (d *desk) end() {
	d.mu.Lock()
	d.over.Store(true)
	d.mu.Unlock()
	d.cancel()
}

// finish ends it, and waits for what goes on, until ctx ends.
func (d *desk) finish(ctx context.Context) {
	d.end()
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
