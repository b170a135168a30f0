package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"annal/pkg/projections/hot"
)

// line is one connection of a feed: to the server, or to one master of a cluster, where
// a channel is heard at the node that has its slot. All but addr belongs to the feed's mu.
type line struct {
	// addr is the node's, empty for the one server.
	addr   string
	node   redis.UniversalClient
	pubsub *redis.PubSub
	// awaited counts the confirmations that the present connection still owes, by name,
	// leaving those of unsubscribing.
	awaited, leaving map[string]int
	heard            bool // somebody listens
}

// connect makes a connection, with nothing subscribed.
func (f *Feed) connect(ctx context.Context, node redis.UniversalClient) *redis.PubSub {
	if f.r.opts.Embedded {
		return node.Subscribe(ctx)
	}
	return node.SSubscribe(ctx)
}

// lineFor gives the line that a channel is heard on, made if needed. The caller holds sending.
func (f *Feed) lineFor(ctx context.Context, name string) (*line, error) {
	addr, node := "", f.r.client
	if cluster, ok := node.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, name)
		if err != nil {
			return nil, err
		}
		addr, node = master.Options().Addr, master
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lines[addr]
	if l == nil {
		l = &line{addr: addr, awaited: map[string]int{}, leaving: map[string]int{}}
		l.pubsub = f.connect(ctx, node)
		f.lines[addr] = l
	}
	l.node = node
	f.listenTo(l)
	return l, nil
}

// listenTo has a line listened to, once the feed runs. mu is held.
func (f *Feed) listenTo(l *line) {
	if f.ctx != nil && f.ctx.Err() == nil && !l.heard {
		l.heard = true
		f.listening.Go(func() { f.listen(f.ctx, l) })
	}
}

// Waits after a broken connection, and how long silence may last before a ping.
const (
	minWait   = 20 * time.Millisecond
	maxWait   = 2 * time.Second
	pingEvery = 5 * time.Second
)

// listen delivers what a line brings, until ctx ends.
func (f *Feed) listen(ctx context.Context, l *line) {
	wait, pinged := minWait, false
	for ctx.Err() == nil {
		pubsub := f.current(l)
		message, err := pubsub.ReceiveTimeout(ctx, pingEvery)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			wait, pinged = minWait, false
			f.take(ctx, l, message)
		case isTimeout(err) && !pinged && pubsub.Ping(ctx) == nil:
			// Written is not heard: silence after it means a connection that only looks open.
			pinged = true
		default:
			if !f.lost(ctx, l, err) {
				return
			}
			pause(ctx, wait)
			wait, pinged = min(2*wait, maxWait), false
		}
		if f.back() {
			f.r.opts.Log.Info("subscriptions are back")
			f.deliver(hot.Delivery.Resubscribed)
		}
	}
}

func (f *Feed) current(l *line) *redis.PubSub {
	f.mu.Lock()
	defer f.mu.Unlock()
	return l.pubsub
}

// lost gives up a broken connection and subscribes all that it had on a new one, or
// where it is heard now; when all are confirmed, what was missed can be asked for. False
// when nothing is heard on this line any more: it is gone.
func (f *Feed) lost(ctx context.Context, l *line, cause error) bool {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	_ = l.pubsub.Close() // it is broken
	l.pubsub = f.connect(ctx, l.node)
	clear(l.awaited)
	clear(l.leaving)
	var names []string
	for name, c := range f.channels {
		if c.line == l {
			names = append(names, name)
			c.line = nil
		}
	}
	if !f.broken && len(names) > 0 {
		f.r.opts.Log.Warn("subscriptions broken", "node", l.addr, "error", cause)
	}
	f.mu.Unlock()
	f.reload(ctx)
	for _, name := range names {
		f.seatAgain(ctx, name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.channels {
		if c.line == l {
			return true
		}
	}
	if l.addr != "" && len(f.lines) > 1 {
		_ = l.pubsub.Close() // nothing is heard on it
		delete(f.lines, l.addr)
		return false
	}
	return true
}

// evicted subscribes a channel again that the node no longer has: its slot was moved.
func (f *Feed) evicted(ctx context.Context, name string) {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.reload(ctx)
	f.seatAgain(ctx, name)
}

// reload learns where the slots of a cluster are now.
func (f *Feed) reload(ctx context.Context) {
	if _, cluster := f.r.client.(*redis.ClusterClient); cluster {
		// It reloads before it asks the masters; who is away is away for us too.
		_ = f.r.eachMaster(ctx, func(context.Context, *redis.Client) error { return nil })
	}
}

// seatAgain subscribes a channel that was not heard for a while. The caller holds sending.
func (f *Feed) seatAgain(ctx context.Context, name string) {
	f.mu.Lock()
	_, wanted := f.channels[name]
	if wanted {
		f.unconfirmed[name] = true
		f.broken = true
	}
	f.mu.Unlock()
	if wanted {
		f.seat(ctx, name)
	}
}

// seat subscribes a channel where it is heard. The caller holds sending.
func (f *Feed) seat(ctx context.Context, name string) {
	l, err := f.lineFor(ctx, name)
	f.mu.Lock()
	if err != nil {
		// Any node will say where it is, once one is there.
		for _, l = range f.lines {
			break
		}
	}
	f.channels[name].line = l
	l.awaited[name]++
	f.mu.Unlock()
	if f.r.opts.Embedded {
		f.send(l, name, (*redis.PubSub).Subscribe)
	} else {
		f.send(l, name, (*redis.PubSub).SSubscribe)
	}
}

// send writes a command; the caller holds sending. When that fails the connection is
// given up, so that who receives notices too: a new one has all wanted channels.
func (f *Feed) send(l *line, name string, command func(*redis.PubSub, context.Context, ...string) error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.r.opts.Timeout)
	defer cancel()
	pubsub := f.current(l)
	if err := command(pubsub, ctx, name); err != nil {
		f.r.opts.Log.Debug("a subscription's command failed", "channel", name, "error", err)
		_ = pubsub.Close() // it is broken
	}
}

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
