package push

import (
	"encoding/json"

	"annal/pkg/events"
)

// matter is what an outcome is about, for push.
type matter struct {
	Session events.SessionID
	Seq     events.Seq
	At      events.Millis
	ID      events.ID
	Actor   events.UserID
	// Exactly one of these.
	alert *alert
	// hides are the seqs of a message that is no more.
	hides events.Seq
	touch *touch
}

// alert is something that people may be told of.
type alert struct {
	kind  Kind
	index events.Index
	body  events.Body
	refs  events.Refs
	// to is the only one to be told; empty: all members but the actor.
	to events.UserID
	// accepted: the contact request was.
	accepted bool
	text     string
}

// touch is something that changes what is unread for users, and what their phones show.
type touch struct {
	users []events.UserID
	// of is the session it is about.
	of events.SessionID
	// upTo is how far it was read, and seqs what was hidden.
	upTo events.Seq
	seqs []events.Seq
	// all: nothing of the session is to be shown any more.
	all bool
}

// mattersOf says what an outcome is about; nil for nothing. It is pure.
func mattersOf(o *events.Outcome) *matter {
	a, ok := o.Result.(events.Accepted)
	if !ok {
		return nil
	}
	m := &matter{Session: o.Session, Seq: a.Seq, At: o.Time, ID: o.ID, Actor: o.Actor.User}
	mine := []events.UserID{o.Actor.User}
	switch e := a.Event.(type) {
	case events.Sent:
		m.alert = &alert{kind: Message, index: e.Index, body: e.Body, refs: e.Refs}
		if isCall(e.Body) {
			m.alert.kind = Call
		}
	case events.Created:
		if e.Kind != events.KindDirect || e.Contact != events.ContactAsked {
			return nil
		}
		m.alert = &alert{kind: Contact, text: e.Text}
	case events.ContactChanged:
		switch e.Step {
		case events.ContactAsk:
			m.alert = &alert{kind: Contact, text: e.Text, accepted: e.State == events.Contacts}
		case events.ContactAccept:
			m.alert = &alert{kind: Contact, accepted: true}
			// Who accepts has seen the request.
		case events.ContactRefuse, events.ContactRemove, events.ContactBlock, events.ContactUnblock:
			return nil
		}
	case events.Revoked:
		m.hides = e.Target
	case events.Deleted:
		m.hides = e.Target
	case events.Read:
		m.touch = &touch{users: mine, of: o.Session, upTo: e.Marker}
	case events.Left:
		m.touch = &touch{users: mine, of: o.Session, all: true}
	case events.Removed:
		m.touch = &touch{users: e.Users, of: o.Session, all: true}
	case events.Hidden:
		m.touch = &touch{users: mine, of: e.Session, seqs: seqsOf(e.Messages)}
	case events.SessionSet:
		if e.Settings.MuteUntil == nil && e.Settings.Hidden == nil {
			return nil
		}
		m.touch = &touch{users: mine, of: e.Session}
	case events.AccountClosed, events.Added, events.Asked, events.Audited, events.Delivered, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten,
		events.Dismissed, events.InfoSet, events.Invited, events.Joined, events.Muted, events.Overridden, events.Pinned, events.PolicySet,
		events.Reacted, events.Refused, events.Reported, events.RoleSet, events.Uninvited, events.SignedUp, events.SignedIn, events.SignedOut,
		events.Banned, events.Unbanned:
		return nil
	}
	return m
}

func seqsOf(messages []events.Numbers) []events.Seq {
	seqs := make([]events.Seq, len(messages))
	for i, n := range messages {
		seqs[i] = n.Seq
	}
	return seqs
}

// CallType is the type of a custom content that is a call: it rings, so it is told at once, and for a short time.
const CallType = "call"

func isCall(b events.Body) bool {
	c, ok := b.Plain.(events.Custom)
	return ok && c.Type == CallType
}

// isVideo says whether a call is one with pictures: {"video": true} in its JSON.
func isVideo(c events.Custom) bool {
	var says struct {
		Video bool `json:"video"`
	}
	return json.Unmarshal([]byte(c.JSON), &says) == nil && says.Video
}
