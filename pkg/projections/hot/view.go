// Package hot keeps the newest part of every session where it is read fast: it plans
// what counted outcomes change (pure), applies that to a store, and then tells gateways.
// The store, the readers and the notifications are ports; pkg/connectors/redis has them.
package hot

import (
	"context"
	"errors"

	"annal/pkg/events"
)

// Errors of reading the view.
var (
	// ErrNoSession: the view is whole and has no such session.
	ErrNoSession = errors.New("hot: no such session")
	// ErrRebuilding: the view is being rebuilt; what is missing may come. Readers
	// are told TRY_AGAIN, never an empty session.
	ErrRebuilding = errors.New("hot: the view is being rebuilt")
)

// Head is a session as the view has it.
type Head struct {
	Session events.SessionID
	Kind    events.Kind
	Title   string
	Base    events.Seq
	Seq     events.Seq
	Index   events.Index
	// Time is the log time of the event of that seq.
	Time    events.Millis
	Members uint32
	Closed  bool
	Policy  events.Policy
	// WindowStart is the first seq the window holds.
	WindowStart events.Seq
	// MutedUntil, Contact, ContactBy and Blocks are as in events.Head.
	MutedUntil events.Millis
	Contact    events.ContactState
	ContactBy  events.UserID
	Blocks     uint32
	// Banned is of the user of a self session.
	Banned bool
}

// Person is a user's part in a session. Member is the zero value when the user never was in.
type Person struct {
	Head   Head
	Member events.Member
	// Unread counts messages in the user's stays after the marker, less revoked
	// and deleted ones; exact at any size.
	Unread uint64
	// Mentions are how many of these mention the user, or all.
	Mentions uint64
}

// State is what became of a message since it was sent.
type State struct {
	Revoked    events.Seq
	Deleted    events.Seq
	Overridden events.Seq
	// Body is the newest one when Overridden is not 0.
	Body events.Body
	// Reactions are what there is on the message, by emoji, none if it is revoked or deleted: as of
	// the event ReactionsTo, the last one when it was read. Told of the message itself alone.
	Reactions   []Reaction
	ReactionsTo events.Seq
}

// Item is a timeline event of the window.
type Item struct {
	Seq events.Seq
	// Value is the outcome's stored bytes (events.DecodeOutcomeValue).
	Value []byte
	// State is of the message: the event itself for a send, its target for a revoke, a
	// delete or an override. Events below the window's start are left out of it: nothing
	// in the window can show what they hid, since what hides a text comes after the text.
	State State
}

// View reads the hot view. All is read at one moment per call.
type View interface {
	// Person gives head and membership; ErrNoSession, ErrRebuilding. Messages of the hidden indexes don't count as
	// unread, nor for their mentions.
	Person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (Person, error)
	// Unread gives what Person says is unread in sessions, 1,000 at most a call, which costs much less than asking of each; what the view has not is left out.
	// ErrRebuilding when any of it can't be told now.
	Unread(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]Unread, error)
	// Hidden gives which of the messages with first <= index <= last the user hid from themselves, ascending, limit
	// at most. None, too, when the user has no self session yet; ErrRebuilding.
	Hidden(ctx context.Context, u events.UserID, s events.SessionID, first, last events.Index, limit int) ([]events.Index, error)
	// Forward gives items with first <= seq <= last, ascending, limit at most. Reactions of the
	// reader, one at most, are marked as theirs.
	Forward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]Item, error)
	// Backward gives items with first <= seq <= last, descending, limit at most, as Forward does.
	Backward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]Item, error)
	// Facts gives what the session says and keeps besides; ErrNoSession, ErrRebuilding.
	Facts(ctx context.Context, s events.SessionID) (Facts, error)
	// Own gives what users say of themselves and let others do, 1,000 at most a call; of who has no session of their own
	// nothing is told. ErrRebuilding when any of it can't be told now.
	Own(ctx context.Context, users []events.UserID) (map[events.UserID]Own, error)
	// Reach gives how users, 1,000 at most a call, can be notified of what is said in the session; of who has no session of their own
	// nothing is told. ErrRebuilding when any of it can't be told now.
	Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]Reach, error)
	// Holders gives who registered each of the tokens, the newest first (SortHolders); none for one that was not registered within
	// KeepHolders. What Reach tells of a device is among them, unless MaxHolders came later. ErrRebuilding when it can't be told now.
	Holders(ctx context.Context, tokens []events.PushToken) ([][]Holder, error)
	// Contacts says which users, 1,000 at most a call, are contacts of u in their direct session, where neither blocks the
	// other; it may leave out who is none. ErrRebuilding when any of it can't be told now.
	Contacts(ctx context.Context, u events.UserID, users []events.UserID) (map[events.UserID]bool, error)
	// Members gives present members with user id > after, ascending.
	Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]MemberEntry, error)
	// Tally counts who has seen a message, and costs the same however many members there are;
	// ErrNoTally, ErrBelow, ErrNoSession, ErrRebuilding.
	Tally(ctx context.Context, s events.SessionID, seq events.Seq, sender events.UserID) (Tally, error)
	// Sessions gives the sessions that the user is or was in, with id > after, ascending; and
	// one that the user is coming into, maybe a moment before Person tells of it.
	Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error)
	// Heads gives the last seqs of sessions, 1,000 at most a call. What can't be told now,
	// since the view is being rebuilt, is left out.
	Heads(ctx context.Context, sessions []events.SessionID) (map[events.SessionID]events.Seq, error)
	// Activity gives when something last happened in the user's sessions, 1,000 at most a call: the log time of the
	// last timeline event. Of a session that the user is out of nothing is told, 0 is given; what can't be told now is left out.
	Activity(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]events.Millis, error)
	// Changed gives what was told after that place in a partition's changes, a bounded
	// part of it, and the place it reaches up to: the same when there is no more. From
	// the empty place it gives nothing but the present one. ErrPassed: something after
	// the place is no longer kept.
	Changed(ctx context.Context, partition int32, after string) (Changed, string, error)
}

