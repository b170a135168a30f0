package client

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// maxFrame is the largest frame a gateway takes.
const maxFrame = 1 << 20

type callState uint8

const (
	// waiting for a connection, or for its lane to go on.
	waiting callState = iota
	// queued for the connection's writer, or written by it.
	queued
	// delayed until a timer ends: a reading call that was told to come later.
	delayed
)

// call is a frame that has no answer yet. Its fields belong to the client's lock,
// but for those that never change.
type call struct {
	id    string
	frame []byte
	// session is the lane of a command; empty for what keeps no order.
	session string
	// connOnly calls make no sense on another connection, and end with it unanswered.
	connOnly bool
	// command is what the gateway's bound on commands in flight counts.
	command bool
	hasSlot bool
	done    func(*clientv1.ServerFrame, error)

	state callState
	// on is the connection whose commands in flight the call is one of.
	on       *conn
	sent     bool
	resent   bool
	refusals int
	elem     *list.Element
	unhook   func() bool
	slots    chan struct{}
}

// finish gives the slot back and tells the caller; never under the lock.
func (k *call) finish(m *clientv1.ServerFrame, err error) {
	if k.hasSlot {
		<-k.slots
	}
	if k.done != nil {
		k.done(m, err)
	}
}

// newCall encodes a frame under an id of its own.
func (c *Client) newCall(m *clientv1.ClientFrame, session string, done func(*clientv1.ServerFrame, error)) (*call, error) {
	m.Id = strconv.FormatUint(c.ids.Add(1), 10)
	frame, err := c.opts.Codec.AppendClient(nil, m)
	switch {
	case err != nil:
		return nil, &Error{Code: err.Code, Retry: err.Code.Info().Retry}
	case len(frame) > maxFrame:
		return nil, &Error{Code: events.CodeFrameTooLarge, Retry: events.RetryChanged}
	}
	return &call{id: m.Id, frame: frame, session: session, done: done, slots: c.slots}, nil
}

// submit sends a frame and calls done once, with the answer or an error, from a
// goroutine of the client's own or from submit itself. submit blocks while too much
// is in flight.
func (c *Client) submit(ctx context.Context, m *clientv1.ClientFrame, session string, done func(*clientv1.ServerFrame, bool, error)) {
	var k *call
	k, err := c.newCall(m, session, func(m *clientv1.ServerFrame, err error) { done(m, k.resent, err) })
	if err != nil {
		done(nil, false, err)
		return
	}
	k.command = m.GetClientId() != ""
	select {
	case c.slots <- struct{}{}:
		k.hasSlot = true
	case <-ctx.Done():
		done(nil, false, unknownIf(false, ctx.Err()))
		return
	case <-c.over:
		done(nil, false, unknownIf(false, c.cause()))
		return
	}
	c.mu.Lock()
	if c.err != nil {
		err := c.err
		c.mu.Unlock()
		k.finish(nil, unknownIf(false, err))
		return
	}
	if ctx.Done() != nil {
		k.unhook = context.AfterFunc(ctx, func() { c.abandon(k, ctx.Err()) })
	}
	c.register(k)
	c.mu.Unlock()
}

// register puts a call into the order, and on its way. The lock is held.
func (c *Client) register(k *call) {
	k.elem = c.pending.PushBack(k)
	c.byID[k.id] = k
	if k.session != "" {
		c.lane(k.session).calls++
	}
	c.enqueue(k)
}

// forget takes a call out of the order. The lock is held.
func (c *Client) forget(k *call) {
	if k.elem == nil {
		return
	}
	k.landed()
	c.pending.Remove(k.elem)
	k.elem = nil
	delete(c.byID, k.id)
	if k.unhook != nil {
		k.unhook()
	}
	if k.session != "" {
		c.leaveLane(k)
	}
}

// abandon ends a call whose caller no longer waits.
func (c *Client) abandon(k *call, cause error) {
	c.mu.Lock()
	if k.elem == nil {
		c.mu.Unlock()
		return
	}
	c.forget(k)
	c.mu.Unlock()
	k.finish(nil, unknownIf(k.sent, cause))
}

// answer ends the call that m is the reply to, or puts it off when m says "later".
func (c *Client) answer(m *clientv1.ServerFrame) {
	c.mu.Lock()
	k, ok := c.byID[m.GetId()]
	if !ok {
		c.mu.Unlock()
		return // abandoned, or a second answer
	}
	var err error
	if e := m.GetError(); e != nil {
		refusal := errorFrom(e)
		refusal.Resent = k.resent
		if refusal.Retry == events.RetryLater && !k.connOnly {
			if k.state == queued { // else it was put off already, and this says nothing new
				c.later(k, refusal)
			}
			c.mu.Unlock()
			return
		}
		err = refusal
	}
	c.forget(k)
	c.mu.Unlock()
	k.finish(m, err)
}

// later puts a call off. The lock is held.
func (c *Client) later(k *call, refusal *Error) {
	k.landed()
	after := max(refusal.RetryAfter, c.backoff(k.refusals))
	k.refusals++
	if k.session != "" {
		c.hold(k, after)
		return
	}
	k.state = delayed
	n := c.conn
	time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if k.elem != nil && k.state == delayed && c.conn == n {
			c.enqueue(k)
		}
	})
}

// do submits a frame and waits.
func (c *Client) do(ctx context.Context, m *clientv1.ClientFrame, session string) (*clientv1.ServerFrame, bool, error) {
	type answer struct {
		m      *clientv1.ServerFrame
		resent bool
		err    error
	}
	ch := make(chan answer, 1)
	c.submit(ctx, m, session, func(m *clientv1.ServerFrame, resent bool, err error) { ch <- answer{m, resent, err} })
	a := <-ch // submit ends it when ctx does
	return a.m, a.resent, a.err
}

// query asks for a page and picks it from the reply.
func query[P any](ctx context.Context, c *Client, m *clientv1.ClientFrame, pick func(*clientv1.ServerFrame) *P) (*P, error) {
	reply, _, err := c.do(ctx, m, "")
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, err
		}
		// Asking changes nothing, so no outcome is unknown.
		if cause := ctx.Err(); cause != nil {
			return nil, fmt.Errorf("client: %w", cause)
		}
		return nil, err
	}
	p := pick(reply)
	if p == nil {
		return nil, fmt.Errorf("client: the server answers with a %T", reply.GetKind())
	}
	return p, nil
}
