package check

import (
	"slices"

	clientv1 "annal/gen/annal/client/v1"
)

// View is what a gateway says of a session to one of its present or past members, once all is quiet.
type View struct {
	User  string
	State *clientv1.SessionState
	// Members are all pages of them, Total what the first says; nil where the user is no member.
	Members []*clientv1.MemberState
	Total   uint32
	// History is the walk back from the newest event, ascending; WindowEnd says that it met the end of the window.
	History   []*clientv1.Event
	WindowEnd bool
}

// Window is how many timeline events of a session the hot view keeps at least.
const Window = 1000

// View holds it against the fold.
func (l *Log) View(v *View) {
	id := v.State.GetSession()
	s := l.sessions[id]
	if s == nil || !s.created || s.members[v.User] == nil {
		l.Add(ViewDiffer, "%s: is shown to %s, whom the log does not have there", id, v.User)
		return
	}
	s.state(&l.Problems, v)
	if s.members[v.User].in() {
		s.membership(&l.Problems, v)
	}
	s.history(&l.Problems, v)
}

func (s *session) state(p *Problems, v *View) {
	m, got := s.members[v.User], v.State
	want := &clientv1.SessionState{Seq: s.seq, Index: s.index, Members: s.present()}
	upper := s.seq
	if !m.in() {
		upper = m.stays[len(m.stays)-1].to
		want.Seq, want.Index, want.Members = upper, s.indexAt(upper), 0
	}
	for _, msg := range s.messages {
		if msg.seq > m.marker && msg.seq <= upper && !msg.gone() {
			want.Unread++
		}
	}
	differ := func(what string, got, want any) {
		if got != want {
			p.Add(ViewDiffer, "%s: %s of %s is %v, must be %v", s.id, what, v.User, got, want)
		}
	}
	differ("kind", got.GetKind(), s.kind)
	differ("name", got.GetName(), s.name)
	differ("seq", got.GetSeq(), want.GetSeq())
	differ("index", got.GetIndex(), want.GetIndex())
	differ("marker", got.GetMarker(), m.marker)
	differ("unread", got.GetUnread(), want.GetUnread())
	differ("role", got.GetRole(), m.role)
	differ("members", got.GetMembers(), want.GetMembers())
	differ("member", got.GetMember(), m.in())
	differ("closed", got.GetClosed(), s.closed)
}

func (s *session) present() uint32 {
	var n uint32
	for _, m := range s.members {
		if m.in() {
			n++
		}
	}
	return n
}

func (s *session) indexAt(seq uint64) uint64 {
	var n uint64
	for _, m := range s.messages {
		if m.seq <= seq {
			n++
		}
	}
	return n
}

func (s *session) membership(p *Problems, v *View) {
	if n := s.present(); v.Total != n || len(v.Members) != int(n) {
		p.Add(ViewDiffer, "%s: lists %d members and says %d, must be %d", s.id, len(v.Members), v.Total, n)
	}
	shown := s.present() <= s.policy.GetReceiptsLimit()
	for _, got := range v.Members {
		m := s.members[got.GetUser()]
		if !m.in() {
			p.Add(ViewDiffer, "%s: lists %s, who is not in", s.id, got.GetUser())
			continue
		}
		marker := m.marker
		if !shown && got.GetUser() != v.User {
			marker = 0
		}
		if joined := m.stays[len(m.stays)-1].from; got.GetRole() != m.role || got.GetJoined() != joined || got.GetMarker() != marker {
			p.Add(ViewDiffer, "%s: %s is listed as %v, must be %v since %d with marker %d", s.id, got.GetUser(), got, m.role, joined, marker)
		}
	}
}

// history wants all events of the user's stays, newest first, down to the first or to the end of the window.
func (s *session) history(p *Problems, v *View) {
	stays, left := s.members[v.User].stays, len(v.History)
	for i := len(stays) - 1; i >= 0; i-- {
		for seq := s.end(stays[i]); seq >= stays[i].from; seq-- {
			if left == 0 {
				if !v.WindowEnd || s.seq-seq < Window {
					p.Add(ViewDiffer, "%s: history of %s ends above %d, head %d", s.id, v.User, seq, s.seq)
				}
				return
			}
			left--
			if got := v.History[left]; got.GetSeq() != seq {
				p.Add(ViewDiffer, "%s: history of %s has %d where %d must be", s.id, v.User, got.GetSeq(), seq)
				return
			}
			s.item(p, v.User, v.History[left])
		}
	}
	if left > 0 {
		p.Add(ViewDiffer, "%s: history of %s has %d events too many", s.id, v.User, left)
	}
}

// item compares an event in a page: with what has become of its message.
func (s *session) item(p *Problems, user string, got *clientv1.Event) {
	e := s.at(got.GetSeq())
	s.given(p, user, SeenOf(got), false)
	m := e.message
	if m == nil {
		return
	}
	sent := got.GetSent()
	if sent != nil {
		if sent.GetRevoked() != m.revoked || sent.GetDeleted() != m.deleted || sent.GetOverridden() != m.overridden {
			p.Add(ViewDiffer, "%s: message %d is shown as %v, must be %+v", s.id, got.GetSeq(), sent, *m)
		}
	}
	if hash(textOf(got)) != s.shown(user, e, sent != nil) {
		p.Add(ViewDiffer, "%s: event %d shows %s a text that is not the message's now, or not theirs to see", s.id, got.GetSeq(), user)
	}
}

// shown is the text that a page shows a user of a message, or of an override of one: the present one, none of what is
// gone, and none where only one of message and override lies in the user's stays.
func (s *session) shown(user string, e *event, isMessage bool) uint64 {
	m := e.message
	switch {
	case m.gone():
		return 0
	case !isMessage && !s.sees(user, m.seq), isMessage && m.overridden != 0 && !s.sees(user, m.overridden):
		return 0
	case isMessage:
		return m.texts[len(m.texts)-1]
	}
	return e.text
}

func (s *session) sees(user string, seq uint64) bool {
	m := s.members[user]
	return m != nil && slices.ContainsFunc(m.stays, func(st stay) bool { return st.from <= seq && seq <= s.end(st) })
}

// Covered wants that each of the people was heard of and shown in every session the log has them in.
func (l *Log) Covered(people map[string]bool, heard []*Heard, views []*View) {
	type pair struct{ user, session string }
	given, shown := map[pair]bool{}, map[pair]bool{}
	for _, h := range heard {
		given[pair{h.User, h.Session}] = true
	}
	for _, v := range views {
		shown[pair{v.User, v.State.GetSession()}] = true
	}
	for id, s := range l.sessions {
		for u := range s.members {
			if at := (pair{u, id}); people[u] {
				if !given[at] {
					l.Add(Incomplete, "%s: %s was never given anything", id, u)
				}
				if !shown[at] {
					l.Add(ViewDiffer, "%s: is not listed for %s", id, u)
				}
			}
		}
	}
}
