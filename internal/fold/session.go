// Package fold is a second opinion: it folds the log's counted outcomes into what
// sessions must look like, in the plainest way, sharing no code with the projector, and
// compares the view with that.
package fold

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Session is what a session's outcomes come to.
type Session struct {
	ID       events.SessionID
	Head     hot.Head
	Hash     events.Hash
	Members  map[events.UserID]*events.Member
	Timeline map[events.Seq][]byte
	Messages map[events.Seq]*Message
	// about are the messages that revokes, deletes and overrides name, by their own seqs.
	about map[events.Seq]*Message
	// gone are indices of messages revoked or deleted.
	gone map[events.Index]bool
	// Facts is what else there is.
	Facts hot.Facts
	// Devices are by name, and Notifications what is wanted, of the user of a self session.
	Devices       map[string]events.DeviceRow
	Notifications events.Notifications
	// Hidden are the messages that the user of a self session hid, by the session they are of.
	Hidden map[events.SessionID][]events.Index
	// Faults are what no sound log holds.
	Faults []string

	// outcomes are all that count, if they are kept; moves counts them.
	outcomes []outcome
	moves    int
	rest     rest
}

// Message is a message and what became of it.
type Message struct {
	Index events.Index
	State hot.State
	// overrides is how often its body was replaced.
	overrides int
	// refs says whom it mentions.
	refs events.Refs
	// reactions are who put an emoji on it.
	reactions map[string]map[events.UserID]bool
	// revoked, deleted and overridden are who did so last, when and why; reporters who reported it.
	revoked, deleted, overridden fate
	reporters                    map[events.UserID]bool
}

// NewSession is a session of which nothing was said yet.
func NewSession(id events.SessionID) *Session {
	return &Session{
		ID: id, Members: map[events.UserID]*events.Member{}, Timeline: map[events.Seq][]byte{},
		Messages: map[events.Seq]*Message{}, about: map[events.Seq]*Message{}, gone: map[events.Index]bool{},
		Facts:   hot.Facts{Asks: map[events.UserID]hot.Ask{}, Invites: map[events.Hash]events.InviteRow{}, Settings: map[events.SessionID]events.Settings{}, Hides: map[events.SessionID]bool{}, Logins: map[string]events.LoginRow{}},
		Devices: map[string]events.DeviceRow{}, Hidden: map[events.SessionID][]events.Index{}, rest: newRest(),
	}
}

func (s *Session) fault(format string, args ...any) {
	s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
}

// Add takes the session's next counted outcome.
func (s *Session) Add(o events.Outcome, value []byte) {
	if o.PrevHash != s.Hash {
		s.fault("outcome %s does not follow on the one before it: the chain is broken", o.ID)
	}
	a, accepted := o.Result.(events.Accepted)
	if created := s.Head.Seq != 0; !created {
		if _, opens := a.Event.(events.Created); !accepted || !opens {
			if accepted {
				s.fault("outcome %s is accepted before the session was created", o.ID)
			}
			return
		}
	}
	s.Hash = sha256.Sum256(value)
	if !accepted {
		return
	}
	if a.Seq == 0 {
		s.apart(o.Actor.User, a.Event)
		s.remember(&o, a)
		return
	}
	if e, ok := a.Event.(events.Created); ok {
		s.Head = hot.Head{Session: s.ID, Kind: e.Kind, Title: e.Title, Base: e.Base, Seq: e.Base, Policy: e.Policy, Contact: e.Contact}
		if e.Contact == events.ContactAsked {
			s.Head.ContactBy = o.Actor.User
		}
	}
	if a.Seq != s.Head.Seq+1 {
		s.fault("seq %d follows %d", a.Seq, s.Head.Seq)
	}
	s.Head.Seq, s.Head.Time = a.Seq, o.Time
	s.Timeline[a.Seq] = value
	s.event(&o, a)
	s.remember(&o, a)
}

