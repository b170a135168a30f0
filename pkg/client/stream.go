package client

import (
	"context"
	"errors"
	"io"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// Item is what a stream gives.
//
//sumtype:decl
type Item interface{ isItem() }

// Event is the next event. Timeline events come in order of seq, each once. Markers
// (seq 0) come as they happen, and are not made up for when a connection was lost.
type Event struct{ *clientv1.Event }

// Gap says that the events from First to Last can no longer be had from the window.
type Gap struct{ First, Last uint64 }

// Typing says that a member types, or did a moment ago.
type Typing struct{ User string }

func (Event) isItem()  {}
func (Gap) isItem()    {}
func (Typing) isItem() {}

// Stream is a session's events in order. One goroutine at a time may call Next.
type Stream struct {
	client  *Client
	session string
	ready   chan struct{}
	wake    chan struct{}

	// These belong to the client's lock.
	//
	// last is the seq up to which the consumer has everything there is.
	last uint64
	// healTo is a seq up to which there may be events that did not come in.
	healTo uint64
	buffer []*clientv1.Event
	// typing is who was said to type and has not been given yet.
	typing []string
	// fresh until subscribed for the first time; fromHead: last is not known before.
	fresh    bool
	fromHead bool
	err      error

	// page is what healing fetched and the consumer has not taken; it belongs to
	// the consumer.
	page  []Item
	tries int
}

// Subscribe opens the stream of a session's events above after. There can be one of
// a session at a time.
func (c *Client) Subscribe(ctx context.Context, session string, after uint64) (*Stream, error) {
	return c.subscribe(ctx, &Stream{session: session, last: after})
}

// SubscribeFromHead opens the stream of a session's events from now on.
func (c *Client) SubscribeFromHead(ctx context.Context, session string) (*Stream, error) {
	return c.subscribe(ctx, &Stream{session: session, fromHead: true})
}

func (c *Client) subscribe(ctx context.Context, s *Stream) (*Stream, error) {
	s.client, s.fresh = c, true
	s.ready, s.wake = make(chan struct{}), make(chan struct{}, 1)
	c.mu.Lock()
	switch {
	case c.err != nil:
		defer c.mu.Unlock()
		return nil, c.err
	case c.streams[s.session] != nil:
		defer c.mu.Unlock()
		return nil, ErrSubscribed
	}
	c.streams[s.session] = s
	if c.conn != nil {
		c.resume(s)
	}
	c.mu.Unlock()
	select {
	case <-s.ready:
	case <-ctx.Done():
		s.Close()
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return s, nil
}

// Session is whose events these are.
func (s *Stream) Session() string { return s.session }

// Last is the seq up to which Next has given everything.
func (s *Stream) Last() uint64 {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.last
}

// resume subscribes on the present connection, above what the consumer has. The
// lock is held.
func (c *Client) resume(s *Stream) {
	op := &clientv1.Subscribe{Session: s.session}
	if !s.fresh || !s.fromHead {
		op.After = &s.last
	}
	// What the server sends again need not be kept twice; markers it does not send.
	kept := s.buffer[:0]
	for _, e := range s.buffer {
		if e.GetSeq() == 0 {
			kept = append(kept, e)
		}
	}
	s.buffer = kept
	k, err := c.newCall(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Subscribe{Subscribe: op}}, "", func(m *clientv1.ServerFrame, err error) {
		c.subscribed(s, m.GetSubscribed(), err)
	})
	if err != nil {
		// newCall looks at the frame alone; whoever waits hears of it.
		delete(c.streams, s.session)
		s.fail(err)
		return
	}
	k.connOnly = true
	c.register(k)
}

// subscribed takes the answer to a subscribe.
func (c *Client) subscribed(s *Stream, m *clientv1.Subscribed, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s.session] != s {
		return
	}
	var refusal *Error
	switch {
	case errors.As(err, &refusal) && refusal.Retry == events.RetryLater:
		c.resumeLater(s, refusal)
		return
	case err != nil:
		delete(c.streams, s.session)
		s.fail(err)
		return
	case s.fresh && s.fromHead:
		s.last = m.GetFrom()
	}
	s.healTo = max(s.healTo, m.GetFrom())
	if s.fresh {
		s.fresh = false
		close(s.ready)
	}
	s.signal()
}

// signal wakes the consumer.
func (s *Stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// fail ends the stream with err. The lock is held.
func (s *Stream) fail(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	if s.fresh {
		s.fresh = false
		close(s.ready)
	}
	s.signal()
}

func (s *Stream) end(err error) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	s.fail(err)
}

// Close ends the stream; the server is told.
func (s *Stream) Close() {
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s.session] != s {
		return
	}
	delete(c.streams, s.session)
	s.fail(io.EOF)
	if c.conn == nil {
		return
	}
	op := &clientv1.ClientFrame_Unsubscribe{Unsubscribe: &clientv1.Unsubscribe{Session: s.session}}
	k, err := c.newCall(&clientv1.ClientFrame{Op: op}, "", nil)
	if err != nil {
		c.log.Error("client: own frame", "err", err)
		return
	}
	k.connOnly = true
	c.register(k)
}

// unsubscribed ends a stream whose user is no longer a member.
func (c *Client) unsubscribed(session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[session]; s != nil {
		delete(c.streams, session)
		s.fail(io.EOF)
	}
}

// deliver gives a stream an event; what does not fit is fetched later.
func (c *Client) deliver(e *clientv1.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[e.GetSession()]
	if s == nil {
		return
	}
	switch {
	case len(s.buffer) < c.opts.Buffer:
		s.buffer = append(s.buffer, e)
	default:
		s.healTo = max(s.healTo, e.GetSeq())
	}
	s.signal()
}
