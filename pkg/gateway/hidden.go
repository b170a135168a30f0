package gateway

import (
	"context"
	"slices"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// What a user hid from themselves is of one person's view alone: everybody else sees it. The events keep their places,
// so that the order stays dense, and say nothing.

// hide takes out of an event what belongs to a message that the user hid.
func hide(e *clientv1.Event, hides func(events.Index) bool) {
	if m := e.GetSent(); m != nil && hides(events.Index(m.GetIndex())) {
		m.Text, m.Content, m.Refs, m.Hidden = "", nil, nil, true
		withoutReactions(m)
	}
	if m := e.GetOverridden(); m != nil && hides(events.Index(m.GetTargetIndex())) {
		m.Text, m.Content = "", nil
	}
}

// hiddenOf reads which of the messages that the events are of, or about, the user hid.
func (g *Gateway) hiddenOf(ctx context.Context, u events.UserID, s events.SessionID, page []*clientv1.Event) (func(events.Index) bool, error) {
	var of []events.Index
	for _, e := range page {
		switch m := e.GetEvent().(type) {
		case *clientv1.Event_Sent:
			of = append(of, events.Index(m.Sent.GetIndex()))
		case *clientv1.Event_Overridden:
			of = append(of, events.Index(m.Overridden.GetTargetIndex()))
		}
	}
	slices.Sort(of)
	hidden := map[events.Index]bool{}
	for of = slices.Compact(of); len(of) > 0; {
		// Those of a page lie close by each other, but for what an override is about.
		n := 1
		for n < len(of) && of[n] <= of[n-1]+closeBy {
			n++
		}
		some, err := g.ports.View.Hidden(ctx, u, s, of[0], of[n-1], int(of[n-1]-of[0])+1)
		if err != nil {
			return nil, err
		}
		for _, i := range some {
			hidden[i] = true
		}
		of = of[n:]
	}
	return func(i events.Index) bool { return hidden[i] }, nil
}

// closeBy is how far apart indexes are asked for by one call.
const closeBy = 16

// hideIn takes out of messages, the subscription's own, what its user hid. It waits out failures until the connection
// ends.
func (s *subscription) hideIn(messages []message) error {
	page := make([]*clientv1.Event, len(messages))
	for i := range messages {
		page[i] = messages[i].frame.GetEvent()
	}
	for wait := healWait; ; wait = min(2*wait, maxHealWait) {
		hides, err := s.readHidden(page)
		if err == nil {
			for _, e := range page {
				hide(e, hides)
			}
			return nil
		}
		s.t.gw.ports.Metrics.retries.Inc()
		s.t.gw.log.Warn("cannot read what a subscriber hid; trying again", "session", s.t.session, "error", err)
		select {
		case <-time.After(wait):
		case <-s.conn.ctx.Done():
			return s.conn.ctx.Err()
		}
	}
}

func (s *subscription) readHidden(page []*clientv1.Event) (func(events.Index) bool, error) {
	ctx, done, err := s.t.gw.reading(s.conn.ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.t.gw.hiddenOf(ctx, s.user, s.t.session, page)
}
