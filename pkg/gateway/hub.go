package gateway

import (
	"context"

	"annal/pkg/events"
)

// hub is all sessions that connections here are subscribed to.
type hub struct {
	gw     *Gateway
	topics *channels[events.SessionID, *topic]
	// reads bounds reads of the window under way.
	reads chan struct{}
	// compare is told that the feed may have missed something.
	compare chan struct{}
}

func newHub(g *Gateway) *hub {
	h := &hub{gw: g, reads: make(chan struct{}, g.config.MaxFills), compare: make(chan struct{}, 1)}
	h.topics = newChannels(func(s events.SessionID) *topic {
		return &topic{gw: g, session: s, filling: map[*subscription]struct{}{}}
	}, g.ports.Feed.SubscribeSession, g.ports.Feed.UnsubscribeSession)
	return h
}

// Session implements hot.Delivery.
func (g *Gateway) Session(s events.SessionID, values [][]byte) {
	t, ok := g.hub.topics.get(s)
	if !ok {
		return
	}
	batch := make([]message, 0, len(values))
	for _, v := range values {
		if isEphemeral(v) {
			t.typing(v)
			continue
		}
		if m, ok := g.liveMessage(v); ok {
			g.owns.hear(m.o.Actor.User, m.event)
			batch = append(batch, m)
		}
	}
	t.deliver(batch)
}

// Resubscribed implements hot.Delivery.
func (g *Gateway) Resubscribed() {
	g.ports.Metrics.resubscribed.Inc()
	g.wait.wasDeaf()
	if g.online != nil {
		g.online.watching.lookAll()
	}
	g.compareAll()
}

// compareAll has all heads compared, soon.
func (g *Gateway) compareAll() {
	select {
	case g.hub.compare <- struct{}{}:
	default: // a comparison is due already
	}
}

// run compares heads whenever the feed may have missed something, until ctx ends.
func (h *hub) run(ctx context.Context) {
	for {
		select {
		case <-h.compare:
			h.gw.tellUsers()
			h.compareHeads(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// heard notes that the session has come to seq, and says whether that is news.
func (t *topic) heard(seq events.Seq) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	news := t.started && seq > max(t.want, t.seq)
	t.want = max(t.want, seq)
	t.heal()
	return news
}

// remove ends a subscription of a connection that no longer has it.
func (h *hub) remove(s *subscription) { s.t.remove(s) }

func (g *Gateway) unreadable(err error) {
	g.ports.Metrics.unreadable.Inc()
	g.log.Error("a published outcome cannot be read", "error", err)
}
