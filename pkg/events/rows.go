package events

import (
	"encoding/binary"
)

// Rows are a session's state: a pure function of its counted outcomes. A row is
// named by a Key within its session; keys order so that the rules can ask for the
// first of a range.

// Key names a row within a session.
type Key string

// HeadKey names the session's head.
const HeadKey Key = "h"

// MemberKey names a person's membership, past or present.
func MemberKey(u UserID) Key { return Key("m" + string(u)) }

// MessageKey names a message.
func MessageKey(s Seq) Key { return Key("g" + be(uint64(s))) }

// PlaceKey names a timeline event that is not a message.
func PlaceKey(s Seq) Key { return Key("p" + be(uint64(s))) }

// ClientIDKey names what came of a client id.
func ClientIDKey(u UserID, clientID string) Key { return Key("c" + string(u) + "\x00" + clientID) }

// InfoKey names what the session says of itself.
const InfoKey Key = "i"

// AskKey names a person's request to be let in.
func AskKey(u UserID) Key { return Key("a" + string(u)) }

// InviteKey names an invite.
func InviteKey(code Hash) Key { return Key("v" + string(code[:])) }

// ReactionKey names a reaction.
func ReactionKey(s Seq, u UserID, emoji string) Key { return ReactionPrefix(s, u) + Key(emoji) }

// ReactionPrefix begins the keys of all reactions of a person on a message.
func ReactionPrefix(s Seq, u UserID) Key { return Key("e" + be(uint64(s)) + string(u) + "\x00") }

// EmojiKey names what is known of an emoji on a message.
func EmojiKey(s Seq, emoji string) Key { return EmojiPrefix(s) + Key(emoji) }

// EmojiPrefix begins the keys of all emojis on a message.
func EmojiPrefix(s Seq) Key { return Key("n" + be(uint64(s))) }

// ReportKey names a person's report of a message.
func ReportKey(s Seq, u UserID) Key { return Key("r" + be(uint64(s)) + string(u)) }

// HiddenKey names a message of another session that is hidden from a user alone.
func HiddenKey(session SessionID, s Seq) Key {
	return Key("x" + string(session) + "\x00" + be(uint64(s)))
}

// SettingsKey names how a session is shown to a user.
func SettingsKey(session SessionID) Key { return Key("o" + string(session)) }

// DeviceKey names a device.
func DeviceKey(device string) Key { return Key("d" + device) }

// LoginKey names the login on a device.
func LoginKey(device string) Key { return LoginPrefix + Key(device) }

// LoginPrefix begins the keys of all logins.
const LoginPrefix Key = "l"

// ProfileKey, PrivacyKey and NotificationsKey name what a user says of themselves, what they let others see and do, and which
// notifications they want.
const (
	ProfileKey       Key = "P"
	PrivacyKey       Key = "Y"
	NotificationsKey Key = "N"
)

// StandingKey orders the members of one role by joining.
func StandingKey(r Role, joined Seq, u UserID) Key {
	return StandingPrefix(r) + Key(be(uint64(joined))+string(u))
}

// StandingPrefix begins the keys of all members of that role.
func StandingPrefix(r Role) Key { return Key([]byte{'s', byte(r)}) }

// StandingUser gives the user of a StandingKey.
func StandingUser(k Key) UserID { return UserID(k[10:]) }

func be(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[:])
}

// Row is a row's content. Rows are values: changing one means writing another.
//
//sumtype:decl
type Row interface{ isRow() }

