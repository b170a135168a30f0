package sim

import (
	"slices"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// sub is what a client has of a session.
type sub struct {
	c       *client
	session events.SessionID
	kind    events.Kind
	member  bool
	// have are the events received, by their ids.
	have map[events.Seq]string
	// live: subscribed; next is the seq that must come then.
	live bool
	next events.Seq
	// done is the seq up to which the client has all it may see; until is up to where
	// history has to be read, 0 for none, all of it for one who is out.
	done, until events.Seq
	// asking: a request of it is on its way; nothing is asked before again.
	asking bool
	again  time.Time
	// cut: the window no longer held what was missing.
	cut bool
}

// everything is an until above all seqs.
const everything = ^events.Seq(0)

func newSub(c *client, s events.SessionID) *sub {
	return &sub{c: c, session: s, have: map[events.Seq]string{}, until: 0}
}

// disconnected: what was on its way is not.
func (s *sub) disconnected() { s.live, s.asking = false, false }

// listed takes the session's state of a sync.
func (s *sub) listed(state *clientv1.SessionState) {
	s.kind = events.Kind(state.GetKind())
	if s.live {
		return // the gateway tells when that ends
	}
	s.member = state.GetMember()
	if !s.member && events.Seq(state.GetSeq()) > s.done {
		s.until = everything
	}
}

func (s *sub) settled() bool { return !s.asking && s.until == 0 && s.live == s.member }

// tick asks for what is missing.
func (s *sub) tick(now time.Time) {
	switch {
	case s.asking || now.Before(s.again):
	case s.until > s.done:
		s.history()
	case s.member && !s.live:
		s.subscribe()
	}
}

// refused tries again later.
func (s *sub) refused() {
	s.again = time.Now().Add(s.c.dice.between(50*time.Millisecond, 500*time.Millisecond))
}

func (s *sub) subscribe() {
	s.asking = true
	after := uint64(s.done)
	op := &clientv1.Subscribe{Session: string(s.session), After: &after}
	s.c.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Subscribe{Subscribe: op}}, func(f *clientv1.ServerFrame) {
		s.asking = false
		if e := f.GetError(); e != nil {
			switch events.Code(e.GetCode()) {
			case events.CodeNotAMember:
				s.member, s.until = false, everything
			case events.CodeInvalidField, events.CodeNoSuchSession: // an older copy may say so
				s.c.stale = true
			default:
				s.c.later(e)
			}
			s.refused()
			return
		}
		from := events.Seq(f.GetSubscribed().GetFrom())
		s.live, s.next = true, from+1
		if from > s.done {
			s.until = from
		}
	})
}

func (s *sub) history() {
	s.asking = true
	after := uint64(s.done)
	op := &clientv1.History{Session: string(s.session), After: &after, Limit: 20}
	s.c.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: op}}, func(f *clientv1.ServerFrame) {
		s.asking = false
		if e := f.GetError(); e != nil {
			switch events.Code(e.GetCode()) {
			case events.CodeNotAMember:
				s.caughtUp()
			case events.CodeNoSuchSession: // an older copy may say so
			default:
				s.c.later(e)
			}
			s.refused()
			return
		}
		s.page(f.GetHistory())
	})
}

func (s *sub) page(p *clientv1.HistoryPage) {
	to := s.done
	for _, e := range p.GetEvents() {
		if events.Seq(e.GetSeq()) <= s.done {
			s.c.w.violate("%s: history of %s after %d gives %d", s.c.user, s.session, s.done, e.GetSeq())
		}
		s.keep(e)
		to = max(to, events.Seq(e.GetSeq()))
	}
	for _, r := range p.GetHidden() {
		to = max(to, events.Seq(r.GetLast()))
	}
	s.cut = s.cut || p.GetWindowEnd()
	s.done = to
	if s.until <= s.done || !p.GetMore() || p.GetWindowEnd() {
		s.caughtUp()
	}
}

// caughtUp ends reading history; what came live meanwhile is there too.
func (s *sub) caughtUp() {
	if s.until != everything {
		s.done = max(s.done, s.until)
	}
	s.until = 0
	if s.live {
		s.done = max(s.done, s.next-1)
	}
}

func (s *sub) keep(e *clientv1.Event) {
	seq := events.Seq(e.GetSeq())
	if id, ok := s.have[seq]; ok && id != e.GetId() {
		s.c.w.violate("%s: seq %d of %s was %s and is %s", s.c.user, seq, s.session, id, e.GetId())
	}
	s.have[seq] = e.GetId()
}

// event takes a live event.
func (c *client) event(e *clientv1.Event) {
	s := c.subs[events.SessionID(e.GetSession())]
	switch {
	case s == nil || !s.live:
		c.w.violate("%s got seq %d of %s without a subscription", c.user, e.GetSeq(), e.GetSession())
		return
	case e.GetSeq() == 0:
		return
	case events.Seq(e.GetSeq()) != s.next:
		c.w.violate("%s got seq %d of %s, not %d", c.user, e.GetSeq(), s.session, s.next)
	}
	s.keep(e)
	s.next = events.Seq(e.GetSeq()) + 1
	if s.until == 0 {
		s.done = s.next - 1
	}
}

// unsubscribed: the user is out.
func (c *client) unsubscribed(id events.SessionID) {
	if s := c.subs[id]; s != nil {
		s.live, s.member = false, false
		c.stale = true
	}
}

// seqs are those the client has, ascending.
func (s *sub) seqs() []events.Seq {
	out := make([]events.Seq, 0, len(s.have))
	for seq := range s.have {
		out = append(out, seq)
	}
	slices.Sort(out)
	return out
}
