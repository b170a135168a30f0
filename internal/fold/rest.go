package fold

import (
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// fate is who did something to a message, when, and why.
type fate struct {
	by     events.UserID
	at     events.Millis
	reason string
}

// rest is what only the archive tells of a session.
type rest struct {
	creator   events.UserID
	createdAt events.Millis
	closedAt  events.Millis
	// messageAt is when the last message was sent.
	messageAt events.Millis
	// readAt and deliveredAt are when the markers came to where they are.
	readAt, deliveredAt map[events.UserID]events.Millis
	// stays are all there were, of each person in their order.
	stays map[events.UserID][]archive.Stay
	// since is when the two of a direct session became what they are, asked what was said with it.
	since events.Millis
	asked string
}

func newRest() rest {
	return rest{readAt: map[events.UserID]events.Millis{}, deliveredAt: map[events.UserID]events.Millis{}, stays: map[events.UserID][]archive.Stay{}}
}

// remember takes an event that was applied already.
func (s *Session) remember(o *events.Outcome, a events.Accepted) {
	r := &s.rest
	switch e := a.Event.(type) {
	case events.Created:
		r.creator, r.createdAt, r.since, r.asked = o.Actor.User, o.Time, o.Time, e.Text
		s.came(o, a, names(e.Members))
	case events.Added:
		s.came(o, a, names(e.Members))
	case events.Joined:
		s.came(o, a, []events.UserID{o.Actor.User})
	case events.Removed:
		s.went(o, a, e.Users, e.Closed)
	case events.Left:
		s.went(o, a, []events.UserID{o.Actor.User}, e.Closed)
	case events.Sent:
		r.messageAt = o.Time
		s.marked(o, a.Seq)
	case events.Read:
		s.marked(o, e.Marker)
	case events.Delivered:
		if m := s.Members[o.Actor.User]; m != nil && m.Delivered == e.Marker {
			r.deliveredAt[o.Actor.User] = o.Time
		}
	case events.Dismissed, events.AccountClosed:
		r.closedAt = o.Time
	case events.ContactChanged:
		if e.Step != events.ContactBlock && e.Step != events.ContactUnblock {
			r.since, r.asked = o.Time, e.Text
		}
	case events.Revoked, events.Deleted, events.Overridden, events.Reported:
		s.befell(o, a.Event)
	case events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Asked, events.Refused, events.Invited, events.Uninvited,
		events.Reacted, events.Pinned, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

func names(members []events.NewMember) []events.UserID {
	users := make([]events.UserID, len(members))
	for i, m := range members {
		users[i] = m.User
	}
	return users
}

// marked notes when somebody's marker came to a place, if it did.
func (s *Session) marked(o *events.Outcome, seq events.Seq) {
	if m := s.Members[o.Actor.User]; m != nil && m.Marker == seq {
		s.rest.readAt[o.Actor.User] = o.Time
	}
}

func (s *Session) came(o *events.Outcome, a events.Accepted, users []events.UserID) {
	for _, u := range users {
		s.rest.stays[u] = append(s.rest.stays[u], archive.Stay{
			User: u, From: a.Seq, FromTime: o.Time, FromOrigin: sayable(o.Origin), Came: a.Event.Name(), LetIn: o.Actor.User,
		})
		s.rest.readAt[u] = o.Time
	}
}

func (s *Session) went(o *events.Outcome, a events.Accepted, users []events.UserID, closed bool) {
	for _, u := range users {
		if of := s.rest.stays[u]; len(of) > 0 {
			last := &of[len(of)-1]
			last.To, last.ToTime, last.ToOrigin, last.Went, last.LetOut = a.Seq, o.Time, sayable(o.Origin), a.Event.Name(), o.Actor.User
		}
	}
	if closed {
		s.rest.closedAt = o.Time
	}
}

// befell notes what was done to a message.
func (s *Session) befell(o *events.Outcome, e events.Event) {
	f := fate{by: o.Actor.User, at: o.Time}
	switch e := e.(type) {
	case events.Revoked:
		if m := s.Messages[e.Target]; m != nil {
			m.revoked = f
		}
	case events.Deleted:
		if m := s.Messages[e.Target]; m != nil {
			f.reason = e.Reason
			m.deleted = f
		}
	case events.Overridden:
		if m := s.Messages[e.Target]; m != nil {
			m.overridden = f
		}
	case events.Reported:
		if m := s.Messages[e.Target]; m != nil {
			if m.reporters == nil {
				m.reporters = map[events.UserID]bool{}
			}
			m.reporters[o.Actor.User] = true
		}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Read, events.InfoSet, events.PolicySet,
		events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Reacted,
		events.Pinned, events.Delivered, events.ContactChanged, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

// sayable is a time of origin as the archive can have it: its days end in 2149.
func sayable(t events.Millis) events.Millis {
	if t > 65_535*86_400_000 {
		return 0
	}
	return t
}
