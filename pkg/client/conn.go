package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

const (
	// writeWait is how long the network may take to accept what is written.
	writeWait = 10 * time.Second
	// heartbeatDefault is used when a gateway names no heartbeat.
	heartbeatDefault = 30 * time.Second
)

// conn is one WebSocket connection, authenticated.
type conn struct {
	client *Client
	ws     *websocket.Conn
	raw    *bufferedConn
	token  string

	heartbeat time.Duration
	expires   time.Time
	// heard and spoke are when something last came in and went out, in Unix nanoseconds.
	heard, spoke atomic.Int64

	// queue holds what the writer has not taken yet, and flying counts the commands
	// that have no answer, most at most (0: no bound). All up to wake belongs to the client's lock.
	queue  []*call
	flying int
	most   int
	// typing says that one has no answer yet; further ones are left out.
	typing bool
	wake   chan struct{}
}

// start notes what the welcome says.
func (n *conn) start(w *clientv1.Welcome) {
	n.heartbeat = time.Duration(w.GetHeartbeatMs()) * time.Millisecond
	if n.heartbeat <= 0 {
		n.heartbeat = heartbeatDefault
	}
	if ms := w.GetTokenExpiresMs(); ms > 0 {
		n.expires = time.UnixMilli(ms)
	}
	n.most = int(w.GetMaxInFlight())
	now := time.Now().UnixNano()
	n.heard.Store(now)
	n.spoke.Store(now)
}

// push queues a call for the writer. The client's lock is held.
func (n *conn) push(k *call) {
	n.queue = append(n.queue, k)
	n.rouse()
}

// rouse wakes the writer.
func (n *conn) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// serve reads until the connection is lost or the client ends, and says why.
func (n *conn) serve() error {
	ctx, cancel := context.WithCancelCause(n.client.ctx)
	var gone sync.WaitGroup
	n.ws.SetPingHandler(func(data string) error {
		n.heard.Store(time.Now().UnixNano())
		if err := n.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeWait)); err != nil {
			return fmt.Errorf("client: pong: %w", err)
		}
		return n.raw.flush()
	})
	n.raw.gathering(true)
	gone.Go(func() { n.write(ctx, cancel) })
	gone.Go(func() { n.beat(ctx, cancel) })
	gone.Go(func() { n.renew(ctx) })
	gone.Go(func() {
		<-ctx.Done()
		n.hangUp()
	})
	err := n.read()
	cancel(err)
	gone.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// hangUp says goodbye, if the peer is there to hear it, and closes, which ends the
// reading.
func (n *conn) hangUp() {
	soon := time.Now().Add(time.Second)
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	err := errors.Join(n.raw.SetWriteDeadline(soon), n.ws.WriteControl(websocket.CloseMessage, bye, soon), n.raw.flush())
	if err != nil {
		n.client.log.Debug("client: no goodbye", "err", err)
	}
	n.ws.Close()
}

func (n *conn) read() error {
	for {
		_, b, err := n.ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("client: connection lost: %w", closeError(err))
		}
		n.heard.Store(time.Now().UnixNano())
		m, err := n.client.opts.Codec.ParseServer(b)
		if err != nil {
			return fmt.Errorf("client: %w", err)
		}
		if err := n.client.dispatch(m); err != nil {
			return err
		}
	}
}

// write takes what is queued, many frames to a system call.
func (n *conn) write(ctx context.Context, cancel context.CancelCauseFunc) {
	var spare []*call
	for {
		select {
		case <-n.wake:
		case <-ctx.Done():
			return
		}
		batch := n.take(spare)
		if err := n.writeAll(batch); err != nil {
			cancel(fmt.Errorf("client: connection lost: %w", err))
			return
		}
		clear(batch)
		spare = batch[:0]
	}
}

// take gives what is queued to the writer, with spare as the next queue. Commands
// beyond the gateway's bound stay queued.
func (n *conn) take(spare []*call) []*call {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	queue := n.queue
	kept := queue[:0]
	for _, k := range queue {
		if k.elem == nil || k.state != queued {
			continue // abandoned meanwhile
		}
		if k.command {
			if n.most > 0 && n.flying >= n.most {
				spare = append(spare, k)
				continue
			}
			n.flying++
			k.on = n
		}
		k.resent = k.resent || k.sent
		k.sent = true
		kept = append(kept, k)
	}
	n.queue = spare
	return kept
}

