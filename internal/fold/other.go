package fold

import (
	"slices"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// apart takes an event that has no seq.
func (s *Session) apart(u events.UserID, e events.Event) {
	switch e := e.(type) {
	case events.Read:
		s.mark(u, e.Marker, e.MarkerIndex)
	case events.Delivered:
		if m := s.Members[u]; m != nil && e.Marker > m.Delivered {
			m.Delivered, m.DeliveredIndex = e.Marker, e.MarkerIndex
		}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden,
		events.Deleted, events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused,
		events.Invited, events.Uninvited, events.Reacted, events.Pinned, events.ContactChanged, events.Reported, events.Hidden,
		events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

// other takes an event that is about neither messages nor who is in.
func (s *Session) other(o *events.Outcome, a events.Accepted) {
	switch e := a.Event.(type) {
	case events.InfoSet:
		s.info(e.Info)
	case events.PolicySet:
		s.Head.Policy = e.Policy
	case events.RoleSet:
		s.role(e.User, e.Role)
		if e.Demoted != "" {
			s.role(e.Demoted, events.RoleAdmin)
		}
	case events.Muted:
		if len(e.Users) == 0 {
			s.Head.MutedUntil = e.Until
		}
		for _, u := range e.Users {
			if m := s.Members[u]; m != nil {
				m.MutedUntil = e.Until
			}
		}
	case events.Dismissed:
		s.Head.Closed = true
	case events.AccountClosed:
		s.Head.Closed = true
		s.signing(o, a)
	case events.Asked:
		s.Facts.Asks[o.Actor.User] = hot.Ask{Seq: a.Seq, Text: e.Text}
	case events.Refused:
		for _, u := range e.Users {
			delete(s.Facts.Asks, u)
		}
	case events.Invited:
		s.Facts.Invites[e.Code] = events.InviteRow{Expires: e.Expires, Uses: e.Uses}
	case events.Uninvited:
		delete(s.Facts.Invites, e.Code)
	case events.Pinned:
		s.unpin(e.Target)
		if !e.Off {
			s.Facts.Pins = append(s.Facts.Pins, e.Target)
			slices.Sort(s.Facts.Pins)
		}
	case events.ContactChanged:
		s.contact(o.Actor.User, e)
	case events.SessionSet:
		settings := e.Settings.Of(s.Facts.Settings[e.Session])
		if s.Facts.Settings[e.Session] = settings; settings == (events.Settings{}) {
			delete(s.Facts.Settings, e.Session)
		}
	case events.ProfileSet:
		s.Facts.Own.Profile = e.Profile
	case events.PrivacySet:
		s.Facts.Own.Privacy = e.Privacy
	case events.Hidden:
		s.Facts.Hides[e.Session] = true
		for _, m := range e.Messages {
			s.Hidden[e.Session] = append(s.Hidden[e.Session], m.Index)
		}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden,
		events.Deleted, events.Read, events.Reacted, events.Delivered, events.Reported, events.DeviceSet, events.NotificationsSet, events.PushForgotten, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

func (s *Session) unpin(seq events.Seq) {
	s.Facts.Pins = slices.DeleteFunc(s.Facts.Pins, func(p events.Seq) bool { return p == seq })
}

func (s *Session) role(u events.UserID, role events.Role) {
	m := s.Members[u]
	if m == nil || !m.In() {
		s.fault("%s gets a role at %d and is not in", u, s.Head.Seq)
		return
	}
	m.Role = role
}

func (s *Session) contact(u events.UserID, e events.ContactChanged) {
	m := s.Members[u]
	if m == nil {
		s.fault("%s was never in, and is a contact at %d", u, s.Head.Seq)
		return
	}
	switch e.Step {
	case events.ContactBlock:
		m.Blocks = true
		s.Head.Blocks++
	case events.ContactUnblock:
		m.Blocks = false
		s.Head.Blocks--
	case events.ContactAsk, events.ContactAccept, events.ContactRefuse, events.ContactRemove:
		s.Head.Contact, s.Head.ContactBy = e.State, ""
		if e.State == events.ContactAsked {
			s.Head.ContactBy = u
		}
	}
}

func (s *Session) info(c events.InfoChange) {
	i := &s.Facts.Info
	for _, f := range []struct{ to, from *string }{
		{&s.Head.Title, c.Title}, {&i.Avatar, c.Avatar}, {&i.Notice, c.Notice}, {&i.Description, c.Description},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	for _, f := range c.Custom {
		i.Custom = slices.DeleteFunc(slices.Clone(i.Custom), func(had events.CustomField) bool { return had.Name == f.Name })
		if f.Value != "" {
			i.Custom = append(i.Custom, f)
		}
	}
	slices.SortFunc(i.Custom, func(a, b events.CustomField) int { return strings.Compare(a.Name, b.Name) })
	if len(i.Custom) == 0 {
		i.Custom = nil
	}
}
