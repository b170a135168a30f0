package push

import (
	"encoding/json"
	"slices"

	"annal/pkg/events"
)

// matter is what an outcome is about, for push.
type matter struct {
	Session events.SessionID
	Seq     events.Seq
	At      events.Millis
	ID      events.ID
	Actor   events.UserID
	// Exactly one of alert, hides and touch.
	alert *alert
	// hides is the seq of a message that is no more: it was deleted, or else revoked.
	hides   events.Seq
	deleted bool
	touch   *touch
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
	// left is since when they are out, or want to hear no more of the other one: of what was said before nothing is to be shown.
	left events.Seq
	// blocks: they block the other one since left.
	blocks bool
	// contact is the seq of what answers the request to be a contact, or takes it back; 0: it is not about that. The users are the two.
	contact events.Seq
	// brought is a message that came to a phone so long after it was last asked about that it may be one that should not be shown.
	brought brought
	// checks is the mark of a call that another one came between: the device's number is set right after both.
	checks string
}

// brought names a message; zero: none.
type brought struct {
	seq   events.Seq
	index events.Index
}

// takesBack says whether what a phone shows is to be taken back.
func (t *touch) takesBack(k Kind, seq events.Seq) bool {
	return seq < t.left || seq <= t.upTo || slices.Contains(t.seqs, seq) || k == Contact && seq < t.contact
}

// reads says whether it is nothing but how far one user has read.
func (t *touch) reads() bool {
	return t.upTo > 0 && t.left == 0 && t.contact == 0 && len(t.seqs) == 0
}

// turn says what matters are decided on together.
type turn int

const (
	alerts turn = iota
	hides
	touches
)

func (m *matter) turn() turn {
	switch {
	case m.alert != nil:
		return alerts
	case m.hides != 0:
		return hides
	}
	return touches
}

// of is the session it is about, as far as phones go.
func (m *matter) of() events.SessionID {
	if m.touch != nil {
		return m.touch.of
	}
	return m.Session
}

// mattersOf says what an outcome is about, maybe nothing. It is pure.
func mattersOf(o *events.Outcome) (all []*matter) {
	if m := matterOf(o); m != nil {
		all = append(all, m)
	}
	accepted, _ := o.Result.(events.Accepted)
	also := func(t touch) {
		t.of = o.Session
		all = append(all, &matter{Session: o.Session, Seq: accepted.Seq, At: o.Time, ID: o.ID, Actor: o.Actor.User, touch: &t})
	}
	mine := []events.UserID{o.Actor.User}
	if _, is := accepted.Event.(events.Sent); is {
		// Who answers has read what was said before.
		also(touch{users: mine, upTo: accepted.Seq})
	}
	if e, is := accepted.Event.(events.ContactChanged); is && e.Step != events.ContactAsk && e.Step != events.ContactUnblock {
		also(touch{contact: accepted.Seq}) // the request is no more
		if e.Step == events.ContactBlock {
			also(touch{users: mine, left: accepted.Seq, blocks: true})
		}
	}
	return all
}

func matterOf(o *events.Outcome) *matter {
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
		case events.ContactRefuse, events.ContactRemove, events.ContactBlock, events.ContactUnblock:
			return nil
		}
	case events.Revoked:
		m.hides = e.Target
	case events.Deleted:
		m.hides, m.deleted = e.Target, true
	case events.Read:
		m.touch = &touch{users: mine, of: o.Session, upTo: e.Marker}
	case events.Left:
		m.touch = &touch{users: mine, of: o.Session, left: a.Seq}
	case events.Removed:
		m.touch = &touch{users: e.Users, of: o.Session, left: a.Seq}
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
