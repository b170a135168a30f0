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
	// Insert stores rows durably: those of Events last, so that whoever finds an outcome finds all that it changed. After an
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
	// Sessions gives all, ascending by id, those above after.
	Sessions(ctx context.Context, after events.SessionID, limit int) ([]SessionNow, error)
	// Contact gives what the two of a direct session are; false when there is no such.
	Contact(ctx context.Context, s events.SessionID) (ContactNow, bool, error)
	// Progress gives how far the archiver said that it is, ascending by partition.
	Progress(ctx context.Context) ([]Progress, error)
}

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
	Origin    events.Millis
	PrevHash  events.Hash
	Hash      events.Hash
	Bytes     string
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
	Reactions map[string]uint64
	Reports   uint64
}

// MarkersNow are somebody's in a session.
type MarkersNow struct {
	User      events.UserID
	Read      events.Seq
	Delivered events.Seq
}

// Stay is from coming to going. To is 0 while they are in.
type Stay struct {
	User  events.UserID
	From  events.Seq
	To    events.Seq
	Came  string
	Went  string
	LetIn events.UserID
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
	Custom map[string]string
}

// ContactNow is what the two of a direct session are now.
type ContactNow struct {
	A, B    events.UserID
	State   events.ContactState
	AskedBy events.UserID
	ABlocks bool
	BBlocks bool
}
