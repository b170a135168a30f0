package events

import (
	"crypto/sha256"
	"encoding/hex"
)

// SessionID names a session; its first letter tells the kind (see NewDirectID …).
type SessionID string

// UserID names a person: 1 to 128 bytes of printable ASCII without space.
type UserID string

// Seq numbers a session's timeline, dense from base+1. 0 is none.
type Seq uint64

// Index numbers a session's messages, dense from 1. 0 is none.
type Index uint64

// Millis is a time in milliseconds since 1970-01-01T00:00:00Z, or a span in ms
// where the name ends in Window.
type Millis int64

// ID is an event's id, and for a send the message's: a UUIDv7.
type ID [16]byte

// String gives the UUID's usual text.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// Digest compares two commands of one client id: the first 16 bytes of a SHA-256.
type Digest [16]byte

// Kind is a session's kind.
type Kind uint8

// The kinds of sessions.
const (
	KindDirect Kind = iota + 1
	KindGroup
	KindSelf
	KindChannel
)

// Role is ordered: a higher one may do all that a lower one may.
type Role uint8

// The roles.
const (
	RoleMember Role = iota + 1
	RoleAdmin
	RoleOwner
)

// History says what members see of the timeline.
type History uint8

// What members see.
const (
	// HistoryStay shows members their own stays.
	HistoryStay History = iota + 1
	HistoryAll
)

// Joining says who may come in unasked.
type Joining uint8

// Who may come in.
const (
	JoiningClosed Joining = iota + 1
	JoiningOpen
	// JoiningApproval: whoever may add members accepts those who ask; in a direct session
	// the other one does.
	JoiningApproval
)

// Policy is what a session's rules are decided by; the create event keeps it.
type Policy struct {
	// RevokeWindow is how long a sender may revoke, in ms; admins and the owner always may.
	RevokeWindow   Millis
	OverrideWindow Millis
	History        History
	MemberLimit    uint32
	// AddRole is the least role that may add members.
	AddRole Role
	// WriteRole is the least role that may send.
	WriteRole Role
	Joining   Joining
	// ReceiptsLimit is up to how many members read marks are shown to all.
	ReceiptsLimit uint32
	// InfoRole, PinRole and MentionAllRole are the least roles that may change the info, pin
	// messages and mention all; 0 is an admin.
	InfoRole       Role
	PinRole        Role
	MentionAllRole Role
}

// orAdmin is a role that sessions of before there was it leave unset.
func orAdmin(r Role) Role {
	if r == 0 {
		return RoleAdmin
	}
	return r
}

// MayChangeInfo says whether who has the role may change what the session says of itself.
func (p Policy) MayChangeInfo(r Role) bool { return r >= orAdmin(p.InfoRole) }

// MayPin says whether who has the role may pin messages.
func (p Policy) MayPin(r Role) bool { return r >= orAdmin(p.PinRole) }

// MayMentionAll says whether who has the role may mention all.
func (p Policy) MayMentionAll(r Role) bool { return r >= orAdmin(p.MentionAllRole) }

// PolicyChange is a part of a policy: what is nil or 0 stays.
type PolicyChange struct {
	RevokeWindow   *Millis
	OverrideWindow *Millis
	History        History
	MemberLimit    uint32
	AddRole        Role
	WriteRole      Role
	Joining        Joining
	ReceiptsLimit  *uint32
	InfoRole       Role
	PinRole        Role
	MentionAllRole Role
}

// Of gives the policy p with the change.
func (c PolicyChange) Of(p Policy) Policy {
	set(&p.RevokeWindow, c.RevokeWindow)
	set(&p.OverrideWindow, c.OverrideWindow)
	set(&p.ReceiptsLimit, c.ReceiptsLimit)
	setUnlessZero(&p.History, c.History)
	setUnlessZero(&p.MemberLimit, c.MemberLimit)
	setUnlessZero(&p.AddRole, c.AddRole)
	setUnlessZero(&p.WriteRole, c.WriteRole)
	setUnlessZero(&p.Joining, c.Joining)
	setUnlessZero(&p.InfoRole, c.InfoRole)
	setUnlessZero(&p.PinRole, c.PinRole)
	setUnlessZero(&p.MentionAllRole, c.MentionAllRole)
	return p
}

