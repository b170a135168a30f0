package gateway

import (
	"context"
	"errors"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// typingEvery is how often a connection's typing in a session counts.
const typingEvery = 2 * time.Second

// ephemeral begins a value on a session's or a user's channel that is no outcome: it is the
// tag of the field number 0, with which no protobuf begins. What such a value tells is in no
// log, true for a moment, and not made up for when it is lost. On a user's channel it is all
// of it: they came or went.
const ephemeral = 0

var errTyping = errors.New("gateway: not what says that a user types")

// isEphemeral says whether a value from a channel is no outcome.
func isEphemeral(value []byte) bool { return len(value) > 0 && value[0] == ephemeral }

// encodeTyping tells other gateways that a user types; the connection from knows.
func encodeTyping(u events.UserID, from string) []byte {
	return append([]byte{ephemeral}, events.EncodeBatch([][]byte{[]byte(u), []byte(from)})...)
}

func decodeTyping(value []byte) (u events.UserID, from string, err error) {
	parts, err := events.DecodeBatch(value[1:])
	if err != nil || len(parts) != 2 {
		return "", "", errors.Join(errTyping, err)
	}
	return events.UserID(parts[0]), string(parts[1]), nil
}

// typing tells the session's subscribers on all gateways that the user types. More than
// one in typingEvery is answered and dropped, and so is that of who may say nothing now.
func (c *Conn) typing(ctx context.Context, u events.UserID, op *clientv1.Typing) (*clientv1.ServerFrame, *events.Error) {
	session, err := sessionOf(op.GetSession())
	if err != nil {
		return nil, err
	}
	reply := typingFrame(session, u)
	now := c.gw.ports.Now()
	if last, ok := c.typed[session]; ok && now.Sub(last) < typingEvery {
		return reply, nil
	}
	silent, err := c.isSilenced(ctx, session, u, events.Millis(now.UnixMilli()))
	if err != nil {
		return nil, err
	}
	c.noteTyped(session, now)
	if silent {
		return reply, nil
	}
	round := hot.Round{Sessions: map[events.SessionID][][]byte{session: {encodeTyping(u, c.id)}}}
	if err := c.gw.ports.Notifier.Publish(ctx, round); err != nil {
		c.gw.log.Debug("nobody hears that a user types", "session", session, "error", err)
	}
	return reply, nil
}

// noteTyped keeps the times that still hold something back.
func (c *Conn) noteTyped(session events.SessionID, now time.Time) {
	for s, last := range c.typed {
		if now.Sub(last) >= typingEvery {
			delete(c.typed, s)
		}
	}
	if c.typed == nil {
		c.typed = map[events.SessionID]time.Time{}
	}
	c.typed[session] = now
}

// isSilenced says whether the user is muted, or one of two of whom one blocks the other. It
// fails unless the user is a member; who is subscribed is one, and nothing need be read then.
func (c *Conn) isSilenced(ctx context.Context, session events.SessionID, u events.UserID, now events.Millis) (bool, *events.Error) {
	c.mu.Lock()
	s := c.subs.of(session)
	c.mu.Unlock()
	if s != nil && s.user == u {
		return s.isSilenced(now), nil
	}
	p, err := c.person(ctx, session, u)
	switch {
	case err != nil:
		return false, err
	case !p.Member.In():
		return false, &events.Error{Code: events.CodeNotAMember}
	}
	return p.Head.Blocks > 0 || mutedUntil(&p) > now, nil
}

// typing passes on that somebody types. Whose queue is half full has more to hear of
// than that; where nobody sees who has read what, nobody sees this.
func (t *topic) typing(value []byte) {
	user, from, err := decodeTyping(value)
	if err != nil {
		t.gw.unreadable(err)
		return
	}
	e := encoded{frame: typingFrame(t.session, user)}
	tell := func(s *subscription) {
		if s.conn.id != from && s.conn.transport.HasRoom() {
			s.conn.sendEncoded(kindTyping, &e)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !receipts(t.known.policy, t.known.members) {
		return
	}
	for _, s := range t.live {
		tell(s)
	}
	for s := range t.filling {
		tell(s)
	}
}

func typingFrame(s events.SessionID, u events.UserID) *clientv1.ServerFrame {
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Typing{Typing: &clientv1.SomeoneTyping{Session: string(s), User: string(u)}}}
}
