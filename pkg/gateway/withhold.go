package gateway

import (
	"slices"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// An override brings a text from one seq to another, so a person may see the one and not
// the other. Then they get the event without the text: who came later must not read what was
// said before, by way of its correction; who went must not read what was written since.

// What is asked with a request to be let in, and which invites there are, is for whoever may
// let people in.

// withhold takes out of an event the text that belongs to what the person may not see.
func withhold(e *clientv1.Event, sees func(events.Seq) bool, mayAdd bool) {
	if !mayAdd {
		withholdComing(e)
	}
	if m := e.GetSent(); m.GetOverridden() > 0 && !sees(events.Seq(m.GetOverridden())) {
		m.Text, m.Content = "", nil
	}
	if m := e.GetOverridden(); m != nil && !sees(events.Seq(m.GetTarget())) {
		m.Text, m.Content = "", nil
	}
}

// withholdComing leaves of requests and invites that there are some.
func withholdComing(e *clientv1.Event) {
	switch m := e.GetEvent().(type) {
	case *clientv1.Event_Asked:
		m.Asked.Text = ""
	case *clientv1.Event_Invited:
		m.Invited = &clientv1.Invited{}
	case *clientv1.Event_Uninvited:
		m.Uninvited = &clientv1.Uninvited{}
	}
}

// within says of each seq whether it lies in one of the spans.
func within(spans []span) func(events.Seq) bool {
	return func(seq events.Seq) bool {
		for _, s := range spans {
			if s.first <= seq && seq <= s.last {
				return true
			}
		}
		return false
	}
}

// sees says whether the subscriber may see what has that seq; the same as visible, while the
// policy changes. The topic's lock is held.
func (s *subscription) sees(seq events.Seq) bool {
	return s.t.known.policy.History == events.HistoryAll || seq >= s.joined || within(s.earlier)(seq)
}

// past are the person's stays before the present one.
func past(p *hot.Person) []span {
	stays := p.Member.Stays[:len(p.Member.Stays)-1]
	spans := make([]span, len(stays))
	for i, s := range stays {
		spans[i] = span{s.From, s.To}
	}
	return spans
}

// as is the message as the subscriber may see it. The topic's lock is held.
func (m *message) as(s *subscription) *encoded {
	if m.shownTo(s) {
		return &m.encoded
	}
	if m.withheld == nil {
		m.withheld = &encoded{frame: withheldFrame(m)}
	}
	return m.withheld
}

func (m *message) shownTo(s *subscription) bool {
	if o, ok := m.event.(events.Overridden); ok {
		return s.sees(o.Target)
	}
	if m.isOfComing() {
		return s.rights.role >= s.t.known.policy.AddRole
	}
	return m.readBy == nil || m.readBy(s)
}

// isOfComing says whether the event is a request to be let in, or about an invite.
func (m *message) isOfComing() bool {
	_, asked := m.event.(events.Asked)
	_, invited := m.event.(events.Invited)
	_, uninvited := m.event.(events.Uninvited)
	return asked || invited || uninvited
}

// A message that comes from the window has the text of now, which an override may have brought
// after its reader was put out. The override follows, to who may see it: so the text is left
// out as well where it is not known whether they may.

// unlessOut shows texts of the window to those who were not put out before them, as far as
// the messages, which follow each other, say so.
func unlessOut(messages []message) {
	last := messages[len(messages)-1].seq
	for i := range messages {
		m := &messages[i]
		if m.overridden > last {
			m.readBy = func(*subscription) bool { return false }
			continue
		}
		var between []*message
		for j := i + 1; j < len(messages) && messages[j].seq < m.overridden; j++ {
			if messages[j].changesMembers() {
				between = append(between, &messages[j])
			}
		}
		if len(between) > 0 {
			m.readBy = func(s *subscription) bool {
				return !slices.ContainsFunc(between, func(m *message) bool { return m.endsStay(s) })
			}
		}
	}
}

// stays says what the subscriber may see as of now, which must be after the items were read;
// nothing while that cannot be read. It reads only if something hangs on it.
func (s *subscription) stays(items []hot.Item) func(events.Seq) bool {
	nothing := within(nil)
	if !slices.ContainsFunc(items, func(i hot.Item) bool { return i.State.Overridden > 0 }) {
		return nothing
	}
	p, err := s.conn.gw.readPerson(s.conn.ctx, s.t.session, s.user)
	if err != nil {
		s.conn.gw.log.Warn("cannot read whether somebody is still in; overrides bring the texts", "session", s.t.session, "error", err)
		return nothing
	}
	return within(visible(&p))
}

func withheldFrame(m *message) *clientv1.ServerFrame {
	f := proto.CloneOf(m.frame)
	withhold(f.GetEvent(), within(nil), false)
	return f
}
