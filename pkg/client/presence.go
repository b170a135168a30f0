package client

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// Presence tells whether users are online, 100 at most. Sessions are those, besides direct ones, that the user shares with them. Of those whose
// presence is none of the user's business it tells what it tells of nobody.
func (c *Client) Presence(ctx context.Context, users []string, sessions ...string) (*clientv1.PresencePage, error) {
	op := &clientv1.Presence{Users: users, Sessions: sessions}
	return query(ctx, c, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Presence{Presence: op}}, (*clientv1.ServerFrame).GetPresence)
}

// SetAway says whether nobody looks at this device; somebody does until it is said, which it is again on every new connection.
func (c *Client) SetAway(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = away
	c.sayAway()
}

// sayAway says it on the present connection. The lock is held.
func (c *Client) sayAway() {
	if c.conn == nil || c.err != nil {
		return
	}
	n, away := c.conn, c.away
	op := &clientv1.ClientFrame_SetAway{SetAway: &clientv1.SetAway{Away: away}}
	k, err := c.newCall(&clientv1.ClientFrame{Op: op}, "", func(_ *clientv1.ServerFrame, err error) {
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Retry == events.RetryLater {
			c.again(n, refusal, func() {
				if c.away == away {
					c.sayAway()
				}
			})
		}
	})
	if err != nil {
		c.log.Debug("client: that nobody looks cannot be said", "err", err)
		return
	}
	k.connOnly = true
	c.register(k)
}

// again calls f after a wait, with the lock held, if the connection still stands.
func (c *Client) again(n *conn, refusal *Error, f func()) {
	time.AfterFunc(max(refusal.RetryAfter, c.backoff(0)), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conn == n && c.err == nil {
			f()
		}
	})
}

// Watching are users whose presence is watched. One goroutine at a time may call Next.
type Watching struct {
	client          *Client
	users, sessions []string
	wake            chan struct{}

	// These belong to the client's lock. states are what was last told, by user, and news whose changed since it was taken.
	states map[string]*clientv1.PresenceState
	news   []string
	err    error
}

// WatchPresence watches users, 100 at most, on this and all later connections, in place of those watched before; without users it watches nobody.
// Sessions are as for Presence. Next tells how they are at first, and what changes.
func (c *Client) WatchPresence(users []string, sessions ...string) *Watching {
	w := &Watching{
		client: c, users: slices.Clone(users), sessions: slices.Clone(sessions), wake: make(chan struct{}, 1),
		states: map[string]*clientv1.PresenceState{},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching != nil {
		c.watching.fail(io.EOF)
	}
	c.watching = w
	if c.err != nil {
		w.fail(c.err)
		return w
	}
	c.watch()
	return w
}

// Next waits for a user's state that is news. It gives io.EOF when others are watched instead, and a refusal.
func (w *Watching) Next(ctx context.Context) (*clientv1.PresenceState, error) {
	for {
		if s, err := w.take(); s != nil || err != nil {
			return s, err
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.client.over:
			return nil, w.client.cause()
		}
	}
}

func (w *Watching) take() (*clientv1.PresenceState, error) {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	if len(w.news) == 0 {
		return nil, w.err
	}
	user := w.news[0]
	w.news = w.news[1:]
	return w.states[user], nil
}

// watch has the present connection watch. The lock is held.
func (c *Client) watch() {
	w, n := c.watching, c.conn
	if w == nil || n == nil {
		return
	}
	op := &clientv1.WatchPresence{Users: w.users, Sessions: w.sessions}
	frame := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_WatchPresence{WatchPresence: op}}
	k, err := c.newCall(frame, "", func(m *clientv1.ServerFrame, err error) { c.watched(w, n, m, err) })
	if err != nil {
		w.fail(err)
		return
	}
	k.connOnly = true
	c.register(k)
}

// watched takes the answer.
func (c *Client) watched(w *Watching, n *conn, m *clientv1.ServerFrame, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching != w {
		return
	}
	var refusal *Error
	switch {
	case errors.As(err, &refusal) && refusal.Retry == events.RetryLater:
		c.again(n, refusal, func() {
			if c.watching == w {
				c.watch()
			}
		})
	case err != nil:
		w.fail(err)
	default:
		for _, s := range m.GetPresence().GetUsers() {
			w.tell(s)
		}
	}
}

// presenceChanged takes what changed.
func (c *Client) presenceChanged(s *clientv1.PresenceState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching != nil && slices.Contains(c.watching.users, s.GetUser()) {
		c.watching.tell(s)
	}
}

// tell notes how a user is, if that is news. Of each the last is kept until it is taken. The lock is held.
func (w *Watching) tell(s *clientv1.PresenceState) {
	user := s.GetUser()
	if was := w.states[user]; was != nil && proto.Equal(was, s) {
		return
	}
	w.states[user] = s
	if !slices.Contains(w.news, user) {
		w.news = append(w.news, user)
	}
	w.signal()
}

func (w *Watching) fail(err error) {
	w.err = err
	w.signal()
}

func (w *Watching) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
