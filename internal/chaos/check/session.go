package check

import (
	"crypto/sha256"
	"encoding/hex"

	logv1 "annal/gen/annal/log/v1"
)

// session is what a session's outcomes come to.
type session struct {
	id       string
	created  bool
	hash     [sha256.Size]byte // of the outcome before
	kind     logv1.Kind
	policy   *logv1.Policy
	name     string
	base     uint64
	seq      uint64
	index    uint64
	closed   bool
	members  map[string]*member
	timeline []event    // of seq base+1 and on
	messages []*message // of index 1 and on
	first    map[string]answer
}

// event is one of the timeline.
type event struct {
	id     string
	finger uint64
	// text is what a send or override says, and message what it is about; 0 and nil for others.
	text    uint64
	message *message
}

// message is a message and what became of it.
type message struct {
	seq                          uint64
	texts                        []uint64 // the sent one, then the overriding ones
	brought                      []uint64 // by which event, for each of them
	revoked, deleted, overridden uint64
}

func (m *message) gone() bool { return m.revoked != 0 || m.deleted != 0 }

type member struct {
	role   logv1.Role
	marker uint64
	stays  []stay
}

// stay is from the joining event to the leaving one, to is 0 while it lasts.
type stay struct{ from, to uint64 }

func (m *member) in() bool { return m != nil && len(m.stays) > 0 && m.stays[len(m.stays)-1].to == 0 }

// answer is what came of a command: code is empty when it was accepted.
type answer struct {
	code     string
	rejected bool
	seq      uint64
	index    uint64
	id       string
}

func newSession(id string) *session {
	return &session{id: id, members: map[string]*member{}, first: map[string]answer{}}
}

// at gives the event of a seq, nil if there is none.
func (s *session) at(seq uint64) *event {
	if seq <= s.base || seq > s.base+uint64(len(s.timeline)) {
		return nil
	}
	return &s.timeline[seq-s.base-1]
}

// add takes the session's next counted outcome; sum is the hash of its stored bytes.
func (s *session) add(p *Problems, o *logv1.Outcome, sum [sha256.Size]byte) {
	if hex.EncodeToString(o.GetPrevHash()) != hex.EncodeToString(s.hash[:]) {
		p.Add(Chain, "%s: outcome %x does not follow on the one before it", s.id, o.GetId())
	}
	a := o.GetAccepted()
	if !s.created && a.GetCreated() == nil {
		if a != nil {
			p.Add(Rules, "%s: %T is accepted before the session was created", s.id, a.GetEvent())
		}
		return // nothing is remembered of a session that is not there
	}
	s.hash = sum
	s.remember(p, o)
	if a == nil {
		return
	}
	if e := a.GetRead(); e != nil {
		s.read(p, o.GetActor().GetUser(), e)
		return
	}
	if e := a.GetCreated(); e != nil {
		if s.created {
			p.Add(Doubled, "%s is created twice", s.id)
		}
		s.created, s.kind, s.policy, s.name, s.base, s.seq = true, e.GetKind(), e.GetPolicy(), e.GetName(), e.GetBase(), e.GetBase()
	}
	if a.GetSeq() != s.seq+1 {
		p.Add(Hole, "%s: seq %d follows %d", s.id, a.GetSeq(), s.seq)
	}
	s.seq++
	s.timeline = append(s.timeline, event{id: uuid(o.GetId()), finger: ofOutcome(o)})
	s.apply(p, o.GetActor().GetUser(), a, &s.timeline[len(s.timeline)-1])
}

// remember compares an outcome with the first one of its client id.
func (s *session) remember(p *Problems, o *logv1.Outcome) {
	if o.GetClientId() == "" {
		return
	}
	key := o.GetActor().GetUser() + "\x00" + o.GetClientId()
	first, again := s.first[key]
	got := answerOf(o)
	if !again {
		s.first[key] = got
		return
	}
	d := o.GetAnswered()
	switch {
	case o.GetAccepted() != nil:
		p.Add(Doubled, "%s: client id %q of %s takes effect at %d, and came to %+v before", s.id, o.GetClientId(), o.GetActor().GetUser(), got.seq, first)
	case first.code == "SESSION_EXISTS" && got == first:
	case d.GetCode() != "DUPLICATE" || d.GetEarlierCode() != first.code || d.GetSeq() != first.seq || d.GetIndex() != first.index ||
		first.code == "" && uuid(d.GetId()) != first.id:
		p.Add(Answers, "%s: client id %q of %s came to %+v, and now to %+v, earlier code %q", s.id, o.GetClientId(), o.GetActor().GetUser(), first, got, d.GetEarlierCode())
	}
}

