package gateway

import (
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// known is what a topic knows of its session, as of the furthest event that anybody here has
// come to. All subscribers are sent events without gaps, from at most the head that was read when
// they came; so whoever is furthest meets the next one, be they live or filling.
type known struct {
	seq     events.Seq
	policy  events.Policy
	members uint32
	// mutedUntil is until when everybody below admin may not write; blocks counts who, of two,
	// blocks the other.
	mutedUntil events.Millis
	blocks     uint32
}

// read takes a head, unless more is known.
func (k *known) read(h *hot.Head) {
	if h.Seq > k.seq {
		*k = known{seq: h.Seq, policy: h.Policy, members: h.Members, mutedUntil: h.MutedUntil, blocks: h.Blocks}
	}
}

// learn takes an event that was sent; one that is known already, or has no seq, changes nothing.
func (k *known) learn(m *message) {
	if m.seq != k.seq+1 {
		return
	}
	k.seq = m.seq
	switch e := m.event.(type) {
	case events.Added:
		k.members += uint32(len(e.Members))
	case events.Joined:
		k.members++
	case events.Removed:
		k.members -= min(k.members, uint32(len(e.Users)))
	case events.Left:
		k.members -= min(k.members, 1)
	case events.PolicySet:
		k.policy = e.Policy
	case events.Muted:
		if len(e.Users) == 0 {
			k.mutedUntil = e.Until
		}
	case events.ContactChanged:
		k.contact(e.Step)
	case events.AccountClosed, events.Audited, events.Asked, events.Created, events.Deleted, events.Delivered, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed,
		events.Hidden, events.InfoSet, events.Invited, events.Overridden, events.Pinned, events.Reacted, events.Read, events.Refused,
		events.Reported, events.Revoked, events.RoleSet, events.Sent, events.SessionSet, events.Uninvited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

func (k *known) contact(step events.ContactStep) {
	switch step {
	case events.ContactBlock:
		k.blocks++
	case events.ContactUnblock:
		k.blocks -= min(k.blocks, 1)
	case events.ContactAsk, events.ContactAccept, events.ContactRefuse, events.ContactRemove:
	}
}

// changesPolicy says whether the event changes by what those after it are judged, for all alike.
func (m *message) changesPolicy() bool {
	_, policy := m.event.(events.PolicySet)
	return policy
}
