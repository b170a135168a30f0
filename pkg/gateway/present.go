package gateway

import (
	"context"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/presence"
	"annal/pkg/projections/hot"
)

// online is what a gateway has to do with who is online.
type online struct {
	keeper   *presence.Keeper
	lookup   *presence.Lookup
	watching *watching
}

// newOnline is nil where there is no store: then nobody is known to be online.
func newOnline(g *Gateway, s presence.Store) *online {
	if s == nil {
		return nil
	}
	p := &online{lookup: presence.NewLookup(s, presence.Fresh), watching: newWatching(g)}
	p.keeper = presence.NewKeeper(s, g.config.Instance, g.tellPresence, g.log, g.ports.Metrics.presence)
	return p
}

// tellPresence has whoever watches these users look again, on all gateways. Who does not hear it looks by itself after a while.
func (g *Gateway) tellPresence(ctx context.Context, users []events.UserID) {
	round := hot.Round{Users: make(map[events.UserID][][]byte, len(users))}
	for _, u := range users {
		round.Users[u] = [][]byte{{ephemeral}}
	}
	ctx, cancel := context.WithTimeout(ctx, g.config.ReadTimeout)
	defer cancel()
	if err := g.ports.Notifier.Publish(ctx, round); err != nil {
		g.log.Debug("nobody hears who came or went", "users", len(users), "error", err)
	}
}

// isPresent says that the user is at this connection, and with what. What a service does makes nobody present.
func (c *Conn) isPresent() {
	p := c.gw.online
	if p == nil {
		return
	}
	c.mu.Lock()
	is := presence.Connection{
		ID: c.id, User: c.user, Device: c.device, Kind: c.kind, Since: events.Millis(c.opened.UnixMilli()), Away: c.away,
	}
	service := c.identity.Service != ""
	c.mu.Unlock()
	if !service {
		p.keeper.Put(is)
	}
}

// isAbsent says that the user is no longer at this connection, where the last sign of life came at a time. It may be said again.
func (c *Conn) isAbsent(at time.Time) {
	if p := c.gw.online; p != nil {
		p.keeper.End(c.id, at)
	}
}

// setAway notes whether somebody looks at the device.
func (c *Conn) setAway(op *clientv1.SetAway) (*clientv1.ServerFrame, *events.Error) {
	c.mu.Lock()
	news := c.away != op.GetAway()
	c.away = op.GetAway()
	c.mu.Unlock()
	if news {
		c.isPresent()
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_SetAway{SetAway: &clientv1.SetAway{Away: op.GetAway()}}}, nil
}
