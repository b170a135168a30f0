package gateway

import "annal/pkg/events"

// What a subscriber may see hangs on their role and on the session's policy. Both are as of the
// last event that was sent.

// changesRights says whether the event changes what somebody may see of those after it.
func (m *message) changesRights() bool {
	_, role := m.event.(events.RoleSet)
	_, policy := m.event.(events.PolicySet)
	return role || policy
}

// learn takes what an event that was sent says of roles and policy. The lock is held.
func (t *topic) learn(m *message) {
	switch e := m.event.(type) {
	case events.RoleSet:
		t.setRole(e.User, e.Role)
		t.setRole(e.Demoted, events.RoleAdmin)
	case events.Removed:
		t.setRole(e.Promoted, events.RoleOwner)
	case events.Left:
		t.setRole(e.Promoted, events.RoleOwner)
	case events.PolicySet:
		if t.policy.History != e.Policy.History {
			t.show(e.Policy.History)
		}
		t.policy = e.Policy
	case events.AccountClosed, events.Added, events.Asked, events.ContactChanged, events.Created, events.Deleted, events.Delivered,
		events.DeviceSet, events.Dismissed, events.Hidden, events.InfoSet, events.Invited, events.Joined, events.Muted, events.Overridden,
		events.Pinned, events.Reacted, events.Read, events.Refused, events.Reported, events.Revoked, events.Sent, events.SessionSet,
		events.Uninvited:
	}
}

func (t *topic) setRole(u events.UserID, role events.Role) {
	if u != "" {
		t.each(func(s *subscription) {
			if s.user == u {
				s.role = role
			}
		})
	}
}

// show changes from where on subscribers may see. Of stays before the present one nothing is
// known here once they matter again, so what is said of them is withheld until they come anew.
func (t *topic) show(h events.History) {
	t.each(func(s *subscription) {
		s.first, s.earlier = s.joined, nil
		if h == events.HistoryAll {
			s.first = 1
		}
	})
}

func (t *topic) each(f func(*subscription)) {
	for _, s := range t.live {
		f(s)
	}
	for s := range t.filling {
		f(s)
	}
}
