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

// Content is what a person says.
//
//sumtype:decl
type Content interface{ isContent() }

// Text is valid UTF-8 without NUL, MaxTextBytes at most.
type Text string

func (Text) isContent() {}

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
