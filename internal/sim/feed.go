package sim

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Feed is one gateway's subscription to what is published in a Hot.
type Feed struct {
	instance string

	mu       sync.Mutex
	sessions map[events.SessionID]bool
	users    map[events.UserID]bool
	queue    []func(hot.Delivery)
	wake     chan struct{}
	// Messages of an earlier connection are lost. While it is down up is open.
	connection int
	up         chan struct{}
	// late says by how much copies of a message are delayed, 0 for what keeps the order;
	// nil: everything comes once and at once.
	late func() []time.Duration
	// last is when the last message that keeps the order comes.
	last time.Time
	// pace is the feed's own, so that no two hear at the same time.
	pace time.Duration
}

var _ hot.Feed = (*Feed)(nil)

// NewFeed makes a gateway's feed.
func (h *Hot) NewFeed(instance string) *Feed {
	f := &Feed{
		instance: instance, sessions: map[events.SessionID]bool{}, users: map[events.UserID]bool{},
		wake: make(chan struct{}, 1), up: make(chan struct{}),
	}
	close(f.up)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feeds = append(h.feeds, f)
	return f
}

// Break breaks the connections of all feeds; they are there again at once.
func (h *Hot) Break() {
	for _, f := range h.allFeeds() {
		f.Restore(f.Cut())
	}
}

func (h *Hot) allFeeds() []*Feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.feeds)
}

// dropFeed forgets a feed that has ended.
func (h *Hot) dropFeed(f *Feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feeds = slices.DeleteFunc(h.feeds, func(g *Feed) bool { return g == f })
}

// Cut breaks the connection: what is on its way and what is published until Restore is
// lost. False when it is broken already.
func (f *Feed) Cut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.up:
	default:
		return false
	}
	f.connection++
	f.queue = nil
	f.up = make(chan struct{})
	return true
}

// Restore undoes a Cut and says so.
func (f *Feed) Restore(cut bool) {
	if !cut {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.up)
	f.enqueue(hot.Delivery.Resubscribed)
}

func (f *Feed) isUp() bool {
	select {
	case <-f.up:
		return true
	default:
		return false
	}
}

// enqueue queues a call for Run. The lock is held.
func (f *Feed) enqueue(call func(hot.Delivery)) {
	f.queue = append(f.queue, call)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// send brings a message to who is subscribed now. The lock is held.
func (f *Feed) send(call func(hot.Delivery)) {
	if !f.isUp() {
		return
	}
	if f.late == nil {
		f.enqueue(call)
		return
	}
	connection := f.connection
	for _, d := range f.late() {
		if d == 0 {
			d = f.inOrder()
		}
		time.AfterFunc(d, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.connection == connection {
				f.enqueue(call)
			}
		})
	}
}

// inOrder is a moment's delay that does not overtake. The lock is held.
func (f *Feed) inOrder() time.Duration {
	at := time.Now().Add(100*time.Microsecond + f.pace)
	if !at.After(f.last) {
		at = f.last.Add(time.Nanosecond)
	}
	f.last = at
	return time.Until(at)
}

// Run implements hot.Feed.
func (f *Feed) Run(ctx context.Context, d hot.Delivery) error {
	for {
		f.mu.Lock()
		queue := f.queue
		f.queue = nil
		f.mu.Unlock()
		for _, call := range queue {
			call(d)
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// SubscribeSession implements hot.Feed.
func (f *Feed) SubscribeSession(ctx context.Context, s events.SessionID) error {
	return f.subscribe(ctx, func() { f.sessions[s] = true })
}

// UnsubscribeSession implements hot.Feed.
func (f *Feed) UnsubscribeSession(s events.SessionID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, s)
}

// SubscribeUser implements hot.Feed.
func (f *Feed) SubscribeUser(ctx context.Context, u events.UserID) error {
	return f.subscribe(ctx, func() { f.users[u] = true })
}

// UnsubscribeUser implements hot.Feed.
func (f *Feed) UnsubscribeUser(u events.UserID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.users, u)
}

// subscribe waits for a connection.
func (f *Feed) subscribe(ctx context.Context, note func()) error {
	for {
		f.mu.Lock()
		up := f.up
		if f.isUp() {
			note()
			f.mu.Unlock()
			return nil
		}
		f.mu.Unlock()
		select {
		case <-up:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Publish implements hot.Notifier: answers come last.
func (h *Hot) Publish(_ context.Context, r hot.Round) error {
	for _, f := range h.allFeeds() {
		f.publish(r)
	}
	return nil
}

func (f *Feed) publish(r hot.Round) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range slices.Sorted(maps.Keys(r.Sessions)) {
		if values := r.Sessions[s]; f.sessions[s] {
			f.send(func(d hot.Delivery) { d.Session(s, values) })
		}
	}
	for _, u := range slices.Sorted(maps.Keys(r.Users)) {
		if values := r.Users[u]; f.users[u] {
			f.send(func(d hot.Delivery) { d.User(u, values) })
		}
	}
	if values := r.Answers[f.instance]; len(values) > 0 {
		f.send(func(d hot.Delivery) { d.Answers(values) })
	}
}
