package check

import (
	"slices"

	clientv1 "annal/gen/annal/client/v1"
)

// Command is something a client asked, under one client id, and all answers it got, resends included.
type Command struct {
	User, Session, ClientID string
	Answers                 []Answer
}

// Answer is one as a client gets it.
type Answer struct {
	// Code is why the command had no effect of its own; empty when it was accepted.
	Code     string
	Rejected bool
	// Duplicate: the gateway says that it was sent before.
	Duplicate bool
	Session   string
	Seq       uint64
	Index     uint64
	ID        string
}

// AnswerOf reads the reply to a command; false when it says nothing of the outcome.
func AnswerOf(m *clientv1.ServerFrame) (Answer, bool) {
	switch r := m.GetKind().(type) {
	case *clientv1.ServerFrame_Ack:
		a := Answer{
			Code: r.Ack.GetAnswered(), Duplicate: r.Ack.GetDuplicate(), Session: r.Ack.GetSession(), Seq: r.Ack.GetSeq(),
			Index: r.Ack.GetIndex(), ID: r.Ack.GetMessageId(),
		}
		if a.Code == "DUPLICATE" {
			a.Code = "" // of an accepted one
		}
		return a, true
	case *clientv1.ServerFrame_Error:
		if r.Error.GetRetry() == "later" {
			return Answer{}, false
		}
		return Answer{Code: r.Error.GetCode(), Rejected: true, Duplicate: r.Error.GetDuplicate(), Seq: r.Error.GetSeq()}, true
	}
	return Answer{}, false
}

// Commands holds what clients were told against the log.
func (l *Log) Commands(all []*Command) {
	for _, c := range all {
		l.command(c)
	}
}

func (l *Log) command(c *Command) {
	if len(c.Answers) == 0 {
		l.Add(Answers, "%s: client id %q of %s was never answered", c.Session, c.ClientID, c.User)
		return
	}
	told := c.Answers[0]
	for _, a := range c.Answers[1:] {
		if a.Code != told.Code || a.Rejected != told.Rejected || a.Seq != told.Seq || a.Index != told.Index || a.ID != told.ID || a.Session != told.Session {
			l.Add(Answers, "%s: client id %q of %s was told %+v, then %+v", c.Session, c.ClientID, c.User, told, a)
		}
	}
	id := c.Session
	if told.Session != "" {
		id = told.Session
	}
	if c.Session != "" && id != c.Session {
		l.Add(Answers, "client id %q of %s in %s was answered for %s", c.ClientID, c.User, c.Session, id)
	}
	var first answer
	s, ok := l.sessions[id]
	if ok {
		first, ok = s.first[c.User+"\x00"+c.ClientID]
	}
	switch {
	case !ok:
		l.Add(Lost, "%s: client id %q of %s was told %+v and has no outcome", id, c.ClientID, c.User, told)
	case told.Code != first.code || told.Rejected != first.rejected || told.Seq != first.seq || told.Index != first.index ||
		first.code == "" && told.ID != first.id:
		kind := Answers
		if told.Code == "" && first.code != "" {
			kind = Lost
		}
		l.Add(kind, "%s: client id %q of %s was told %+v, the log has %+v", id, c.ClientID, c.User, told, first)
	}
}

// Heard is what one client was given of one session, in order.
type Heard struct {
	User, Session string
	Runs          []*Run
}

// Run is a subscription's events, which must be dense above From, or pages of history, which need not.
type Run struct {
	From   uint64
	Filled bool
	Events []Seen
}

// Seen is an event as it was given, by its fingerprint.
type Seen struct{ Seq, Print, Text uint64 }

// SeenOf takes the fingerprint.
func SeenOf(m *clientv1.Event) Seen {
	return Seen{Seq: m.GetSeq(), Print: ofEvent(m), Text: hash(textOf(m))}
}

// Heard holds what a client was given against the log. It must have asked for history wherever it knew of a gap.
func (l *Log) Heard(h *Heard) {
	s := l.sessions[h.Session]
	if s == nil || !s.created {
		l.Add(Content, "%s was given events of %s, which was never created", h.User, h.Session)
		return
	}
	got := make([]bool, s.seq-s.base+1) // by seq above base
	var live uint64                     // the last seq given live
	for _, r := range h.Runs {
		last := r.From
		if !r.Filled && r.From < live {
			l.Add(Order, "%s: %s had %d, and is given events from %d", h.Session, h.User, live, r.From)
		}
		for _, e := range r.Events {
			if e.Seq <= last || !r.Filled && e.Seq != last+1 {
				l.Add(Order, "%s: %s is given %d after %d", h.Session, h.User, e.Seq, last)
			}
			last = e.Seq
			if s.given(&l.Problems, h.User, e, !r.Filled) {
				got[e.Seq-s.base] = true
			}
		}
		if !r.Filled {
			live = last
		}
	}
	if m := s.members[h.User]; m != nil {
		for _, st := range m.stays {
			l.missing(h, got, s.base, st.from, s.end(st))
		}
	}
}

// end is the last seq of a stay.
func (s *session) end(st stay) uint64 {
	if st.to == 0 {
		return s.seq
	}
	return st.to
}

func (l *Log) missing(h *Heard, got []bool, base, from, to uint64) {
	for seq := from; seq <= to; seq++ {
		if !got[seq-base] {
			l.Add(Incomplete, "%s: %s, in from %d to %d, was never given %d", h.Session, h.User, from, to, seq)
			return
		}
	}
}

// given compares an event with the log's, and says whether there is one. It was given live, or by a
// page of history.
func (s *session) given(p *Problems, user string, e Seen, live bool) bool {
	in := s.at(e.Seq)
	if in == nil {
		p.Add(Content, "%s: %s is given %d, which the log has not", s.id, user, e.Seq)
		return false
	}
	if e.Print != in.finger {
		p.Add(Content, "%s: %s is given another event at %d than the log's %s", s.id, user, e.Seq, in.id)
	}
	switch m := in.message; {
	case m == nil && e.Text == 0, m != nil && e.Text == 0 && (m.gone() || s.crosses(user, m) || live && m.follows(e.Seq)):
	case m == nil || !slices.Contains(m.texts, e.Text):
		p.Add(Content, "%s: %s is given a text at %d that nobody wrote", s.id, user, e.Seq)
	case !s.mayRead(user, m, e.Text):
		p.Add(Content, "%s: %s is given a text at %d that is not theirs to see", s.id, user, e.Seq)
	}
	if !s.sees(user, e.Seq) {
		p.Add(Content, "%s: %s is given %d, which lies outside their stays", s.id, user, e.Seq)
	}
	return true
}

// crosses says whether a message, or one of its texts, lies outside the user's stays.
func (s *session) crosses(user string, m *message) bool {
	return !s.sees(user, m.seq) || slices.ContainsFunc(m.brought, func(seq uint64) bool { return !s.sees(user, seq) })
}

// follows says whether an override brings the text after the message itself, of seq. Then the message may come live
// without one; that the override is given, with its text, is checked where it stands.
func (m *message) follows(seq uint64) bool { return seq == m.seq && len(m.brought) > 1 }

// mayRead says whether the message, and an event that brought it that text, lie in the user's stays.
func (s *session) mayRead(user string, m *message, text uint64) bool {
	for i, t := range m.texts {
		if t == text && s.sees(user, m.brought[i]) {
			return s.sees(user, m.seq)
		}
	}
	return false
}