type (
	// Head is the session itself.
	Head struct {
		Kind    Kind
		Base    Seq
		Seq     Seq
		Index   Index
		Members uint32
		Policy  Policy
		Closed  bool
		Title   string
		// Hash is over the stored bytes of the last outcome.
		Hash    Hash
		Created Millis
		// MutedUntil: everybody below admin is muted until then.
		MutedUntil Millis
		// Contact is what the two of a direct session are; ContactBy asked, while it is asked.
		Contact   ContactState
		ContactBy UserID
		// Blocks is how many of the two block the other.
		Blocks uint32
		// Pins, Asks, Invites and Devices are how many rows of these kinds there are.
		Pins    uint32
		Asks    uint32
		Invites uint32
		Devices uint32
		// Logins is how many there are now, SignIns how often the user of a self session signed in.
		Logins  uint32
		SignIns uint32
		// SignedUp and Banned are of that user.
		SignedUp bool
		Banned   bool
	}
	// Info is what the session says of itself, besides its title.
	Info struct {
		Avatar      string
		Notice      string
		Description string
		// Custom is ascending by name.
		Custom []CustomField
	}
	// Stay is from joining to leaving.
	Stay struct {
		// From is the joining event, FromIndex the last index before it.
		From      Seq
		FromIndex Index
		// To is the leaving event, 0 while in; ToIndex the last index before it.
		To      Seq
		ToIndex Index
	}
	// Member is a person's membership; the last stay is open while in.
	Member struct {
		Role        Role
		Stays       []Stay
		Marker      Seq
		MarkerIndex Index
		// Delivered is how far the member's devices have got, as far as they said so.
		Delivered      Seq
		DeliveredIndex Index
		// MutedUntil outlasts a stay.
		MutedUntil Millis
		// Blocks: the other one of a direct session.
		Blocks bool
	}
	// Standing is an entry of the order of members; its key says all.
	Standing struct{}
	// Message is what the rules know of a message.
	Message struct {
		Index  Index
		ID     ID
		Sender UserID
		Time   Millis
		// Revoked, Deleted and Overridden are the events that did so, 0 if none.
		Revoked    Seq
		Deleted    Seq
		Overridden Seq
		// Thread is the first message of the thread it belongs to, 0 if none.
		Thread Seq
		Pinned bool
	}
	// Place stands for a timeline event that is not a message, so that a marker put
	// on it knows its index: how many messages lie before it.
	Place struct{ Index Index }
	// AskRow is a request to be let in, by its event.
	AskRow struct{ Seq Seq }
	// InviteRow is what an invite is still good for.
	InviteRow struct {
		Expires Millis
		// Uses is 0 for any number.
		Uses uint32
		Used uint32
	}
	// Noted says no more than that something is so; its key says what.
	Noted struct{}
	// EmojiRow is how many people have reacted with an emoji to a message, at least one.
	EmojiRow struct{ Count uint32 }
	// SettingsRow is how a session is shown to the user whose self session has the row.
	SettingsRow struct{ Settings Settings }
	// DeviceRow is a device of the user whose self session has the row.
	DeviceRow struct {
		// Push is where its notifications go, the zero value once that was forgotten.
		Push PushToken
		// Since is the log time of the registration, 0 where the row is older than this field, or Push was forgotten.
		Since Millis
	}
	// LoginRow is who is signed in on a device, by the event of that seq and log time.
	LoginRow struct {
		Login  string
		Kind   string
		Client string
		Seq    Seq
		Since  Millis
	}
	// ClientID is what came of a client id. Code is empty when accepted. Time is the log
	// time of the outcome: snapshots tell by it what is new.
	ClientID struct {
		Digest Digest
		Code   Code
		Seq    Seq
		Index  Index
		ID     ID
		Time   Millis
	}
)

func (Head) isRow()        {}
func (Member) isRow()      {}
func (Standing) isRow()    {}
func (Message) isRow()     {}
func (Place) isRow()       {}
func (ClientID) isRow()    {}
func (Info) isRow()        {}
func (AskRow) isRow()      {}
func (InviteRow) isRow()   {}
func (Noted) isRow()       {}
func (EmojiRow) isRow()    {}
func (SettingsRow) isRow() {}
func (DeviceRow) isRow()   {}
func (LoginRow) isRow()    {}
func (Profile) isRow()     {}
func (Privacy) isRow()     {}

// In says whether the member is in now.
func (m Member) In() bool {
	return len(m.Stays) > 0 && m.Stays[len(m.Stays)-1].To == 0
}

// Write sets a row, or removes it when Row is nil.
type Write struct {
	Key Key
	Row Row
}

// KeySeq gives the seq in the key of a message or place; false for other keys.
func KeySeq(k Key) (Seq, bool) {
	if len(k) != 9 || k[0] != 'g' && k[0] != 'p' {
		return 0, false
	}
	return Seq(binary.BigEndian.Uint64([]byte(k[1:]))), true
}
