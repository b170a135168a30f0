package client

import (
	"slices"

	clientv1 "annal/gen/annal/client/v1"
)

// maxTyping bounds the typing of a stream that nobody has taken.
const maxTyping = 16

// Typing tells the session's other members that the user types; who subscribed to it
// gets a Typing from their stream. Say it again every few seconds while it is so: the
// gateway passes on one in 2 s. It is ephemeral: it waits for nothing, no error is told,
// and it is not sent again when the connection is lost.
func (c *Client) Typing(session string) {
	var n *conn
	op := &clientv1.ClientFrame_Typing{Typing: &clientv1.Typing{Session: session}}
	k, err := c.newCall(&clientv1.ClientFrame{Op: op}, "", func(_ *clientv1.ServerFrame, err error) {
		if err != nil {
			c.log.Debug("client: typing was refused", "err", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		n.typing = false
	})
	if err != nil {
		c.log.Debug("client: typing cannot be said", "err", err)
		return
	}
	k.connOnly = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if n = c.conn; n == nil || n.typing || c.err != nil {
		return
	}
	n.typing = true
	c.register(k)
}

// types gives a stream that somebody types, unless that waits to be taken already.
func (c *Client) types(m *clientv1.SomeoneTyping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[m.GetSession()]
	if s == nil || len(s.typing) == maxTyping || slices.Contains(s.typing, m.GetUser()) {
		return
	}
	s.typing = append(s.typing, m.GetUser())
	s.signal()
}
