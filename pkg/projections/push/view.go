package push

import (
	"context"
	"slices"

	"annal/pkg/events"
	"annal/pkg/presence"
)

// View is what is read to decide; errors are outages, to be waited out.
type View interface {
	// Session gives a session; the zero Session while the view has none.
	Session(ctx context.Context, s events.SessionID) (Session, error)
	// Messages says what became of messages; of those of which nothing is said nothing did.
	Messages(ctx context.Context, s events.SessionID, seqs []events.Seq) (map[events.Seq]Became, error)
	// Members gives those in the session with user id > after, ascending.
	Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]Member, error)
	// Member gives one; the zero Member for who never was in.
	Member(ctx context.Context, s events.SessionID, u events.UserID) (Member, error)
	// Reach says where and whether users want to be told, of a session, MaxUsers at most. Who has no self session is left out.
	Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]Reach, error)
	// Holders says who registered each token last, and on which device; the zero Holder: nobody knows.
	Holders(ctx context.Context, tokens []events.PushToken) ([]Holder, error)
	// Names gives what users call themselves, MaxUsers at most; who says nothing is left out.
	Names(ctx context.Context, users []events.UserID) (map[events.UserID]string, error)
	// Unread counts what is unread in all sessions of a user that are neither muted nor hidden: the number at the app's icon.
	Unread(ctx context.Context, u events.UserID) (int, error)
	// Hidden says whether a user hid a message from themselves.
	Hidden(ctx context.Context, u events.UserID, s events.SessionID, index events.Index) (bool, error)
}

// Presence says who is there: presence.Lookup.
type Presence interface {
	Of(ctx context.Context, users ...events.UserID) ([]presence.State, error)
}

// MaxUsers is how many users one call of the view is of.
const MaxUsers = 1000

// Session is a session as it is decided by.
type Session struct {
	Kind   events.Kind
	Title  string
	Base   events.Seq
	Seq    events.Seq
	Policy events.Policy
	// Contact is what the two of a direct session are, and ContactBy who asked.
	Contact   events.ContactState
	ContactBy events.UserID
	// Blocked: one of them blocks the other.
	Blocked bool
}

// Member is a user's part in a session.
type Member struct {
	User   events.UserID
	Stays  []events.Stay
	Marker events.Seq
}

// In says whether they are in now.
func (m *Member) In() bool { return len(m.Stays) > 0 && m.Stays[len(m.Stays)-1].To == 0 }

// sees says whether an event of the timeline is visible to the member.
func (s *Session) sees(m *Member, seq events.Seq) bool {
	return slices.ContainsFunc(events.Visible(s.Policy, s.Base, s.Seq, m.Stays), func(v events.Span) bool { return v.First <= seq && seq <= v.Last })
}

// Became is what became of a message.
type Became struct {
	Revoked, Deleted bool
	// Body is the newest; nil: as it was sent.
	Body *events.Body
}

// Reach is where a user is to be told, and whether.
type Reach struct {
	// Devices are by id, as registered.
	Devices map[string]Device
	// Notifications is what the user wants; MuteUntil is theirs for the session.
	Notifications events.Notifications
	MuteUntil     events.Millis
	// Hidden: they put the session out of their sight. Hides: they hid messages of it from themselves.
	Hidden, Hides  bool
	Banned, Closed bool
}

// Holder is whose a token is.
type Holder struct {
	User   events.UserID
	Device string
}

// Holds says whether the token is that one's, as far as anybody knows.
func (h Holder) Holds(u events.UserID, device string) bool {
	return h == Holder{} || h == Holder{u, device}
}

// Device is a device with its token.
type Device struct {
	Push events.PushToken
	// Since is the log time of the registration.
	Since events.Millis
}
