package gateway

import (
	"context"
	"errors"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

const (
	// windowPage is how many events one read of the window takes.
	windowPage = 64
	// healWait is the first wait before a failed read is tried again; it doubles up
	// to maxHealWait.
	healWait    = 50 * time.Millisecond
	maxHealWait = 5 * time.Second
)

// errTrimmed: the window no longer reaches back to what is asked for.
var errTrimmed = errors.New("gateway: the window begins later")

// window reads events from first on, dense, at least one. It waits out failures, with
// a metric and a log line, until ctx ends; errors are ctx's and errTrimmed.
func (g *Gateway) window(ctx context.Context, s events.SessionID, u events.UserID, first, last events.Seq) ([]hot.Item, error) {
	for wait := healWait; ; wait = min(2*wait, maxHealWait) {
		items, err := g.readWindow(ctx, s, u, first, last)
		if len(items) > 0 || errors.Is(err, errTrimmed) {
			return items, err
		}
		g.ports.Metrics.retries.Inc()
		g.log.Warn("the window lacks what was told of; trying again", "session", s, "first", first, "last", last, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (g *Gateway) readWindow(ctx context.Context, s events.SessionID, u events.UserID, first, last events.Seq) ([]hot.Item, error) {
	ctx, done, err := g.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	items, err := g.ports.View.Forward(ctx, s, first, last, windowPage, u)
	if err != nil {
		return nil, err
	}
	for i := range items {
		if items[i].Seq != first+events.Seq(i) {
			items = items[:i]
			break
		}
	}
	if len(items) > 0 {
		return items, nil
	}
	p, err := g.ports.View.Person(ctx, s, u)
	if err == nil && p.Head.WindowStart > first {
		return nil, errTrimmed
	}
	return nil, err
}

// readPerson reads what somebody may see.
func (g *Gateway) readPerson(ctx context.Context, s events.SessionID, u events.UserID) (hot.Person, error) {
	ctx, done, err := g.reading(ctx)
	if err != nil {
		return hot.Person{}, err
	}
	defer done()
	return g.ports.View.Person(ctx, s, u)
}

// reading waits for one's turn to read for those who are behind, and bounds how long the read
// takes; done ends it.
func (g *Gateway) reading(ctx context.Context) (_ context.Context, done func(), err error) {
	select {
	case g.hub.reads <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, g.config.ReadTimeout)
	return ctx, func() { cancel(); <-g.hub.reads }, nil
}

// heal starts filling a gap for all live subscribers, if there is one. The lock is held.
func (t *topic) heal() {
	if !t.started || t.healing || t.want <= t.seq {
		return
	}
	t.healing = true
	t.gw.ports.Metrics.healed.Inc()
	go t.healGap()
}

func (t *topic) healGap() {
	for {
		first, last, user, ok := t.gap()
		if !ok {
			return
		}
		items, err := t.gw.window(t.gw.ctx, t.session, user, first, last)
		switch {
		case errors.Is(err, errTrimmed):
			t.lost()
		case err != nil:
			return // the gateway ends
		default:
			t.healed(items)
		}
	}
}

// gap is what is missing; false, and healing is over, when nothing is or nobody needs
// it. The user is any subscriber.
func (t *topic) gap() (first, last events.Seq, u events.UserID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.want <= t.seq {
		t.healing = false
		return 0, 0, "", false
	}
	switch {
	case len(t.live) > 0:
		return t.seq + 1, t.want, t.live[0].user, true
	default:
		// Those who fill read the window themselves: they need not wait for this.
		t.seq, t.healing = t.want, false
		return 0, 0, "", false
	}
}

// healRun is how many stored bytes go out to everybody at a time while healing.
const healRun = 64 << 10

// healed sends what was missing. It may be more than a queue takes: who has no room
// goes on by themselves, at their own pace.
func (t *topic) healed(items []hot.Item) {
	messages := make([]message, len(items))
	for i, item := range items {
		messages[i] = t.gw.windowMessage(t.session, item)
		// It is for all, and the reactions follow, as they do live.
		withoutReactions(messages[i].frame.GetEvent().GetSent())
	}
	unlessOut(messages)
	t.mu.Lock()
	defer t.mu.Unlock()
	var run []*message
	size := 0
	for i := range messages {
		run = append(run, &messages[i])
		size += len(items[i].Value)
		if size >= healRun || i == len(messages)-1 {
			t.demote()
			t.dispatch(run)
			run, size = nil, 0
		}
	}
}

// demote lets live subscribers whose queue is half full fill by themselves.
func (t *topic) demote() {
	for i := len(t.live) - 1; i >= 0; i-- {
		if s := t.live[i]; !s.conn.transport.HasRoom() {
			t.startFilling(s)
		}
	}
}

// lost ends the connections of who cannot be given the events they lack: they come
// again and are told where the window begins.
func (t *topic) lost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.live) - 1; i >= 0; i-- {
		s := t.live[i]
		t.take(s)
		s.conn.close(events.CodeTooSlow, "the window no longer holds what comes next")
	}
}

// fill brings a subscription that is behind up to the others, at the pace of its
// connection.
func (s *subscription) fill() {
	for {
		first, last, ok := s.behind()
		if !ok {
			return
		}
		items, err := s.conn.gw.window(s.conn.ctx, s.t.session, s.user, first, last)
		switch {
		case errors.Is(err, errTrimmed):
			s.t.remove(s)
			s.conn.close(events.CodeTooSlow, "the window no longer holds what comes next")
			return
		case err != nil:
			return // the connection ends
		}
		sees := s.stays(items)
		messages := make([]message, len(items))
		for i, item := range items {
			messages[i] = s.t.gw.windowMessage(s.t.session, item)
		}
		if s.hideIn(messages) != nil {
			return // the connection ends
		}
		for i := range messages {
			if s.conn.transport.WaitRoom(s.conn.ctx) != nil || !s.filled(&messages[i], sees) {
				return
			}
		}
	}
}

// behind is what the subscription lacks; false when it is live now, or ended.
func (s *subscription) behind() (first, last events.Seq, ok bool) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if s.ended {
		return 0, 0, false
	}
	if s.seen >= s.t.seq {
		s.t.goLive(s)
		s.t.heal()
		return 0, 0, false
	}
	return s.seen + 1, s.t.seq, true
}

// filled sends one event, with a text that an override brought if the subscriber sees that;
// false when it ended the subscription, or something had.
func (s *subscription) filled(m *message, sees func(events.Seq) bool) bool {
	if m.overridden > 0 {
		m.readBy = func(*subscription) bool { return sees(m.overridden) }
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if s.ended {
		return false
	}
	s.t.sendTo(s, []*message{m})
	s.t.known.learn(m)
	return !s.t.endIfOut(s, m)
}
