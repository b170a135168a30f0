package gateway

import (
	"context"
	"errors"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// subscribe answers with where events begin, then sends them. A second one of the
// same session takes the first one's place.
func (c *Conn) subscribe(id string, u events.UserID, op *clientv1.Subscribe) *events.Error {
	session, err := sessionOf(op.GetSession())
	if err != nil {
		return err
	}
	c.mu.Lock()
	full := c.subs.of(session) == nil && len(c.subs) >= c.gw.config.MaxSubscriptions
	c.mu.Unlock()
	if full {
		return &events.Error{Code: events.CodeTooManySubscriptions}
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.gw.config.ReadTimeout)
	defer cancel()
	t, failure := c.gw.hub.topics.acquire(ctx, session)
	if failure != nil {
		c.gw.log.Warn("cannot hear a session", "session", session, "error", failure)
		return &events.Error{Code: events.CodeTryAgain}
	}
	// The head is read after the topic is heard: what comes later, the feed brings.
	p, err := c.person(ctx, session, u)
	if err == nil && !p.Member.In() {
		err = &events.Error{Code: events.CodeNotAMember}
	}
	if err == nil && op.After != nil && events.Seq(op.GetAfter()) > p.Head.Seq {
		err = events.Errorf(events.CodeInvalidField, "after is above the head, %d", p.Head.Seq)
	}
	if err != nil {
		c.gw.hub.topics.release(session)
		return err
	}
	from := p.Head.Seq
	if op.After != nil {
		from = max(events.Seq(op.GetAfter()), present(visible(&p)).first-1)
		if p.Head.WindowStart > 0 {
			from = max(from, p.Head.WindowStart-1)
		}
	}
	s := &subscription{
		conn: c, t: t, user: u, joined: p.Member.Stays[len(p.Member.Stays)-1].From, at: -1,
		earlier: past(&p), rights: rightsOf(&p),
	}
	c.replace(session, s)
	c.gw.ports.Metrics.subscriptions.Inc()
	c.send(&clientv1.ServerFrame{Id: id, Kind: &clientv1.ServerFrame_Subscribed{Subscribed: &clientv1.Subscribed{
		Session: string(session), Head: uint64(p.Head.Seq), From: uint64(from),
	}}})
	t.attach(s, p.Head, from)
	return nil
}

// replace sets the connection's subscription of a session, nil for none, and ends the
// one it had.
func (c *Conn) replace(session events.SessionID, s *subscription) {
	c.mu.Lock()
	old := c.subs.put(session, s)
	c.mu.Unlock()
	if old != nil {
		c.gw.hub.remove(old)
	}
}

// unsubscribe is a success whether or not there was a subscription.
func (c *Conn) unsubscribe(op *clientv1.Unsubscribe) (*clientv1.ServerFrame, *events.Error) {
	session, err := sessionOf(op.GetSession())
	if err != nil {
		return nil, err
	}
	c.replace(session, nil)
	return unsubscribedFrame(session), nil
}

// unsubscribed tells the client that a subscription ended: its user is out. The
// topic's lock is held.
func (c *Conn) unsubscribed(s *subscription) {
	c.mu.Lock()
	if c.subs.of(s.t.session) == s {
		c.subs.put(s.t.session, nil)
	}
	c.mu.Unlock()
	c.send(unsubscribedFrame(s.t.session))
}

func unsubscribedFrame(s events.SessionID) *clientv1.ServerFrame {
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Unsubscribed{Unsubscribed: &clientv1.Unsubscribed{Session: string(s)}}}
}

func sessionOf(s string) (events.SessionID, *events.Error) {
	switch {
	case s == "":
		return "", events.Errorf(events.CodeMissingField, "session is missing")
	case !events.ValidName(s):
		return "", events.Errorf(events.CodeInvalidField, "session is not a session id")
	}
	return events.SessionID(s), nil
}

// person reads head and membership. Errors are NO_SUCH_SESSION and TRY_AGAIN.
func (c *Conn) person(ctx context.Context, s events.SessionID, u events.UserID) (hot.Person, *events.Error) {
	p, err := c.gw.ports.View.Person(ctx, s, u)
	if err != nil {
		return hot.Person{}, c.gw.readError(err)
	}
	return p, nil
}

// personIn reads head and membership in the session that a client names. Errors are those of
// sessionOf and person.
func (c *Conn) personIn(ctx context.Context, session string, u events.UserID) (events.SessionID, hot.Person, *events.Error) {
	s, err := sessionOf(session)
	if err != nil {
		return "", hot.Person{}, err
	}
	p, err := c.person(ctx, s, u)
	return s, p, err
}

// readError is what a client is told of a failed read: NO_SUCH_SESSION when the view is
// whole, else TRY_AGAIN, never an empty session.
func (g *Gateway) readError(err error) *events.Error {
	switch {
	case errors.Is(err, hot.ErrNoSession):
		return &events.Error{Code: events.CodeNoSuchSession}
	case errors.Is(err, hot.ErrRebuilding):
		return &events.Error{Code: events.CodeTryAgain}
	case errors.Is(err, errColdAway), errors.Is(err, errColdBusy), errors.Is(err, errColdBehind):
		return events.Errorf(events.CodeTryAgain, "%v", err)
	}
	g.log.Warn("cannot read the view", "error", err)
	return events.Errorf(events.CodeTryAgain, "the view cannot be read now")
}
