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

	mu     sync.Mutex
	pubsub *redis.PubSub
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
	f := &Feed{r: r, channels: map[string]*channel{}, unconfirmed: map[string]bool{}}
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
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.broken {
		f.r.opts.Log.Warn("subscriptions broken", "error", cause)
	}
	f.broken = true
	names := make([]string, 0, len(f.channels))
	for name := range f.channels {
		f.unconfirmed[name] = true
		names = append(names, name)
	}
	_ = f.pubsub.Close() // it is broken
	f.pubsub = f.connect(ctx, names...)
}

func (f *Feed) heard(d hot.Delivery, message any) {
	switch m := message.(type) {
	case *redis.Subscription:
		if f.confirmed(m) {
			f.r.opts.Log.Info("subscriptions are back")
			d.Resubscribed()
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
		c.deliver(d, values)
	}
}

// confirmed is true when this confirmation was the last one after a break.
func (f *Feed) confirmed(m *redis.Subscription) bool {
	if m.Kind != "subscribe" && m.Kind != "ssubscribe" {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.channels[m.Channel]; c != nil {
		c.once.Do(func() { close(c.confirmed) })
	}
	delete(f.unconfirmed, m.Channel)
	if !f.broken || len(f.unconfirmed) > 0 {
		return false
	}
	f.broken = false
	return true
}

// want subscribes a channel; with wait it returns once that is confirmed.
func (f *Feed) want(ctx context.Context, name string, deliver func(hot.Delivery, [][]byte), wait bool) error {
	f.mu.Lock()
	c := f.channels[name]
	fresh := c == nil
	if fresh {
		c = &channel{deliver: deliver, confirmed: make(chan struct{})}
		f.channels[name] = c
	}
	if fresh {
		// Under the lock, so that a drop of the same channel can't come in between.
		if err := f.subscribe(ctx, name); err != nil {
			// The connection is broken; when it is back all wanted channels are subscribed.
			f.r.opts.Log.Debug("subscribing later", "channel", name, "error", err)
		}
	}
	f.mu.Unlock()
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

func (f *Feed) subscribe(ctx context.Context, name string) error {
	if f.r.opts.Embedded {
		return f.pubsub.Subscribe(ctx, name)
	}
	return f.pubsub.SSubscribe(ctx, name)
}

func (f *Feed) drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.channels, name)
	delete(f.unconfirmed, name)
	ctx, cancel := context.WithTimeout(context.Background(), f.r.opts.Timeout)
	defer cancel()
	var err error
	if f.r.opts.Embedded {
		err = f.pubsub.Unsubscribe(ctx, name)
	} else {
		err = f.pubsub.SUnsubscribe(ctx, name)
	}
	if err != nil {
		// A broken connection has forgotten the channel by itself.
		f.r.opts.Log.Debug("unsubscribe failed", "channel", name, "error", err)
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