// Keeper is a View that tells what it keeps to reckon with too, for whoever checks it.
type Keeper interface {
	// Kept gives it of a session, all of it; ErrNoSession, ErrRebuilding.
	Kept(ctx context.Context, s events.SessionID) (Kept, error)
}

// Kept is what a view keeps of a session to reckon with. Numbers within entries have 20 digits.
type Kept struct {
	// Gone are the indexes of messages revoked or deleted.
	Gone []string
	// Mentions are "user index", of "*" for all; and of a self session what its user hid, under HiddenBy.
	Mentions []string
	// Reactions are "seq emoji NUL user". Those of messages that the window holds no more may still be there.
	Reactions []string
	// Tally is nil where none is kept. It counts, of present members, how many have read up to a seq ("m5"), how many have got or read up
	// to it ("g5"), and how many of their stays begin ("f5") and end ("t5") at it.
	Tally map[string]int64
}

// MemberEntry is a present member.
type MemberEntry struct {
	User   events.UserID
	Member events.Member
}

// Delivery is what a gateway hears. Calls come one at a time and must not block.
type Delivery interface {
	// Session brings counted outcomes of a subscribed session: accepted events only,
	// as stored values in log order. May repeat, may miss some (see Resubscribed).
	// Values that begin with a zero byte are no outcomes: gateways' own, as they told them.
	Session(s events.SessionID, values [][]byte)
	// User brings events that concern the user wherever they look: of memberships, and of logins and accounts that ended.
	User(u events.UserID, values [][]byte)
	// Answers brings outcomes of commands whose ReplyTo.Instance is this gateway.
	Answers(values [][]byte)
	// Resubscribed says that events may have been missed on all subscriptions:
	// compare heads and fill.
	Resubscribed()
}

// Feed is a gateway's subscription to the projector's notifications.
type Feed interface {
	// Run delivers until ctx ends, waiting out outages.
	Run(ctx context.Context, d Delivery) error
	// SubscribeSession returns once confirmed: whatever is published afterwards is
	// delivered. So: subscribe, read the head, fill, deliver above.
	SubscribeSession(ctx context.Context, s events.SessionID) error
	UnsubscribeSession(s events.SessionID)
	SubscribeUser(ctx context.Context, u events.UserID) error
	UnsubscribeUser(u events.UserID)
}

// Notifier publishes what has been applied.
type Notifier interface {
	// Publish sends a round: at most one message per session, user and instance.
	Publish(ctx context.Context, r Round) error
}

// Round is what one poll of the projector has to tell.
type Round struct {
	Sessions map[events.SessionID][][]byte
	Users    map[events.UserID][][]byte
	// Answers are by gateway instance.
	Answers map[string][][]byte
}
