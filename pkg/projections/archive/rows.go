package archive

import "annal/pkg/events"

// Form is how much this program understands of outcomes; rows of a higher form replace those of a lower one. It rises
// when an outcome that could not be read can be, or when its row says more.
const Form = 1

// Kind is what came of a command.
type Kind uint8

// The kinds. KindUnreadable counts, and is of a newer program.
const (
	KindAccepted Kind = iota + 1
	KindRejected
	KindAnswered
	KindUnreadable
)

// String is the kind's name.
func (k Kind) String() string {
	return [...]string{"", "accepted", "rejected", "answered", "unreadable"}[k]
}

// Rows are what outcomes come to. Rows of one table and key come together: of Events and Markers the one of the highest
// form or seq holds, Members are the same, and of the others each field by itself: the highest, or the union.
type Rows struct {
	Events   []Event
	Messages []Message
	Markers  []Marker
	Members  []Member
	Sessions []Session
	Contacts []Contact
	Progress []Progress
}

// Event is a counted outcome. Its key is session, partition and offset; the last two are its identity.
type Event struct {
	// Session is the record's key.
	Session   string
	Partition int32
	Offset    uint64
	Command   uint64
	Owner     events.Owner
	Kind      Kind
	// Event is the event's name, or the operation's where there was none.
	Event string
	Code  events.Code
	// Detail is more about a refusal or an audit; by whom a sign-up was allowed, the kind of device that signed in, why logins ended or somebody was banned.
	Detail string
	Seq    events.Seq
	Index  events.Index
	// Target is the seq that it is about.
	Target        events.Seq
	People        []string
	ID            events.ID
	Actor         events.UserID
	Service       string
	ClientID      string
	Device        string
	ClientVersion string
	Address       string
	Time          events.Millis
	// Origin is 0 for not given.
	Origin   events.Millis
	PrevHash events.Hash
	Hash     events.Hash
	Bytes    []byte
	Form     uint8
}

// Message is what one outcome says of a message. Its key is session and seq.
type Message struct {
	Session events.SessionID
	Seq     events.Seq
	// The rest up to Body is of the outcome that sent it.
	Index         events.Index
	ID            events.ID
	Time          events.Millis
	Origin        events.Millis
	Sender        events.UserID
	Service       string
	Device        string
	ClientVersion string
	Refs          events.Refs
	Body          Body
	// Override is the event that replaced the body, and OverrideTime its log time.
	Override     events.Seq
	OverrideTime events.Millis
	Revoked      Fate
	Deleted      Fate
	Pinned       events.Seq
	Unpinned     events.Seq
	// Reacted and Unreacted name the reaction, as [Reaction] does, and ReactedAt the event.
	Reacted   string
	Unreacted string
	ReactedAt events.Seq
	Reporter  events.UserID
}

// Body is what a message says since the event Seq; its zero value is that of an outcome that says nothing of it.
type Body struct {
	Seq  events.Seq
	Kind string
	Text string
}

// Fate is what became of a message by the event Seq; 0 is nothing.
type Fate struct {
	Seq    events.Seq
	Time   events.Millis
	By     events.UserID
	Reason string
}

// Reaction names a person's reaction on a message: users' ids have no spaces.
func Reaction(u events.UserID, emoji string) string { return string(u) + " " + emoji }

// MarkerKind is what a marker marks.
type MarkerKind uint8

// The markers.
const (
	MarkerRead MarkerKind = iota + 1
	MarkerDelivered
)

// Marker is up to where somebody read or got. Its key is session, user and kind; the highest seq holds.
type Marker struct {
	Session events.SessionID
	User    events.UserID
	Kind    MarkerKind
	Seq     events.Seq
	Time    events.Millis
}

// Step is what an event did to somebody's membership.
type Step uint8

// The steps.
const (
	StepIn Step = iota + 1
	StepOut
	StepRole
)

// Member is a step of somebody's membership. Its key is session, user and seq.
type Member struct {
	Session events.SessionID
	User    events.UserID
	Seq     events.Seq
	Step    Step
	// Event is the event's name.
	Event string
	// Role is the one from then on, 0 for none.
	Role  events.Role
	Actor events.UserID
	Time  events.Millis
	// Origin is 0 for not given.
	Origin events.Millis
}

// Session is what outcomes say of a session. Its key is the session.
type Session struct {
	Session         events.SessionID
	Base            events.Seq
	Created         Fate
	Closed          Fate
	Head            events.Seq
	Messages        events.Index
	LastTime        events.Millis
	LastMessageTime events.Millis
	// Facts are what it says of itself, by name; of each the one of the highest seq holds. Names of the applications' fields come
	// behind CustomPrefix; the policy is JSON.
	Facts map[string]Fact
}

// CustomPrefix begins the names of facts that are fields of the applications.
const CustomPrefix = "custom "

// Fact is what a session says of itself since the event Seq.
type Fact struct {
	Seq   events.Seq
	Value string
}

// Contact is what one outcome says of the two of a direct session. Its key is the session.
type Contact struct {
	Session events.SessionID
	A, B    events.UserID
	State   ContactState
	// Blocker is who blocked the other one by the event Seq, or with Unblocks ended that.
	Blocker  events.UserID
	Unblocks bool
	Seq      events.Seq
}

// ContactState is what the two are since the event Seq.
type ContactState struct {
	Seq   events.Seq
	State events.ContactState
	By    events.UserID
	Text  string
	Time  events.Millis
}

// Progress is how far the archive is in a partition. Its key is the partition; the newest holds.
type Progress struct {
	Partition int32
	// Archived is the offset below which all is, and LogEnd where the log then ended.
	Archived int64
	LogEnd   int64
	// Time is the log time of the newest that is, and At the archiver's.
	Time events.Millis
	At   events.Millis
}

// Len counts the rows.
func (r *Rows) Len() int {
	return len(r.Events) + len(r.Messages) + len(r.Markers) + len(r.Members) + len(r.Sessions) + len(r.Contacts) + len(r.Progress)
}
