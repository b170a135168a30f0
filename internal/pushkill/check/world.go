package check

import "time"

// World is all that is known once it is quiet.
type World struct {
	// Hold is how long a message waits before people are told.
	Hold     time.Duration
	People   map[string]*Person
	Messages []Message
	Reads    []Read
	Came     []Came
	Entries  []Entry
}

// Person is somebody who does not change while messages are sent.
type Person struct {
	// Phones are by device.
	Phones map[string]Phone
	// On is the device that they are connected on, and look at unless they are Away; empty: they are offline.
	On   string
	Away bool
	// Others: while they look at one device, the others are told.
	Others bool
	Wants  Wants
	// Muted are sessions.
	Muted map[string]bool
}

// Wants is of which messages somebody wants to be told.
type Wants int

// The wishes.
const (
	All Wants = iota
	Mentions
	None
)

// Phone names a phone as its vendor does.
type Phone struct{ Service, Token string }

// Message is one that was acked. Times are of the one clock that there is.
type Message struct {
	Session string
	Seq     uint64
	Direct  bool
	// To are all in the session but who sent it; of them it calls some.
	To, Mentions []string
	// At is its log time.
	At time.Time
	// RevokeAsked and RevokeAcked are zero if it was not revoked.
	RevokeAsked, RevokeAcked time.Time
}

// Read is a marker that somebody moved, by reading or by sending.
type Read struct {
	User, Session string
	UpTo          uint64
	Asked, Acked  time.Time
}

// Came is a notification that came to a phone and was shown, in the order of coming.
type Came struct {
	Phone        Phone
	ID, Collapse string
	Session      string
	Seq          uint64
	At           time.Time
}

// Entry is what push says became of something for somebody.
type Entry struct {
	User, Device, Session string
	Seq                   uint64
	Kind, Reason, Code    string
	At, Decided, Settled  time.Time
	Attempts, Repeats     int
}