func (s *Session) event(o *events.Outcome, a events.Accepted) {
	switch e := a.Event.(type) {
	case events.Created:
		s.come(e.Members)
	case events.Added:
		s.come(e.Members)
	case events.Joined:
		s.come([]events.NewMember{{User: o.Actor.User, Role: events.RoleMember}})
		if invite, ok := s.Facts.Invites[e.Invite]; ok {
			invite.Used++
			s.Facts.Invites[e.Invite] = invite
		}
	case events.Removed:
		s.leave(e.Users, e.Promoted, e.Closed)
	case events.Left:
		s.leave([]events.UserID{o.Actor.User}, e.Promoted, e.Closed)
	case events.Sent:
		if e.Index != s.Head.Index+1 {
			s.fault("index %d follows %d", e.Index, s.Head.Index)
		}
		s.Head.Index = e.Index
		s.Messages[a.Seq] = &Message{Index: e.Index, refs: e.Refs}
		s.mark(o.Actor.User, a.Seq, e.Index)
	case events.Revoked:
		s.message(e.Target, e.TargetIndex).State.Revoked = a.Seq
		s.gone[e.TargetIndex] = true
		s.unpin(e.Target)
	case events.Deleted:
		s.message(e.Target, e.TargetIndex).State.Deleted = a.Seq
		s.gone[e.TargetIndex] = true
		s.unpin(e.Target)
	case events.Overridden:
		m := s.message(e.Target, e.TargetIndex)
		m.State.Overridden, m.State.Body = a.Seq, e.Body
		m.overrides++
	case events.Read:
	case events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.Pinned, events.ContactChanged, events.Hidden, events.SessionSet, events.ProfileSet, events.PrivacySet, events.AccountClosed:
		s.other(o, a)
	case events.NotificationsSet, events.DeviceSet, events.PushForgotten:
		s.device(o, a)
	case events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		s.signing(o, a)
	case events.Reacted:
		s.react(o.Actor.User, e)
	case events.SignedUp, events.Delivered, events.Reported, events.Audited:
	}
}

func (s *Session) message(target events.Seq, index events.Index) *Message {
	m := s.Messages[target]
	if m == nil || m.Index != index {
		s.fault("an event names a message %d with index %d that is not there", target, index)
		return &Message{}
	}
	s.about[s.Head.Seq] = m
	return m
}

func (s *Session) come(people []events.NewMember) {
	for _, p := range people {
		m := s.Members[p.User]
		if m == nil {
			m = &events.Member{}
			s.Members[p.User] = m
		}
		if m.In() {
			s.fault("%s comes in at %d and is in", p.User, s.Head.Seq)
		}
		delete(s.Facts.Asks, p.User)
		m.Role, m.Marker, m.MarkerIndex = p.Role, s.Head.Seq, s.Head.Index
		m.Stays = append(m.Stays, events.Stay{From: s.Head.Seq, FromIndex: s.Head.Index})
		m.Stays = m.Stays[max(0, len(m.Stays)-events.MaxStays):]
		s.Head.Members++
	}
}

func (s *Session) leave(users []events.UserID, promoted events.UserID, closed bool) {
	for _, u := range users {
		m := s.Members[u]
		if m == nil || !m.In() {
			s.fault("%s goes at %d and is not in", u, s.Head.Seq)
			continue
		}
		last := &m.Stays[len(m.Stays)-1]
		last.To, last.ToIndex = s.Head.Seq, s.Head.Index
		m.Role = 0
		s.Head.Members--
	}
	if promoted != "" {
		if m := s.Members[promoted]; m == nil || !m.In() {
			s.fault("%s is promoted at %d and is not in", promoted, s.Head.Seq)
		} else {
			m.Role = events.RoleOwner
		}
	}
	s.Head.Closed = s.Head.Closed || closed
}

func (s *Session) mark(u events.UserID, marker events.Seq, index events.Index) {
	if m := s.Members[u]; m != nil && marker > m.Marker {
		m.Marker, m.MarkerIndex = marker, index
	}
}

// Mentions counts the unread messages that mention the user, one by one, less those the user hid.
func (s *Session) Mentions(u events.UserID, hidden ...events.Index) (n uint64) {
	m := s.Members[u]
	if m == nil {
		return 0
	}
	upper := s.Head.Index
	if !m.In() {
		upper = m.Stays[len(m.Stays)-1].ToIndex
	}
	for _, message := range s.Messages {
		calls := message.refs.MentionAll || slices.Contains(message.refs.Mentions, u)
		if calls && message.Index > m.MarkerIndex && message.Index <= upper && !s.gone[message.Index] && !slices.Contains(hidden, message.Index) {
			n++
		}
	}
	return n
}

// Unread counts one by one, less those the user hid.
func (s *Session) Unread(u events.UserID, hidden ...events.Index) uint64 {
	m := s.Members[u]
	if m == nil {
		return 0
	}
	upper := s.Head.Index
	if !m.In() {
		upper = m.Stays[len(m.Stays)-1].ToIndex
	}
	var n uint64
	for i := m.MarkerIndex + 1; i <= upper; i++ {
		if !s.gone[i] && !slices.Contains(hidden, i) {
			n++
		}
	}
	return n
}
