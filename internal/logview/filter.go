package logview

import (
	"fmt"
	"slices"
	"strings"

	"annal/pkg/events"
)

// Filter chooses outcomes. Empty fields choose all.
type Filter struct {
	Session events.SessionID
	// User chooses what the user did and what was done to the user's membership.
	User events.UserID
	// Kinds are names of events, operations' results "rejected" and "answered".
	Kinds []string
}

// kinds are what Filter.Kinds may hold.
var kinds = []string{
	"created", "added", "removed", "joined", "left", "sent", "revoked", "overridden", "deleted", "read",
	"info_set", "policy_set", "role_set", "muted", "dismissed", "asked", "refused", "invited", "uninvited", "reacted", "pinned", "delivered",
	"contact_changed", "reported", "hidden", "session_set", "device_set", "profile_set", "privacy_set", "push_forgotten", "notifications_set", "account_closed", "signed_up", "signed_in", "signed_out",
	"banned", "unbanned", "audited", "rejected", "answered",
}

// Validate refuses kinds that nothing has.
func (f Filter) Validate() error {
	for _, k := range f.Kinds {
		if !slices.Contains(kinds, k) {
			return fmt.Errorf("logview: unknown kind %q: want some of %s", k, strings.Join(kinds, ", "))
		}
	}
	return nil
}

// Match says whether the outcome is chosen.
func (f Filter) Match(o *events.Outcome) bool {
	if f.Session != "" && o.Session != f.Session {
		return false
	}
	if f.User != "" && o.Actor.User != f.User && !concerns(o, f.User) {
		return false
	}
	return len(f.Kinds) == 0 || slices.Contains(f.Kinds, kindOf(o))
}

func kindOf(o *events.Outcome) string {
	switch r := o.Result.(type) {
	case events.Accepted:
		return r.Event.Name()
	case events.Rejected:
		return "rejected"
	case events.Answered:
		return "answered"
	}
	return ""
}

func concerns(o *events.Outcome, u events.UserID) bool {
	accepted, ok := o.Result.(events.Accepted)
	if !ok {
		return false
	}
	is := func(m events.NewMember) bool { return m.User == u }
	switch e := accepted.Event.(type) {
	case events.Created:
		return slices.ContainsFunc(e.Members, is)
	case events.Added:
		return slices.ContainsFunc(e.Members, is)
	case events.Removed:
		return slices.Contains(e.Users, u) || e.Promoted == u
	case events.Left:
		return e.Promoted == u
	case events.RoleSet:
		return e.User == u || e.Demoted == u
	case events.Muted:
		return slices.Contains(e.Users, u)
	case events.Refused:
		return slices.Contains(e.Users, u)
	case events.Sent:
		return slices.Contains(e.Refs.Mentions, u)
	case events.Joined, events.Revoked, events.Overridden, events.Deleted, events.Read, events.InfoSet, events.PolicySet, events.Dismissed, events.Asked, events.Invited,
		events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return false
}