// landed notes that the gateway no longer counts the command. The client's lock is held.
func (k *call) landed() {
	if k.on == nil {
		return
	}
	k.on.flying--
	if len(k.on.queue) > 0 {
		k.on.rouse()
	}
	k.on = nil
}

func (n *conn) writeAll(batch []*call) error {
	if len(batch) == 0 {
		return nil
	}
	now := time.Now()
	if err := n.ws.SetWriteDeadline(now.Add(writeWait)); err != nil {
		return err
	}
	if err := n.raw.SetWriteDeadline(now.Add(writeWait)); err != nil {
		return err
	}
	for _, k := range batch {
		if err := n.say(k.frame); err != nil {
			return err
		}
	}
	n.spoke.Store(now.UnixNano())
	return n.raw.flush()
}

// say writes a frame as what the subprotocol's frames are.
func (n *conn) say(frame []byte) error {
	kind := websocket.TextMessage
	if n.client.opts.Codec.Binary() {
		kind = websocket.BinaryMessage
	}
	return n.ws.WriteMessage(kind, frame)
}

// beat says something when it has been quiet, and gives up on a peer that does.
func (n *conn) beat(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(n.heartbeat / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now().UnixNano()
		silent := time.Duration(now - n.heard.Load())
		if silent > n.heartbeat {
			cancel(&Error{Code: events.CodeHeartbeatTimeout, Retry: events.RetryLater, Message: fmt.Sprintf("nothing heard for %v", silent)})
			return
		}
		if silent > n.heartbeat/2 || time.Duration(now-n.spoke.Load()) > n.heartbeat/2 {
			n.internal(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}}, nil)
		}
	}
}

// internal sends a frame of the client's own, on this connection only.
func (n *conn) internal(m *clientv1.ClientFrame, done func(*clientv1.ServerFrame, error)) {
	k, err := n.client.newCall(m, "", done)
	if err != nil {
		n.client.log.Error("client: own frame", "err", err)
		return
	}
	k.connOnly = true
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	if n.client.conn == n && n.client.err == nil {
		n.client.register(k)
	}
}

// renew says hello again with a new token before the present one expires.
func (n *conn) renew(ctx context.Context) {
	if n.expires.IsZero() {
		return
	}
	c := n.client
	for left := time.Until(n.expires); left > 0; left = time.Until(n.expires) {
		// At four fifths of its life, then ever closer to the end.
		if !wait(ctx, max(left*4/5, time.Second)) {
			return
		}
		token, err := c.opts.Token(ctx)
		if err != nil {
			c.log.Warn("client: no new token", "err", err)
			continue
		}
		if token == n.token {
			continue
		}
		renewed := make(chan int64, 1)
		n.internal(c.helloFrame(token), func(m *clientv1.ServerFrame, err error) {
			if err != nil {
				c.log.Warn("client: new token refused", "err", err)
			}
			renewed <- m.GetWelcome().GetTokenExpiresMs()
		})
		select {
		case ms := <-renewed:
			if ms > 0 {
				n.token, n.expires = token, time.UnixMilli(ms)
			}
		case <-ctx.Done():
			return
		}
	}
}

// dispatch gives a frame to whom it is for.
func (c *Client) dispatch(m *clientv1.ServerFrame) error {
	if m.GetId() != "" {
		c.answer(m)
		return nil
	}
	switch kind := m.GetKind().(type) {
	case *clientv1.ServerFrame_Event:
		c.deliver(kind.Event)
	case *clientv1.ServerFrame_Notice:
		c.notices.put(kind.Notice)
	case *clientv1.ServerFrame_Typing:
		c.types(kind.Typing)
	case *clientv1.ServerFrame_PresenceChanged:
		c.presenceChanged(kind.PresenceChanged)
	case *clientv1.ServerFrame_Unsubscribed:
		c.unsubscribed(kind.Unsubscribed.GetSession())
	case *clientv1.ServerFrame_Error:
		// Without an id it is about the connection, which the server then closes.
		return errorFrom(kind.Error)
	}
	return nil
}
