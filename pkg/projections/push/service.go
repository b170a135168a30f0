package push

import (
	"context"
	"time"

	"annal/pkg/events"
)

// Kind is what a note is about.
type Kind string

// The kinds.
const (
	// Message, Call and Contact are shown, and may sound.
	Message Kind = "message"
	Call    Kind = "call"
	Contact Kind = "contact"
	// Badge only sets the number at the app's icon: nothing is shown, nothing sounds.
	Badge Kind = "badge"
	// Withdraw takes back what an earlier note of the same Collapse shows, and sets the number.
	Withdraw Kind = "withdraw"
)

// Shown says whether notes of the kind show something.
func (k Kind) Shown() bool { return k == Message || k == Call || k == Contact }

// Note is a notification as one device is to get it, whoever's the service is.
type Note struct {
	// ID is a UUID (RFC 9562, lower case). A note that is sent again has it again, so that the service or the phone may know it.
	ID   string
	Kind Kind
	// Title and Body are what is shown, plain text of a line and some lines, already in the device's language. Both are empty
	// in kinds that show nothing. A connector cuts Body, between characters, to what its vendor takes.
	Title, Body string
	// Badge is the number at the app's icon; negative: it stays.
	Badge int
	// Collapse is what notes have in common that take each other's place on the phone: of a session. 32 characters of
	// A-Z a-z 0-9 - _ at most (RFC 8030, Topic).
	Collapse string
	// Thread groups notes on the phone: the session's id.
	Thread string
	// Link opens the place in the app; may be empty.
	Link string
	// Data is for the app, and goes along as it is; keys of lower-case letters and _, but "from" and "message_type", which FCM keeps for itself. It holds at
	// least "kind" and, but for kind badge, "session"; and of what is shown "event", which is the same on all devices, so that letters may have all but ID in common.
	Data map[string]string
	// Urgent wakes the phone at once; others may wait until it wakes by itself.
	Urgent bool
	// Expires is when it is no longer worth showing.
	Expires time.Time
	// Brought, of kind withdraw, is the vendor's id of the newest note of that Collapse, as its Answer had it; may be empty.
	Brought string
}

// Letter is a note and where it goes.
type Letter struct {
	// Token and Package are as the device registered them.
	Token, Package string
	AppVersion     string
	Note           Note
}

// Result is what came of a letter; vendors' answers are mapped to these and no others.
type Result string

// The results.
const (
	// Delivered: the service took it. Whether the phone gets it is its business from now on.
	Delivered Result = "delivered"
	// Gone: the token is good no more, since Answer.Since if the service says so.
	Gone Result = "gone"
	// Retry: not now; Answer.After says how long to wait at least, for everything to this service if Answer.All.
	Retry Result = "retry"
	// Refused: this letter is not taken, now or later; others may be.
	Refused Result = "refused"
	// Misconfigured: what we are to the service is wrong (credentials, topic, app): no letter of this package will be taken until
	// somebody mends it.
	Misconfigured Result = "misconfigured"
)

// Answer is what a service said to a letter.
type Answer struct {
	Result Result
	// Code is the vendor's own word or number for it, "" if there was no answer; Text what else it said, 200 bytes at most.
	Code, Text string
	// VendorID is the vendor's id of the note once delivered, where it gives one.
	VendorID string
	// Since is when the token went, by the vendor's clock; 0: it does not say.
	Since events.Millis
	// After is how long to wait before the next try; 0: the vendor does not say.
	After time.Duration
	// All says that waiting concerns all letters of the service's package, not this one alone (429, 503).
	All bool
	// Unsure says that the service may have taken the letter although no answer came: the connection was cut, or time ran out.
	Unsure bool
}

// Abilities are what a service can do, the same for its whole life.
type Abilities struct {
	// Batch is how many letters a call may have; 1: one at a time. Calls may come at once, AtOnce of them.
	Batch, AtOnce int
	// Badge says that it can set the number without showing anything, Withdraw that it can take back what is shown.
	Badge, Withdraw bool
}

// Parted is a Service some of whose tokens are another's business than others: when one part fails, another does not.
type Parted interface {
	Service
	// Part names the part that a token belongs to, one of few.
	Part(token string) string
}

// Service brings letters to the devices of one package (app) at one vendor. pushtest has its conformance suite.
type Service interface {
	// Name is the vendor's: apns, fcm, huawei, xiaomi, oppo, vivo, meizu or webpush.
	Name() string
	Abilities() Abilities
	// Send brings letters, Abilities().Batch at most, and gives one answer each, in order. It returns soon after ctx ends; letters
	// without an answer by then are Retry and Unsure. It tries nothing again by itself, but for a call refused since its own access token had
	// expired, and for what a vendor refused as a whole since one letter of it was wrong. Safe for use at once.
	Send(ctx context.Context, letters []Letter) []Answer
}
