package gateway

import (
	"context"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
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
			batch = append(batch, m)
		}
	}
	t.deliver(batch)
}

// Resubscribed implements hot.Delivery.
func (g *Gateway) Resubscribed() {
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

// compareHeads lets every topic heal up to the head it now has.
func (h *hub) compareHeads(ctx context.Context) {
	for _, t := range h.topics.all() {
		go h.compareHead(ctx, t)
	}
}

// compareHead reads a topic's head, however long that takes.
func (h *hub) compareHead(ctx context.Context, t *topic) {
	for wait := healWait; ; wait = min(2*wait, maxHealWait) {
		user, ok := t.anyUser()
		if !ok {
			return
		}
		head, err := h.head(ctx, t.session, user)
		if err == nil {
			t.heard(head.Seq)
			return
		}
		h.gw.ports.Metrics.retries.Inc()
		h.gw.log.Warn("cannot compare a head; trying again", "session", t.session, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// head reads a session's head, as one of a bounded number of reads.
func (h *hub) head(ctx context.Context, s events.SessionID, u events.UserID) (hot.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, h.gw.config.ReadTimeout)
	defer cancel()
	select {
	case h.reads <- struct{}{}:
		defer func() { <-h.reads }()
	case <-ctx.Done():
		return hot.Head{}, ctx.Err()
	}
	p, err := h.gw.ports.View.Person(ctx, s, u)
	return p.Head, err
}

func (t *topic) anyUser() (events.UserID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.live) > 0 {
		return t.live[0].user, true
	}
	for s := range t.filling {
		return s.user, true
	}
	return "", false
}

// heard notes that the session has come to seq.
func (t *topic) heard(seq events.Seq) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.want = max(t.want, seq)
	t.heal()
}

// remove ends a subscription of a connection that no longer has it.
func (h *hub) remove(s *subscription) { s.t.remove(s) }

func (g *Gateway) unreadable(err error) {
	g.ports.Metrics.unreadable.Inc()
	g.log.Error("a published outcome cannot be read", "error", err)
}
