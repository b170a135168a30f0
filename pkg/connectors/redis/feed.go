package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Feed is a gateway's subscription, over one connection that is made again when it breaks.
type Feed struct {
	r *Redis

	// sending is held while commands are written, so that they stand on the wire in the
	// order of the calls. Who hears never waits for it.
	sending sync.Mutex

	mu     sync.Mutex
	pubsub *redis.PubSub
	// awaited counts the confirmations that the present connection still owes, by name.
	awaited map[string]int
	// channels are those wanted.
	channels map[string]*channel
	// unconfirmed are those a broken connection had, not confirmed on the new one yet.
	unconfirmed map[string]bool
	broken      bool
}

// channel is one subscription and what to do with its messages.
type channel struct {
	deliver func(hot.Delivery, [][]byte)
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
	f := &Feed{r: r, channels: map[string]*channel{}, unconfirmed: map[string]bool{}, awaited: map[string]int{}}
	f.pubsub = f.connect(ctx)
	return f, nil
}

func (f *Feed) connect(ctx context.Context, names ...string) *redis.PubSub {
	if f.r.opts.Embedded {
		return f.r.client.Subscribe(ctx, names...)
	}
	// One call may name channels of one slot only, in a cluster.
	p := f.r.client.SSubscribe(ctx)
	for _, name := range names {
		if err := p.SSubscribe(ctx, name); err != nil {
			break // The connection is broken already; receiving says so.
		}
	}
	return p
}

func (f *Feed) current() *redis.PubSub {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pubsub
}

// Run implements hot.Feed.
func (f *Feed) Run(ctx context.Context, d hot.Delivery) error {
	defer context.AfterFunc(ctx, func() { _ = f.current().Close() })()
	answers := f.r.answerChannel(f.r.opts.Instance)
	if err := f.want(ctx, answers, hot.Delivery.Answers, false); err != nil {
		return err
	}
	wait, pinged := minWait, false
	for {
		if f.back() {
			f.r.opts.Log.Info("subscriptions are back")
			d.Resubscribed()
		}
		message, err := f.current().ReceiveTimeout(ctx, pingEvery)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			wait, pinged = minWait, false
			f.heard(d, message)
		case isTimeout(err) && !pinged && f.current().Ping(ctx) == nil:
			// Written is not heard: silence after it means a connection that only looks open.
			pinged = true
		default:
			f.lost(ctx, err)
			pause(ctx, wait)
			wait, pinged = min(2*wait, maxWait), false
		}
	}
}

// Waits after a broken connection, and how long silence may last before a ping.
const (
	minWait   = 20 * time.Millisecond
	maxWait   = 2 * time.Second
	pingEvery = 5 * time.Second
)

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// lost gives up a broken connection and subscribes all wanted channels on a new one;
// when all are confirmed, what was missed can be asked for.
func (f *Feed) lost(ctx context.Context, cause error) {
	f.sending.Lock()
	defer f.sending.Unlock()
	_ = f.current().Close() // it is broken
	f.mu.Lock()
	if !f.broken {
		f.r.opts.Log.Warn("subscriptions broken", "error", cause)
	}
	f.broken = true
	clear(f.awaited)
	names := make([]string, 0, len(f.channels))
	for name := range f.channels {
		f.unconfirmed[name] = true
		f.awaited[name] = 1
		names = append(names, name)
	}
	f.mu.Unlock()
	fresh := f.connect(ctx, names...)
	f.mu.Lock()
	f.pubsub = fresh
	f.mu.Unlock()
}

// back is true once when everything is subscribed again after a break.
func (f *Feed) back() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.broken || len(f.unconfirmed) > 0 {
		return false
	}
	f.broken = false
	return true
}

func (f *Feed) heard(d hot.Delivery, message any) {
	switch m := message.(type) {
	case *redis.Subscription:
		f.confirmed(m)
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
		c.deliver(d, values)
	}
}

// confirmed takes a confirmation. Of a channel dropped and wanted again only the last
// one counts: between the earlier one and that, nothing is heard.
func (f *Feed) confirmed(m *redis.Subscription) {
	if m.Kind != "subscribe" && m.Kind != "ssubscribe" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.awaited[m.Channel]--; f.awaited[m.Channel] > 0 {
		return
	}
	delete(f.awaited, m.Channel)
	delete(f.unconfirmed, m.Channel)
	if c := f.channels[m.Channel]; c != nil {
		c.once.Do(func() { close(c.confirmed) })
	}
}

// want subscribes a channel; with wait it returns once that is confirmed.
func (f *Feed) want(ctx context.Context, name string, deliver func(hot.Delivery, [][]byte), wait bool) error {
	c := f.enter(name, deliver)
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
func (f *Feed) enter(name string, deliver func(hot.Delivery, [][]byte)) *channel {
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
	f.awaited[name]++
	f.mu.Unlock()
	if f.r.opts.Embedded {
		f.send(name, (*redis.PubSub).Subscribe)
	} else {
		f.send(name, (*redis.PubSub).SSubscribe)
	}
	return c
}

func (f *Feed) drop(name string) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	delete(f.channels, name)
	delete(f.unconfirmed, name)
	f.mu.Unlock()
	if f.r.opts.Embedded {
		f.send(name, (*redis.PubSub).Unsubscribe)
	} else {
		f.send(name, (*redis.PubSub).SUnsubscribe)
	}
}

// send writes a command; the caller holds sending. When that fails the connection is
// given up, so that who receives notices too: a new one has all wanted channels.
func (f *Feed) send(name string, command func(*redis.PubSub, context.Context, ...string) error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.r.opts.Timeout)
	defer cancel()
	pubsub := f.current()
	if err := command(pubsub, ctx, name); err != nil {
		f.r.opts.Log.Debug("a subscription's command failed", "channel", name, "error", err)
		_ = pubsub.Close() // it is broken
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
