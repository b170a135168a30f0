package push

import (
	"slices"
	"time"

	"annal/pkg/events"
	"annal/pkg/presence"
)

// about is an alert with all that is known of what it is about.
type about struct {
	*matter
	session Session
	became  Became
}

// mentions says whether the alert calls a user, by name or with everybody.
func (a *about) mentions(u events.UserID) bool {
	return a.alert.refs.MentionAll || slices.Contains(a.alert.refs.Mentions, u)
}

// concerns says whether a member is to be told, if nothing speaks against it.
func (a *about) concerns(m *Member) bool {
	switch {
	case m.User == a.Actor, a.alert.to != "" && a.alert.to != m.User:
		return false
	case a.alert.kind == Contact:
		return true
	}
	return a.session.sees(m, a.Seq)
}

// over is why nobody is told any more; empty: people are.
func (a *about) over() Reason {
	switch {
	case a.became.Revoked:
		return WasRevoked
	case a.became.Deleted:
		return WasDeleted
	case a.alert.kind != Contact && a.session.Blocked:
		return WasBlocked
	case a.alert.kind != Contact:
		return ""
	case a.alert.accepted && a.session.Contact == events.Contacts,
		!a.alert.accepted && a.session.Contact == events.ContactAsked && a.session.ContactBy == a.Actor:
		return ""
	}
	return WasAnswered
}

// seen is why a member needs not be told; empty: they may need to.
func (a *about) seen(m *Member) Reason {
	switch {
	case a.over() != "":
		return a.over()
	case a.alert.kind == Contact:
		return ""
	case !m.In():
		return HasLeft
	case m.Marker >= a.Seq:
		return WasRead
	}
	return ""
}

// ofUser is why a user gets none by what they and others set; empty: it is for their devices to say.
func (a *about) ofUser(u events.UserID, r Reach, now time.Time, zones *zones) Reason {
	mentioned, at := a.mentions(u), events.Millis(now.UnixMilli())
	w := &r.Notifications
	switch {
	case r.Banned:
		return IsBanned
	case r.Closed:
		return IsClosed
	case len(r.Devices) == 0:
		return NoDevice
	case r.MuteUntil > at && !mentioned:
		return IsMuted
	case r.Hidden && !mentioned:
		return IsHidden
	case w.PauseUntil > at:
		return IsPaused
	case zones.rests(w.Rest, now):
		return IsResting
	case a.alert.kind == Message && w.Messages == events.NotifyNone:
		return WantsNone
	case a.alert.kind == Message && w.Messages == events.NotifyMentions && !mentioned && a.session.Kind != events.KindDirect:
		return MentionsOnly
	}
	return ""
}

// ofPresence is why a user gets none by where they are. A call rings everywhere.
func (a *about) ofPresence(w *events.Notifications, s *presence.State) Reason {
	if s.Active() && w.Active != events.OthersWhileActive && a.alert.kind != Call {
		return UserActive
	}
	return ""
}

// activeOn says whether the user looks at that device.
func activeOn(s *presence.State, device string) bool {
	return slices.ContainsFunc(s.Connections, func(c presence.Connection) bool { return c.Device == device && !c.Away })
}
