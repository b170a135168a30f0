package gateway

import (
	"cmp"
	"context"
	"unicode/utf8"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/presence"
)

// hello authenticates the connection, or renews its token.
func (c *Conn) hello(frame *clientv1.ClientFrame, h *clientv1.Hello) {
	identity, err := c.gw.ports.Tokens.Verify(h.GetToken())
	if err != nil {
		c.send(errorFrame(frame.GetId(), err, false))
		c.close(err.Code, err.Detail)
		return
	}
	user, err := actingFor(frame, identity, identity.User)
	if err != nil {
		c.refuse(frame.GetId(), err)
		return
	}
	if len(h.GetDevice()) > events.MaxNameBytes || len(h.GetClientVersion()) > events.MaxNameBytes ||
		!utf8.ValidString(h.GetDevice()) || !utf8.ValidString(h.GetClientVersion()) {
		c.refuse(frame.GetId(), events.Errorf(events.CodeInvalidField, "device or client_version is over %d bytes or not UTF-8", events.MaxNameBytes))
		return
	}
	if !presence.Kind(h.GetKind()).Known() {
		c.refuse(frame.GetId(), events.Errorf(events.CodeInvalidField, "kind is not phone, tablet, desktop, web or other"))
		return
	}
	if !c.allowed(frame, limits.Connect, limits.Who{User: string(user), Device: h.GetDevice(), Service: identity.Service}) {
		return
	}
	had := c.token()
	first := c.User() == ""
	switch {
	case !first && c.User() != user:
		c.refuse(frame.GetId(), &events.Error{Code: events.CodeWrongUser})
		return
	case !first && had.Login != "" && identity.Login != "" && (had.Login != identity.Login || had.Device != identity.Device):
		c.refuse(frame.GetId(), events.Errorf(events.CodeWrongLogin, "a renewed token must be of the same login"))
		return
	case !first && !renews(&had, &identity):
		// What the connection hears, and to whom it is told that it ends, was settled when it began.
		c.refuse(frame.GetId(), events.Errorf(events.CodeWrongLogin, "a renewed token must be of the same service, or none, and good for all that the one before was good for: connect anew"))
		return
	case identity.Device != "" && h.GetDevice() != "" && h.GetDevice() != identity.Device:
		c.refuse(frame.GetId(), events.Errorf(events.CodeWrongLogin, "the token is for the device %q", identity.Device))
		return
	}
	if err := c.enter(identity, user, h, first); err != nil {
		if err.Code.Info().Close == 0 {
			c.refuse(frame.GetId(), err)
			return
		}
		c.send(errorFrame(frame.GetId(), err, false))
		c.close(err.Code, err.Detail)
		return
	}
	c.isPresent()
	c.send(&clientv1.ServerFrame{Id: frame.GetId(), Kind: &clientv1.ServerFrame_Welcome{Welcome: &clientv1.Welcome{
		User: string(user), Connection: c.id, HeartbeatMs: c.gw.config.Heartbeat.Milliseconds(),
		TokenExpiresMs: identity.Expires.UnixMilli(), ServerVersion: c.gw.config.Version,
		MaxInFlight: uint32(c.gw.config.MaxInFlightConnection),
	}}})
}

// enter takes the token over, if the view lets who has it in. It does so before it looks: what ends the login from here on is heard.
func (c *Conn) enter(identity auth.Identity, user events.UserID, h *clientv1.Hello, first bool) *events.Error {
	c.mu.Lock()
	had, device, version := c.identity, c.device, c.version
	c.identity, c.device, c.version = identity, cmp.Or(h.GetDevice(), identity.Device), h.GetClientVersion()
	c.mu.Unlock()
	c.expires.Store(identity.Expires.UnixNano())
	var home *audience
	var login events.LoginRow
	var err *events.Error
	// Whose login may end hears of that here, whatever the token is good for: see audience.tell.
	if first && (identity.Service == "" || identity.Lets(auth.ScopeRead)) {
		home, err = c.hearUser(user)
	}
	if err == nil {
		login, err = c.admit(&identity, user, first)
	}
	c.mu.Lock()
	if err == nil {
		c.user, c.kind = user, presence.Kind(cmp.Or(h.GetKind(), login.Kind))
		if first {
			c.home = home
		}
		c.mu.Unlock()
		return nil
	}
	c.identity, c.device, c.version = had, device, version
	c.mu.Unlock()
	c.expires.Store(0)
	if !first {
		c.expires.Store(had.Expires.UnixNano())
	}
	// Not under the connection's lock: who tells an audience takes the audience's first.
	if home != nil {
		home.remove(c)
		c.gw.users.release(user)
	}
	return err
}

// renews says whether a token can take another one's place on a connection.
func renews(had, is *auth.Identity) bool {
	if had.Service != is.Service {
		return false
	}
	for _, scope := range auth.Scopes() {
		if had.Lets(scope) && !is.Lets(scope) {
			return false
		}
	}
	return true
}

// actingFor is the user a frame acts for: with a service token the one it names.
func actingFor(frame *clientv1.ClientFrame, identity auth.Identity, own events.UserID) (events.UserID, *events.Error) {
	as := frame.GetAsUser()
	switch {
	case as == "" || as == string(own):
		return own, nil
	case identity.Service == "":
		return "", events.Errorf(events.CodeServiceTokenRequired, "as_user needs a service token")
	case !events.ValidName(as):
		return "", events.Errorf(events.CodeInvalidField, "as_user is not a user id")
	}
	return events.UserID(as), nil
}

func (c *Conn) actingUser(frame *clientv1.ClientFrame) (events.UserID, *events.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return actingFor(frame, c.identity, c.user)
}

// hearUser hears of the user's sessions from now on.
func (c *Conn) hearUser(user events.UserID) (*audience, *events.Error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.gw.config.ReadTimeout)
	defer cancel()
	home, err := c.gw.users.acquire(ctx, user)
	if err != nil {
		c.gw.log.Warn("cannot subscribe a user's channel", "error", err)
		return nil, &events.Error{Code: events.CodeTryAgain}
	}
	home.add(c)
	return home, nil
}

// createSelf sees to it that the user has a self session: a repeat is answered, so it
// does no harm to ask twice.
func (c *Conn) createSelf(user events.UserID) {
	self := events.NewSelfID(user)
	op := events.Create{Kind: events.KindSelf, Policy: c.gw.config.Policies[events.KindSelf]}
	c.gw.appendUnawaited(events.Command{Session: self, Actor: c.actor(user), ClientID: "self", Client: c.context(), Op: op})
}

func (c *Conn) actor(user events.UserID) events.Actor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return events.Actor{User: user, Service: c.identity.Service}
}

func (c *Conn) context() events.ClientContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	return events.ClientContext{Device: c.device, Version: c.version, Address: events.Address{Plain: c.transport.RemoteAddress()}}
}
