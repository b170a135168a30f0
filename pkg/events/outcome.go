package events

import "fmt"

// Outcome is what came of a command: exactly one per command.
type Outcome struct {
	ID       ID
	Session  SessionID
	Actor    Actor
	ClientID string
	// Digest is of the operation and its arguments, without client context.
	Digest  Digest
	Client  ClientContext
	ReplyTo ReplyTo
	Origin  Millis
	// Time is log time: the broker's append time of the command, clamped so that
	// it never goes back in a partition.
	Time Millis
	// PrevHash is over the stored bytes of the session's outcome before; zeros for
	// the first, and for outcomes of sessions not yet created.
	PrevHash Hash
	Result   Result
}

// TargetError says that an event is about a message that does not stand before it, so about none.
type TargetError struct{ Seq, Target Seq }

func (e *TargetError) Error() string {
	return fmt.Sprintf("events: seq %d is about a message %d, which does not stand before it", e.Seq, e.Target)
}

// Unsound is a *TargetError when the outcome can be decoded and yet no session can have it, whatever was said there
// before. No sequencer writes such.
func (o *Outcome) Unsound() error {
	a, ok := o.Result.(Accepted)
	if !ok {
		return nil
	}
	var target Seq
	switch e := a.Event.(type) {
	case Revoked:
		target = e.Target
	case Deleted:
		target = e.Target
	case Overridden:
		target = e.Target
	case Created, Added, Removed, Joined, Left, Sent, Read:
		return nil
	}
	if target == 0 || target >= a.Seq {
		return &TargetError{Seq: a.Seq, Target: target}
	}
	return nil
}

// Result is one of Accepted, Rejected, Answered.
//
//sumtype:decl
type Result interface{ isResult() }

type (
	// Accepted is a fact.
	Accepted struct {
		// Seq is the event's place in the timeline, 0 for marker events.
		Seq   Seq
		Event Event
	}
	// Rejected is a refusal by a rule, with the command for audit.
	Rejected struct {
		Code   Code
		Detail string
		// Seq is the message in question, 0 if none.
		Seq Seq
		// Command is nil when it could not be decoded or would be too large.
		Command *Command
		// Skipped says of a batch that changed nothing why, person by person.
		Skipped []Skipped
	}
	// Answered is a command without an effect of its own.
	Answered struct {
		Code Code
		// Earlier is the outcome that already has the effect, where there is one.
		Earlier Earlier
	}
	// Earlier is what a repeat is answered with.
	Earlier struct {
		// Code is empty when the earlier outcome was an acceptance.
		Code  Code
		Seq   Seq
		Index Index
		ID    ID
		Time  Millis
	}
)

func (Accepted) isResult() {}
func (Rejected) isResult() {}
func (Answered) isResult() {}

// Event is an accepted fact.
//
//sumtype:decl
type Event interface {
	isEvent()
	// Name is the event's stable name, as in ce_type.
	Name() string
}

type (
	// Created opens the timeline. Members are all, the creator included.
	Created struct {
		Kind    Kind
		Base    Seq
		Policy  Policy
		Members []NewMember
		Title   string
	}
	// Added let people in; consumers open a stay for each of Members.
	Added struct {
		Members []NewMember
		Skipped []Skipped
	}
	// Removed put people out; consumers end the stay of each of Users.
	Removed struct {
		Users   []UserID
		Skipped []Skipped
		// Promoted became owner by this event; empty if nobody.
		Promoted UserID
		// Closed: the last member went.
		Closed bool
	}
	// Joined opened a stay for the actor.
	Joined struct{}
	// Left ended the actor's stay.
	Left struct {
		Promoted UserID
		Closed   bool
	}
	// Sent is a message; its number among messages is Index.
	Sent struct {
		Index Index
		Body  Body
	}
	// Revoked hides every version of the message Target.
	Revoked struct {
		Target      Seq
		TargetIndex Index
	}
	// Overridden replaces the body of the message Target.
	Overridden struct {
		Target      Seq
		TargetIndex Index
		Body        Body
	}
	// Deleted hides the message Target from all.
	Deleted struct {
		Target      Seq
		TargetIndex Index
	}
	// Read moved the actor's marker; it has no seq of its own.
	Read struct {
		Marker      Seq
		MarkerIndex Index
	}
)

func (Created) isEvent()    {}
func (Added) isEvent()      {}
func (Removed) isEvent()    {}
func (Joined) isEvent()     {}
func (Left) isEvent()       {}
func (Sent) isEvent()       {}
func (Revoked) isEvent()    {}
func (Overridden) isEvent() {}
func (Deleted) isEvent()    {}
func (Read) isEvent()       {}

// Name is "created".
func (Created) Name() string { return "created" }

// Name is "added".
func (Added) Name() string { return "added" }

// Name is "removed".
func (Removed) Name() string { return "removed" }

// Name is "joined".
func (Joined) Name() string { return "joined" }

// Name is "left".
func (Left) Name() string { return "left" }

// Name is "sent".
func (Sent) Name() string { return "sent" }

// Name is "revoked".
func (Revoked) Name() string { return "revoked" }

// Name is "overridden".
func (Overridden) Name() string { return "overridden" }

// Name is "deleted".
func (Deleted) Name() string { return "deleted" }

// Name is "read".
func (Read) Name() string { return "read" }
