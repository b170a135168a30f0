package push

import (
	"context"
	"math"
	"time"

	"annal/pkg/events"
)

// Entry is what was decided of one message (or other note) for one device, and what came of it. Entries are kept by user: they make
// that each is decided once, and are what `annal push log` shows.
type Entry struct {
	// ID is the note's: it follows from what it is about and from the device, so whoever decides again finds it.
	ID string `json:"-"`
	// User and At (the log time of what it is about) say where it is kept.
	User events.UserID `json:"-"`
	At   events.Millis `json:"t"`
	// Device is empty where a reason is of the user, not of a device.
	Device  string           `json:"d,omitempty"`
	Session events.SessionID `json:"s,omitempty"`
	Seq     events.Seq       `json:"n,omitempty"`
	Kind    Kind             `json:"k"`
	Reason  Reason           `json:"r"`
	// Decided is when, by the projector's clock, and Settled when it was known what came of it.
	Decided events.Millis `json:"w"`
	Settled events.Millis `json:"x,omitempty"`
	Service string        `json:"v,omitempty"`
	Package string        `json:"p,omitempty"`
	// Attempts are the calls made, as far as they are known to have begun.
	Attempts int `json:"a,omitempty"`
	// Repeats are those of them that came after one of which nobody knows what came.
	Repeats int `json:"u,omitempty"`
	// Code is what the service said last.
	Code string `json:"c,omitempty"`
	// VendorID is the service's id of it.
	VendorID string `json:"i,omitempty"`
	// Ahead are the IDs of the entries that are put after this one, and open at first: those of the user's devices. They are not kept with it; Store.Open finds them.
	Ahead []string `json:"-"`
}

// Subject is what entries are about: what was said at a seq of a session, and when by log time.
type Subject struct {
	Session events.SessionID
	Seq     events.Seq
	At      events.Millis
}

// Open says that it is not known yet what comes of it.
func (e *Entry) Open() bool { return e.Reason == Sending }

// Logged says that it is of those that Store.Log gives: not where it is said of the devices one by one.
func (e *Entry) Logged() bool { return e.Reason != toDevices }

// Shown is the newest notification of a session that a device shows, as far as we know.
type Shown struct {
	ID       string        `json:"id"`
	Seq      events.Seq    `json:"n"`
	At       events.Millis `json:"t"`
	Kind     Kind          `json:"k"`
	VendorID string        `json:"i,omitempty"`
}

// Settled is an entry of which it is known what came of it, and what the phone shows since.
type Settled struct {
	Entry
	// Shown is what it shows of the session now; nil: as before.
	Shown *Shown
	// Call: that is a call's, which has a place of its own beside the session's messages.
	Call bool
	// Clear: it shows nothing of the session up to that seq any more.
	Clear events.Seq
	// Badge is the number that it has now; negative: as before; Unsure: nobody knows which.
	Badge int
	// Mark is that of the call that brought the number; empty: there was none.
	Mark string
}

// Unsure is the number of a device of which nobody knows which it has. It equals none, so whoever sets the number right next has something to do.
const Unsure = math.MaxInt32

// Mark says that a device's number is about to change, or has without us.
type Mark struct {
	User   events.UserID
	Device string
	// By tells a call from all others; empty: it was no call of ours.
	By string
}

// What is kept, and bounds of calls.
const (
	// KeepShown is how long it is known what a phone shows, and its badge.
	KeepShown = 7 * 24 * time.Hour
	// LeastKeep is how long entries are kept at least: longer than anything is decided on, or tried again.
	LeastKeep = 30 * time.Minute
	// KeepOpen is for how long after an entry was put those Ahead of it are found by Store.Open: for as long as anything is decided on, and then some.
	KeepOpen = 2 * MaxAge
	// MaxEntries is how many entries a call has.
	MaxEntries = 5000
)

// Phone is what is known of a device of a user's.
type Phone struct {
	// Shown is of the session asked about; nil: nothing.
	Shown *Shown
	// Badge is negative if none was ever set, and Unsure if nobody knows which it is.
	Badge int
}

// Query asks what is known of a device, about a session, or a call there.
type Query struct {
	User    events.UserID
	Device  string
	Session events.SessionID
	Call    bool
}

// Store keeps what was decided, for a time. pushstoretest has its conformance suite. Errors are outages: then any part of a call may be
// done, and it may be made again. A store that lost what it had lets things be decided anew; the log says how far back.
type Store interface {
	// Decide puts entries that are not there yet, MaxEntries at most. It gives for each the one that was there before, nil if none was:
	// of several callers one alone gets nil.
	Decide(ctx context.Context, entries []Entry) ([]*Entry, error)
	// Open gives what is open of all that was Ahead of entries about the subjects, in any order.
	Open(ctx context.Context, about []Subject) ([]Entry, error)
	// Put replaces entries. One that is settled stays as it is, and so does one that was delivered whatever comes: who writes may be late. The numbers of marked devices are
	// Unsure from then on.
	Put(ctx context.Context, entries []Entry, marks []Mark) error
	// Settle replaces entries as Put does, and what phones show: what is newer there stays. It says of which of them somebody else set another number, or was about to, since
	// the Mark: either may have come last, so the number is Unsure, and theirs to set right who are told so. Of two that overlap one alone is told.
	Settle(ctx context.Context, settled []Settled) (contested []bool, err error)
	// Phones says what is known of devices.
	Phones(ctx context.Context, queries []Query) ([]Phone, error)
	// Log gives a user's entries about what was at or after since, the oldest first, limit at most: the newest of them. It is to give them by Newest.
	Log(ctx context.Context, u events.UserID, since events.Millis, limit int) ([]Entry, error)
}