func answerOf(o *logv1.Outcome) answer {
	switch r := o.GetResult().(type) {
	case *logv1.Outcome_Accepted:
		return answer{seq: r.Accepted.GetSeq(), index: r.Accepted.GetSent().GetIndex(), id: uuid(o.GetId())}
	case *logv1.Outcome_Rejected:
		return answer{code: r.Rejected.GetCode(), rejected: true, seq: r.Rejected.GetSeq()}
	case *logv1.Outcome_Answered:
		return answer{code: r.Answered.GetCode(), seq: r.Answered.GetSeq(), index: r.Answered.GetIndex()}
	}
	return answer{}
}

func (s *session) apply(p *Problems, user string, a *logv1.Accepted, at *event) {
	switch e := a.GetEvent().(type) {
	case *logv1.Accepted_Created:
		s.come(p, e.Created.GetMembers()...)
	case *logv1.Accepted_Added:
		s.come(p, e.Added.GetMembers()...)
	case *logv1.Accepted_Joined:
		s.come(p, &logv1.NewMember{User: user, Role: logv1.Role_ROLE_MEMBER})
	case *logv1.Accepted_Removed:
		s.leave(p, e.Removed.GetUsers(), e.Removed.GetPromoted(), e.Removed.GetClosed())
	case *logv1.Accepted_Left:
		s.leave(p, []string{user}, e.Left.GetPromoted(), e.Left.GetClosed())
	case *logv1.Accepted_Sent:
		s.index++
		if e.Sent.GetIndex() != s.index {
			p.Add(Hole, "%s: index %d follows %d", s.id, e.Sent.GetIndex(), s.index-1)
		}
		at.text = hash(e.Sent.GetBody().GetPlain().GetText().GetText())
		at.message = &message{seq: s.seq, texts: []uint64{at.text}, brought: []uint64{s.seq}}
		s.messages = append(s.messages, at.message)
		s.mark(user, s.seq)
	case *logv1.Accepted_Revoked:
		s.target(p, e.Revoked.GetTarget(), e.Revoked.GetTargetIndex()).revoked = s.seq
	case *logv1.Accepted_Deleted:
		s.target(p, e.Deleted.GetTarget(), e.Deleted.GetTargetIndex()).deleted = s.seq
	case *logv1.Accepted_Overridden:
		at.text = hash(e.Overridden.GetBody().GetPlain().GetText().GetText())
		at.message = s.target(p, e.Overridden.GetTarget(), e.Overridden.GetTargetIndex())
		at.message.texts, at.message.brought = append(at.message.texts, at.text), append(at.message.brought, s.seq)
		at.message.overridden = s.seq
	default:
		p.Add(Poison, "%s: event %d is a %T", s.id, s.seq, e)
	}
}

func (s *session) target(p *Problems, seq, index uint64) *message {
	if index == 0 || index > uint64(len(s.messages)) || s.messages[index-1].seq != seq {
		p.Add(Rules, "%s: event %d is about message %d, index %d, that is not there", s.id, s.seq, seq, index)
		return &message{}
	}
	return s.messages[index-1]
}

func (s *session) come(p *Problems, people ...*logv1.NewMember) {
	for _, n := range people {
		m := s.members[n.GetUser()]
		if m.in() {
			p.Add(Rules, "%s: %s comes in at %d and is in", s.id, n.GetUser(), s.seq)
		}
		if m == nil {
			m = &member{}
			s.members[n.GetUser()] = m
		}
		m.role, m.marker = n.GetRole(), s.seq
		m.stays = append(m.stays, stay{from: s.seq})
	}
}

func (s *session) leave(p *Problems, users []string, promoted string, closed bool) {
	for _, u := range users {
		m := s.members[u]
		if !m.in() {
			p.Add(Rules, "%s: %s goes at %d and is not in", s.id, u, s.seq)
			continue
		}
		m.stays[len(m.stays)-1].to = s.seq
		m.role = 0
	}
	if promoted != "" {
		if m := s.members[promoted]; !m.in() {
			p.Add(Rules, "%s: %s is promoted at %d and is not in", s.id, promoted, s.seq)
		} else {
			m.role = logv1.Role_ROLE_OWNER
		}
	}
	s.closed = closed
}

func (s *session) read(p *Problems, user string, e *logv1.Read) {
	m := s.members[user]
	if !m.in() || e.GetMarker() <= m.marker || e.GetMarker() > s.seq {
		p.Add(Rules, "%s: %s reads up to %d", s.id, user, e.GetMarker())
	}
	s.mark(user, e.GetMarker())
}

func (s *session) mark(user string, seq uint64) {
	if m := s.members[user]; m != nil && seq > m.marker {
		m.marker = seq
	}
}
