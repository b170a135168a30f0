package gateway

import (
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// rights are what a subscriber may see and do, as far as it is about them alone.
type rights struct {
	role       events.Role
	mutedUntil events.Millis
	// at is the event that they are as of: what they were read with, or the last one that
	// changed them. Those before it may still be on their way.
	at events.Seq
}

func rightsOf(p *hot.Person) rights {
	return rights{role: p.Member.Role, mutedUntil: p.Member.MutedUntil, at: p.Head.Seq}
}

// learn takes what an event that the user was sent says of their rights. They are sent all
// events in order, so their rights change by each at its place.
func (r *rights) learn(m *message, u events.UserID) {
	if m.seq <= r.at {
		return
	}
	switch e := m.event.(type) {
	case events.RoleSet:
		switch u {
		case e.User:
			r.role = e.Role
		case e.Demoted:
			r.role = events.RoleAdmin
		}
	case events.Removed:
		r.promote(e.Promoted, u)
	case events.Left:
		r.promote(e.Promoted, u)
	case events.Muted:
		if slices.Contains(e.Users, u) {
			r.mutedUntil = e.Until
		}
	case events.AccountClosed, events.Audited, events.Added, events.Asked, events.ContactChanged, events.Created, events.Deleted, events.Delivered,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed, events.Hidden, events.InfoSet, events.Invited, events.Joined, events.Overridden,
		events.Pinned, events.PolicySet, events.Reacted, events.Read, events.Refused, events.Reported, events.Revoked, events.Sent,
		events.SessionSet, events.Uninvited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		return
	}
	r.at = m.seq
}

func (r *rights) promote(promoted, u events.UserID) {
	if promoted == u {
		r.role = events.RoleOwner
	}
}

// isSilenced says whether the subscriber may say nothing at that time.
func (s *subscription) isSilenced(now events.Millis) bool {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	until := max(s.t.known.mutedUntil, s.rights.mutedUntil)
	return s.t.known.blocks > 0 || s.rights.role < events.RoleAdmin && until > now
}
