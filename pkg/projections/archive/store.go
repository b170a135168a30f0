package archive

import (
	"context"
	"errors"

	"annal/pkg/events"
)

// ErrRefused says that the store takes no such rows, and will not take them later; which ones, it does not say. Nothing else
// is wrong with it.
var ErrRefused = errors.New("archive: rows refused")

// Store is where rows go. archivetest has its conformance suite.
type Store interface {
	// Insert stores rows durably: those of Events after what they changed, so that whoever finds an outcome finds all of that, and
	// those of Sessions last, so that nothing up to a head that is found is yet to come. After an
	// error some may be stored and others not; inserting them again makes it whole. Errors are [ErrRefused], and else
	// outages, to be waited out.
	Insert(ctx context.Context, rows *Rows) error
}

// View is what is read of an archive: things as they are now, each once, whatever was inserted how often. Errors are outages.
type View interface {
	// Count counts outcomes by kind.
	Count(ctx context.Context) (map[Kind]uint64, error)
	// Outcomes gives a session's, ascending by offset, those above after; -1 is from the beginning.
	Outcomes(ctx context.Context, s events.SessionID, after int64, limit int) ([]Outcome, error)
	// Messages gives a session's messages, ascending by seq, those above after.
	Messages(ctx context.Context, s events.SessionID, after events.Seq, limit int) ([]MessageNow, error)
	// Markers gives a session's, ascending by user.
	Markers(ctx context.Context, s events.SessionID) ([]MarkersNow, error)
	// Stays gives a session's, ascending by user and their beginnings.
	Stays(ctx context.Context, s events.SessionID) ([]Stay, error)
	// Members gives who is in a session now, ascending by user.
	Members(ctx context.Context, s events.SessionID) ([]MemberNow, error)
	// Sessions gives all, ascending by id, those above after.
	Sessions(ctx context.Context, after events.SessionID, limit int) ([]SessionNow, error)
	// Session gives one; false when there is no such.
	Session(ctx context.Context, s events.SessionID) (SessionNow, bool, error)
	// Contact gives what the two of a direct session are; false when there is no such.
	Contact(ctx context.Context, s events.SessionID) (ContactNow, bool, error)
	// Keys gives the sessions that anything is archived of in a part, ascending, those above after. Of events they are the records' keys.
	Keys(ctx context.Context, p Part, after string, limit int) ([]string, error)
	// Progress gives how far the archiver said that it is, ascending by partition.
	Progress(ctx context.Context) ([]Progress, error)
}

// Part is one of what an archive has of sessions, by the name that analysts know it under.
type Part string

// Parts are all of them.
func Parts() []Part { return []Part{"events", "messages", "markers", "stays", "sessions", "contacts"} }

// Outcome is an outcome as it is archived.
type Outcome struct {
	Partition int32
	Offset    uint64
	Kind      Kind
	Event     string
	Code      events.Code
	Seq       events.Seq
	Actor     events.UserID
	Time      events.Millis
	// Origin is 0 for not given.
	Origin   events.Millis
	PrevHash events.Hash
	Hash     events.Hash
	Bytes    string
	Command  uint64
	// Owner is as its fence names it.
	Owner         string
	Detail        string
	Index         events.Index
	Target        events.Seq
	People        []string
	ID            events.ID
	Service       string
	ClientID      string
	Device        string
	ClientVersion string
	Address       string
}

// MessageNow is a message as it is now.
type MessageNow struct {
	Seq    events.Seq
	Index  events.Index
	Time   events.Millis
	Origin events.Millis
	Sender events.UserID
	Kind   string
	// Text is empty once it is revoked or deleted, and so are Reactions and Pinned.
	Text      string
	Versions  uint64
	Revoked   bool
	RevokedBy events.UserID
	Deleted   bool
	DeletedBy events.UserID
	Reason    string
	Pinned    bool
	// Reactions are how many people react with each emoji.
	Reactions     map[string]uint64
	Reports       uint64
	ID            events.ID
	Service       string
	Device        string
	ClientVersion string
	// OverriddenAt, RevokedAt and DeletedAt are log times, 0 for never.
	OverriddenAt events.Millis
	RevokedAt    events.Millis
	DeletedAt    events.Millis
	// Refs have their mentions ascending.
	Refs events.Refs
}

// MarkersNow are somebody's in a session.
type MarkersNow struct {
	User      events.UserID
	Read      events.Seq
	Delivered events.Seq
	// ReadAt and DeliveredAt are log times of the events that moved them there, 0 for none.
	ReadAt      events.Millis
	DeliveredAt events.Millis
}

// Stay is from coming to going. To is 0 while they are in.
type Stay struct {
	User  events.UserID
	From  events.Seq
	To    events.Seq
	Came  string
	Went  string
	LetIn events.UserID
	// The times are log times, and when it first happened of what was imported; 0 for none.
	FromTime   events.Millis
	FromOrigin events.Millis
	ToTime     events.Millis
	ToOrigin   events.Millis
	LetOut     events.UserID
}

// MemberNow is somebody who is in a session.
type MemberNow struct {
	User events.UserID
	// Role is member, admin or owner.
	Role string
	// Since is the event by which they came, and SinceTime its log time.
	Since     events.Seq
	SinceTime events.Millis
}

// SessionNow is a session as it is now.
type SessionNow struct {
	Session  events.SessionID
	Title    string
	Notice   string
	Policy   string
	Creator  events.UserID
	Closed   bool
	Base     events.Seq
	Head     events.Seq
	Messages events.Index
	// Custom are fields of the applications.
	Custom      map[string]string
	Avatar      string
	Description string
	// Profile and Privacy are of a self session's user, as JSON; empty where nothing is said.
	Profile, Privacy string
	// The times are log times, 0 for never: of the first event, of closing, of the last event with a seq, and of the last message.
	CreatedAt     events.Millis
	ClosedAt      events.Millis
	LastAt        events.Millis
	LastMessageAt events.Millis
}

// ContactNow is what the two of a direct session are now.
type ContactNow struct {
	A, B    events.UserID
	State   events.ContactState
	AskedBy events.UserID
	ABlocks bool
	BBlocks bool
	// AskedWith is what was said with it, while it is asked; Since when they are what they are, by log time.
	AskedWith string
	Since     events.Millis
}
