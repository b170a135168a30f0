package hot

import (
	"context"
	"errors"
	"fmt"

	"annal/pkg/events"
)

// ViewState says of a partition's part of the view which building of it this is. An
// id is greater than those before it; sessions carry the id they were built under.
type ViewState struct {
	ID string
	// Whole: everything up to the log's end was applied once; what is missing now is not there.
	Whole bool
	// Lost: a reader found that keys are missing; the view must be built anew.
	Lost bool
	// Run is the engine's life that the view was last declared whole in, see Store.Run.
	// In another one readers get ErrRebuilding: what is there may be an older copy.
	Run string
	// Reached is the offset below which all had been applied then.
	Reached int64
}

// Change is what one accepted event does to its session's part of the view.
type Change struct {
	// Hole stands for a counted outcome that this program cannot read: the session's
	// next event may skip the seq it took, which no header tells. The place between is
	// an item without value then. All but Offset, the record's, is zero.
	Hole   bool
	Offset int64
	// Seq is the event's, 0 for a marker, and Time its log time.
	Seq  events.Seq
	Time events.Millis
	// Value is the outcome's stored bytes.
	Value []byte
	// Created is set for the event that opens the session.
	Created *events.Created
	// Index and Sender are set for a message.
	Index  events.Index
	Sender events.UserID
	// In are those who come in, Out those who go.
	In  []events.NewMember
	Out []events.UserID
	// Promoted became owner, empty if nobody.
	Promoted events.UserID
	Closed   bool
	// Roles are those that members got otherwise.
	Roles []events.NewMember
	// Title and Policy are new ones, nil for none.
	Title  *string
	Policy *events.Policy
	// Logins is the user whose logins or account ended: their connections end.
	Logins events.UserID
	// Registered is the token that a device was registered for, nil for none.
	Registered *Registration
	// Facts are what else changed. Those of an event without a seq may be applied again.
	Facts []Fact
	// Became says what became of the message Target.
	Became      Became
	Target      events.Seq
	TargetIndex events.Index
	// Reader moved a marker to Marker, for marker events.
	Reader      events.UserID
	Marker      events.Seq
	MarkerIndex events.Index
}

// Fact changes one of the facts that a store keeps of a session besides its head, members and
// timeline. A field that begins with '@' is a trait of a member, of which there may be many.
type Fact struct {
	Op           FactOp
	Field, Value string
}

// FactOp is what becomes of a fact.
type FactOp string

// What becomes of a fact.
const (
	FactSet    FactOp = "s"
	FactDelete FactOp = "d"
	// FactAdd adds Value, a number.
	FactAdd FactOp = "i"
	// FactRaise sets "seq index", unless the seq there is as high.
	FactRaise FactOp = "u"
	// FactMention notes that the message of index Value mentions the user Field, or mentionAll.
	FactMention FactOp = "m"
	// FactReact puts a reaction on a message, or takes it back when Value is empty. Field is the
	// message's seq in 20 digits, a space, the emoji, NUL, and the user. What the window
	// holds no more has none, so one that comes late need not be kept.
	FactReact FactOp = "e"
)

// Became is what an event did to a message.
type Became string

// What an event did to a message.
const (
	BecameNothing    Became = ""
	BecameRevoked    Became = "r"
	BecameDeleted    Became = "d"
	BecameOverridden Became = "o"
)

// SessionChanges are consecutive changes of one session, in log order.
type SessionChanges struct {
	Session events.SessionID
	Changes []Change
	// Building: the changes come from the log's start, so nothing before them can be
	// missing here. If they don't follow on each other all the same, the log itself is at
	// fault, and building again would not help: see BrokenError.
	Building bool
}

// Errors of a store's Apply. All else is an outage, to be waited out.
var (
	// ErrGap: the session's changes don't follow on what the store has, or what it has
	// is not whole (a key was evicted). The partition must be built anew.
	ErrGap = errors.New("hot: the view lacks something")
	// ErrSuperseded: a newer building of the view is there; this one must stop.
	ErrSuperseded = errors.New("hot: a newer view is being built")
	// ErrMoved: the engine is in another life than the one named: what it has may be an
	// older copy, so what was applied lately must be applied again.
	ErrMoved = errors.New("hot: the engine was restarted or failed over")
)

// BrokenError names sessions whose own events don't follow on each other, or whose
// beginning cannot be read. They are put aside: further changes are passed over and
// readers get ErrRebuilding. All other sessions were applied. A repeat of the call that put
// them aside names them again: its answer may have been lost, or another error told instead.
type BrokenError struct{ Sessions []events.SessionID }

func (e *BrokenError) Error() string {
	return fmt.Sprintf("hot: the log's events of %d sessions don't follow on each other, of %s first", len(e.Sessions), e.Sessions[0])
}

// MaxRun bounds what Store.Run gives, in bytes: it is part of every commit.
const MaxRun = 3000

// Store is the write side of the view. Every method may be repeated.
type Store interface {
	// Run names the engine's present life, in printable ASCII without space and '|', MaxRun
	// bytes at most: another one after a restart or a failover. For an engine of many
	// parts it names those of all.
	Run(ctx context.Context) (string, error)
	// View gives the partition's state, the zero value when there is none.
	View(ctx context.Context, partition int32) (ViewState, error)
	// SetView opens a view (only ID counts), or declares the open one whole, up to v.Reached
	// and in the life v.Run; this again and again, as more is applied. Less than was said before in the same life is passed over.
	// ErrSuperseded when a
	// newer one is there; ErrGap when the one to be declared whole is there no more; ErrMoved
	// when v.Run is not the life of where the view is kept, and nothing is changed then.
	SetView(ctx context.Context, partition int32, v ViewState) error
	// Apply applies changes under the view id. Those the store has are passed over,
	// so a repeat changes nothing. A session left from an older view is begun anew.
	// Errors: ErrGap, ErrSuperseded, *BrokenError.
	Apply(ctx context.Context, view string, sessions []SessionChanges) error
	// Promise comes before anything is told of what is applied: readers of the partition's view find the records below an offset, now
	// or as soon as Apply has returned, and no other view takes its place that has them not. ErrSuperseded when one has, ErrGap when
	// the view is not there.
	Promise(ctx context.Context, partition int32, view string, below int64) error
	// AddSessions notes sessions that users are or were in, before Apply has them there.
	AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error
	// AddHolders notes registrations of tokens, before Apply has them in their sessions: of a user's device the newest time counts,
	// and of a token the newest MaxHolders, in whatever order they come. They are kept for KeepHolders after the token's last
	// registration was noted, and are of no view: what builds one notes them again.
	AddHolders(ctx context.Context, all []Registration) error
	// Note keeps what was told in the partition's changes, for KeepChanged or until there
	// is too much of it.
	Note(ctx context.Context, partition int32, c Changed) error
	Beside
}
