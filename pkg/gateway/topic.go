package gateway

import (
	"sync"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// topic is a session that connections here are subscribed to. The feed brings its
// events, in order but perhaps repeated or with gaps; subscribers get them dense.
type topic struct {
	gw      *Gateway
	session events.SessionID

	mu sync.Mutex
	// started once the head was read: before, seq and known mean nothing.
	started bool
	// seq is how far live subscribers have come; want is the highest seq heard of.
	// While want is above seq, healing reads what is between from the window.
	seq, want events.Seq
	healing   bool
	known     known
	// live subscribers have had everything up to seq, filling ones are behind.
	live    []*subscription
	filling map[*subscription]struct{}
	// marks are the markers heard of.
	marks map[events.UserID]events.Seq
}

// subscription is one connection's of one session.
type subscription struct {
	conn *Conn
	t    *topic
	user events.UserID
	// joined is the event that began the user's present stay, earlier are the stays before.
	joined  events.Seq
	earlier []span

	// These belong to the topic's lock. rights are the user's.
	rights rights
	// seen is the last seq that went out, or that need not; at is the place among the live,
	// -1 elsewhere.
	seen  events.Seq
	at    int
	ended bool
}

// message is an event on its way to many connections.
type message struct {
	seq   events.Seq
	o     *events.Outcome
	event events.Event // nil when it cannot be read
	encoded
	// overridden is the event that brought the text of one that was read from the window, 0 for
	// its own; readBy says then who may have it, nil for everybody.
	overridden events.Seq
	readBy     func(*subscription) bool
	// withheld is the same without its text; see as.
	withheld *encoded
}

// endsStay says whether nobody of that user may see what comes after.
func (m *message) endsStay(s *subscription) bool {
	return m.event != nil && m.seq > s.joined && goes(m.o, m.event, s.user)
}

// changesMembers says whether the event may end anybody's stay.
func (m *message) changesMembers() bool {
	switch m.event.(type) {
	case events.Removed, events.Left:
		return true
	case events.Created, events.Added, events.Joined, events.Sent, events.Revoked, events.Overridden, events.Deleted, events.Read,
		events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return false
}

// liveMessage reads a published outcome; false when it is none or cannot be read:
// then the next one shows a gap, and the window fills it.
func (g *Gateway) liveMessage(value []byte) (message, bool) {
	o, err := events.DecodeOutcomeValue(value)
	if err != nil {
		g.unreadable(err)
		return message{}, false
	}
	a, ok := o.Result.(events.Accepted)
	if !ok {
		return message{}, false
	}
	return message{seq: a.Seq, o: &o, event: a.Event, encoded: encoded{frame: eventFrame(EventOf(&o, hot.State{}))}}, true
}

func (g *Gateway) windowMessage(s events.SessionID, item hot.Item) message {
	o, m := g.itemEvent(s, item)
	msg := message{seq: item.Seq, o: o, encoded: encoded{frame: eventFrame(m)}, overridden: events.Seq(m.GetSent().GetOverridden())}
	if a, ok := o.Result.(events.Accepted); ok {
		msg.event = a.Event
	}
	return msg
}

// deliver takes a batch of the feed.
func (t *topic) deliver(batch []message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var run []*message
	for i := range batch {
		m := &batch[i]
		switch {
		case m.seq == 0:
			t.dispatch(run)
			run = nil
			t.marker(m)
		case !t.started || t.healing:
			t.want = max(t.want, m.seq)
		case m.seq <= t.seq+events.Seq(len(run)):
			// Seen.
		case m.seq == t.seq+events.Seq(len(run))+1 && t.want <= t.seq:
			run = append(run, m)
		default:
			t.want = max(t.want, m.seq)
		}
	}
	t.dispatch(run)
	t.heal()
}

// dispatch sends messages that follow seq densely to all live subscribers. The lock
// is held, as in everything below.
func (t *topic) dispatch(run []*message) {
	for len(run) > 0 {
		n := 1
		for n < len(run) && !run[n-1].changesMembers() && !run[n-1].changesPolicy() {
			n++
		}
		t.send(run[:n])
		run = run[n:]
	}
}

// send sends messages of which only the last may end stays or change the policy: the devices
// of who caused them hear first.
func (t *topic) send(run []*message) {
	last := run[len(run)-1]
	for _, own := range []bool{true, false} {
		for i := len(t.live) - 1; i >= 0; i-- {
			if s := t.live[i]; caused(run, s.user) == own {
				t.sendTo(s, run)
			}
		}
	}
	t.seq = last.seq
	for _, m := range run {
		t.known.learn(m)
	}
	if last.changesMembers() {
		for i := len(t.live) - 1; i >= 0; i-- {
			t.endIfOut(t.live[i], last)
		}
	}
}

func caused(run []*message, u events.UserID) bool {
	for _, m := range run {
		if m.o.Actor.User == u {
			return true
		}
	}
	return false
}

func (t *topic) sendTo(s *subscription, run []*message) {
	for _, m := range run {
		if m.seq > s.seen {
			s.seen = m.seq
			s.conn.sendEncoded(kindEvent, m.as(s))
			s.rights.learn(m, s.user)
		}
	}
}

// marker sends an event without a seq to who may see it. A marker that is lost is made up for
// by the next, by what is noted, or by reading; a report is not.
func (t *topic) marker(m *message) {
	t.mark(m)
	for _, s := range t.live {
		if t.started && t.mayHear(s, m) {
			s.conn.sendEncoded(kindEvent, &m.encoded)
		}
	}
	for s := range t.filling {
		if t.mayHear(s, m) {
			s.conn.sendEncoded(kindEvent, &m.encoded)
		}
	}
}

// mayHear says whether a subscriber may hear of an event without a seq: of a report who
// administers the session, of markers who may know who has read what, and of one's own.
func (t *topic) mayHear(s *subscription, m *message) bool {
	if _, report := m.event.(events.Reported); report {
		return s.rights.role >= events.RoleAdmin
	}
	return s.user == m.o.Actor.User || receipts(t.known.policy, t.known.members)
}

// endIfOut ends the subscription of somebody put out by m, which they have had.
func (t *topic) endIfOut(s *subscription, m *message) bool {
	if !m.endsStay(s) {
		return false
	}
	t.take(s)
	s.conn.unsubscribed(s)
	return true
}

// take takes a subscription out of the topic, once.
func (t *topic) take(s *subscription) {
	if s.ended {
		return
	}
	s.ended = true
	t.unplace(s)
	t.gw.ports.Metrics.subscriptions.Dec()
	t.gw.hub.topics.release(t.session)
}

func (t *topic) unplace(s *subscription) {
	delete(t.filling, s)
	if s.at >= 0 {
		last := t.live[len(t.live)-1]
		t.live[s.at], last.at = last, s.at
		t.live[len(t.live)-1] = nil
		t.live = t.live[:len(t.live)-1]
		s.at = -1
	}
}

func (t *topic) goLive(s *subscription) {
	t.unplace(s)
	s.at = len(t.live)
	t.live = append(t.live, s)
}

func (t *topic) startFilling(s *subscription) {
	t.unplace(s)
	t.filling[s] = struct{}{}
	go s.fill()
}

// attach begins the events above from. head was read after the topic was heard.
func (t *topic) attach(s *subscription, head hot.Head, from events.Seq) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		t.started = true
		t.seq = head.Seq
	}
	t.known.read(&head)
	t.want = max(t.want, head.Seq)
	s.seen = from
	if s.seen >= t.seq {
		t.goLive(s)
	} else {
		t.startFilling(s)
	}
	t.heal()
}

// remove ends a subscription without a word.
func (t *topic) remove(s *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(s)
}