func set[T any](to, v *T) {
	if v != nil {
		*to = *v
	}
}

func setUnlessZero[T comparable](to *T, v T) {
	var zero T
	if v != zero {
		*to = v
	}
}

// InfoChange is a part of what a session says of itself: what is nil stays, what is empty is
// removed.
type InfoChange struct {
	Title       *string
	Avatar      *string
	Notice      *string
	Description *string
	// Custom are fields of the applications; one of empty value is removed.
	Custom []CustomField
}

// CustomField is a field of the applications.
type CustomField struct{ Name, Value string }

// Priority is how much a message wants to be noticed; 0 is ordinary.
type Priority uint8

// The priorities.
const (
	PriorityLow Priority = iota + 1
	PriorityHigh
)

// Refs is what a message refers to, and how it wants to be noticed.
type Refs struct {
	// ReplyTo is the message it replies to, Thread the first of the thread it belongs to; 0 if none.
	ReplyTo Seq
	Thread  Seq
	// Mentions are people it calls.
	Mentions   []UserID
	MentionAll bool
	Priority   Priority
}

// IsZero says that it refers to nothing and wants nothing.
func (r *Refs) IsZero() bool {
	return r.ReplyTo == 0 && r.Thread == 0 && len(r.Mentions) == 0 && !r.MentionAll && r.Priority == 0
}

// ContactStep is what one of the two of a direct session does about being contacts.
type ContactStep uint8

// The steps.
const (
	ContactAsk ContactStep = iota + 1
	ContactAccept
	ContactRefuse
	// ContactRemove ends it, or takes back what was asked.
	ContactRemove
	ContactBlock
	ContactUnblock
)

// ContactState is whether the two of a direct session are contacts; 0: they are.
type ContactState uint8

// The states.
const (
	Contacts ContactState = iota
	ContactAsked
	NoContacts
)

// SettingsChange is a part of how a session is shown to a user: what is nil stays.
type SettingsChange struct {
	// MuteUntil is until when no notifications come.
	MuteUntil *Millis
	Pinned    *bool
	Hidden    *bool
	Draft     *string
	// Unread marks it as unread, whatever the marker.
	Unread *bool
}

// Settings is how a session is shown to a user.
type Settings struct {
	MuteUntil Millis
	Pinned    bool
	Hidden    bool
	Draft     string
	Unread    bool
}

// Of gives the settings s with the change.
func (c SettingsChange) Of(s Settings) Settings {
	set(&s.MuteUntil, c.MuteUntil)
	set(&s.Pinned, c.Pinned)
	set(&s.Hidden, c.Hidden)
	set(&s.Draft, c.Draft)
	set(&s.Unread, c.Unread)
	return s
}

// PushToken is where notifications for a device go.
type PushToken struct {
	// Service is such as apns or fcm, and Package the app's name there.
	Service    string
	Package    string
	Token      string
	AppVersion string
	// Locale is as in RFC 5646, such as pt-BR.
	Locale string
}

// Actor is who asked, as authenticated by the gateway.
type Actor struct {
	User UserID
	// Service acted for the user; empty when the user did.
	Service string
}

// ClientContext is where a command came from; no rule reads it.
type ClientContext struct {
	Device  string
	Version string
	Address Address
}

// ReplyTo is where the outcome is awaited.
type ReplyTo struct {
	Instance string
	Request  uint64
}

// Numbers are a message's two.
type Numbers struct {
	Seq   Seq
	Index Index
}

// Sealed is content or an address encrypted under a key.
type Sealed struct {
	KeyID      string
	Nonce      []byte
	Ciphertext []byte
}

// Address is a network address, plain or sealed.
type Address struct {
	Plain  string
	Sealed *Sealed
}

// Body is content, plain or sealed: exactly one of Plain and Sealed is set.
type Body struct {
	Plain  Content
	Sealed *Sealed
	// MAC is the keyed MAC over the plain content, set when sealed.
	MAC []byte
}

// TextBody makes a plain text body.
func TextBody(s string) Body { return Body{Plain: Text(s)} }

// NewMember is a person to be let in, with the role to have.
type NewMember struct {
	User UserID
	Role Role
}

// Skipped says why a person of a batch was passed over.
type Skipped struct {
	User UserID
	Code Code
}
