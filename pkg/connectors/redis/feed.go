package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Feed is a gateway's subscription, over connections that are made again when they break:
// one, or one to each master of a cluster.
type Feed struct {
	r *Redis

	// sending is held while commands are written, so that they stand on the wire in the
	// order of the calls. Who hears never waits for it.
	sending sync.Mutex
	// delivering is held while something is delivered: lines take turns.
	delivering sync.Mutex
	delivery   hot.Delivery
	listening  sync.WaitGroup

	mu    sync.Mutex
	ctx   context.Context // nil before Run
	lines map[string]*line
	// channels are those wanted.
	channels map[string]*channel
	// unconfirmed are those a broken connection had, not confirmed on the new one yet.
	unconfirmed map[string]bool
	broken      bool
}

// channel is one subscription and what to do with its messages.
type channel struct {
	deliver func(hot.Delivery, [][]byte)
	// line is where it is heard, nil for a moment while it is seated again.
	line *line
	// confirmed is closed at the first confirmation.
	confirmed chan struct{}
	once      sync.Once
}

var _ hot.Feed = (*Feed)(nil)

// NewFeed makes a feed; Options.Instance names the answers it hears.
func (r *Redis) NewFeed(ctx context.Context) (*Feed, error) {
	if r.opts.Instance == "" {
		return nil, errors.New("redis: a feed needs the gateway's instance")
	}
	f := &Feed{r: r, lines: map[string]*line{}, channels: map[string]*channel{}, unconfirmed: map[string]bool{}}
	if _, err := f.lineFor(ctx, r.answerChannel(r.opts.Instance)); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return f, nil
}

// Run implements hot.Feed.
func (f *Feed) Run(ctx context.Context, d hot.Delivery) error {
	f.mu.Lock()
	f.ctx, f.delivery = ctx, d
	for _, l := range f.lines {
		f.listenTo(l)
	}
	f.mu.Unlock()
	if err := f.want(ctx, f.r.answerChannel(f.r.opts.Instance), hot.Delivery.Answers, false); err != nil {
		return err
	}
	<-ctx.Done()
	f.sending.Lock()
	f.mu.Lock()
	for _, l := range f.lines {
		_ = l.pubsub.Close() // so that who listens wakes
	}
	f.mu.Unlock()
	f.sending.Unlock()
	f.listening.Wait()
	return nil
}

// deliver calls back, one call at a time.
func (f *Feed) deliver(call func(hot.Delivery)) {
	f.delivering.Lock()
	defer f.delivering.Unlock()
	call(f.delivery)
}

// back is true once when everything is subscribed again after a break.
func (f *Feed) back() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.broken || len(f.unconfirmed) > 0 {
		return false
	}
	for _, c := range f.channels {
		if c.line == nil {
			return false
		}
	}
	f.broken = false
	return true
}

func (f *Feed) take(ctx context.Context, l *line, message any) {
	switch m := message.(type) {
	case *redis.Subscription:
		switch m.Kind {
		case "subscribe", "ssubscribe":
			f.confirmed(l, m.Channel)
		case "unsubscribe", "sunsubscribe":
			if f.left(l, m.Channel) {
				f.evicted(ctx, m.Channel)
			}
		}
	case *redis.Message:
		f.mu.Lock()
		c := f.channels[m.Channel]
		f.mu.Unlock()
		if c == nil {
			return
		}
		values, err := events.DecodeBatch([]byte(m.Payload))
		if err != nil {
			f.r.opts.Log.Error("a published batch cannot be read", "channel", m.Channel, "error", err)
			return
		}
		f.deliver(func(d hot.Delivery) { c.deliver(d, values) })
	}
}

// confirmed takes a confirmation. Of a channel dropped and wanted again only the last
// one counts: between the earlier one and that, nothing is heard.
func (f *Feed) confirmed(l *line, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.awaited[name]--; l.awaited[name] > 0 {
		return
	}
	delete(l.awaited, name)
	c := f.channels[name]
	if c == nil || c.line != l {
		return
	}
	delete(f.unconfirmed, name)
	c.once.Do(func() { close(c.confirmed) })
}

// left takes the word that a channel is no longer heard on the line. True when nobody
// asked for that.
func (f *Feed) left(l *line, name string) (evicted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.leaving[name] > 0 {
		if l.leaving[name]--; l.leaving[name] == 0 {
			delete(l.leaving, name)
		}
		return false
	}
	c := f.channels[name]
	if c == nil || c.line != l {
		return false
	}
	c.line = nil
	delete(l.awaited, name)
	f.broken = true
	return true
}

// want subscribes a channel; with wait it returns once that is confirmed.
func (f *Feed) want(ctx context.Context, name string, deliver func(hot.Delivery, [][]byte), wait bool) error {
	c := f.enter(ctx, name, deliver)
	if !wait {
		return nil
	}
	select {
	case <-c.confirmed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("redis: subscribe %s: %w", name, ctx.Err())
	}
}

// enter gives the channel of that name, and subscribes it if it was not wanted so far.
func (f *Feed) enter(ctx context.Context, name string, deliver func(hot.Delivery, [][]byte)) *channel {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	c := f.channels[name]
	if c != nil {
		f.mu.Unlock()
		return c
	}
	c = &channel{deliver: deliver, confirmed: make(chan struct{})}
	f.channels[name] = c
	f.mu.Unlock()
	f.seat(ctx, name)
	return c
}

func (f *Feed) drop(name string) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	c := f.channels[name]
	delete(f.channels, name)
	delete(f.unconfirmed, name)
	if c == nil || c.line == nil {
		f.mu.Unlock()
		return
	}
	c.line.leaving[name]++
	f.mu.Unlock()
	if f.r.opts.Embedded {
		f.send(c.line, name, (*redis.PubSub).Unsubscribe)
	} else {
		f.send(c.line, name, (*redis.PubSub).SUnsubscribe)
	}
}

// SubscribeSession implements hot.Feed.
func (f *Feed) SubscribeSession(ctx context.Context, s events.SessionID) error {
	return f.want(ctx, f.r.sessionChannel(s), func(d hot.Delivery, values [][]byte) { d.Session(s, values) }, true)
}

// UnsubscribeSession implements hot.Feed.
func (f *Feed) UnsubscribeSession(s events.SessionID) { f.drop(f.r.sessionChannel(s)) }

// SubscribeUser implements hot.Feed.
func (f *Feed) SubscribeUser(ctx context.Context, u events.UserID) error {
	return f.want(ctx, f.r.userChannel(u), func(d hot.Delivery, values [][]byte) { d.User(u, values) }, true)
}

// UnsubscribeUser implements hot.Feed.
func (f *Feed) UnsubscribeUser(u events.UserID) { f.drop(f.r.userChannel(u)) }
