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
	case Reacted:
		target = e.Target
	case Pinned:
		target = e.Target
	case Created, Added, Removed, Joined, Left, Sent, Read, InfoSet, PolicySet, RoleSet, Muted, Dismissed, Asked, Refused,
		Invited, Uninvited, Delivered, ContactChanged, Reported, Hidden, SessionSet, DeviceSet, ProfileSet, PrivacySet, NotificationsSet, PushForgotten, AccountClosed, Audited,
		SignedUp, SignedIn, SignedOut, Banned, Unbanned:
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
		// Contact is what the two of a direct session are, and Text what the other one is
		// asked with.
		Contact ContactState
		Text    string
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
	// Joined opened a stay for the actor, by the invite of that code if it is not zeros.
	Joined struct{ Invite Hash }
	// Left ended the actor's stay.
	Left struct {
		Promoted UserID
		Closed   bool
	}
	// Sent is a message; its number among messages is Index.
	Sent struct {
		Index Index
		Body  Body
		Refs  Refs
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
		Reason      string
	}
	// Read moved the actor's marker; it has no seq of its own.
	Read struct {
		Marker      Seq
		MarkerIndex Index
	}
	// InfoSet changed what the session says of itself.
	InfoSet struct{ Info InfoChange }
	// PolicySet has the whole policy from here on.
	PolicySet struct{ Policy Policy }
	// RoleSet changed a member's role. Demoted was the owner and is an admin by this event;
	// empty if ownership did not pass.
	RoleSet struct {
		User    UserID
		Role    Role
		Demoted UserID
	}
	// Muted keeps Users from writing until then, without any everybody below admin; with
	// Until 0 they may write again.
	Muted struct {
		Users   []UserID
		Skipped []Skipped
		Until   Millis
	}
	// Dismissed closed the session.
	Dismissed struct{}
	// Asked is the actor's request to be let in. Its text is for whoever may accept.
	Asked struct{ Text string }
	// Refused answered Users' requests.
	Refused struct {
		Users   []UserID
		Skipped []Skipped
	}
	// Invited made the code good for coming in.
	Invited struct {
		Code    Hash
		Expires Millis
		Uses    uint32
	}
	// Uninvited made the code useless.
	Uninvited struct{ Code Hash }
	// Reacted put the actor's reaction on the message Target, or with Off took it back.
	Reacted struct {
		Target      Seq
		TargetIndex Index
		Emoji       string
		Off         bool
	}
	// Pinned pinned the message Target, or with Off unpinned it. What hides a message unpins
	// it as well.
	Pinned struct {
		Target      Seq
		TargetIndex Index
		Off         bool
	}
	// Delivered moved the actor's delivery marker; it has no seq of its own.
	Delivered struct {
		Marker      Seq
		MarkerIndex Index
	}
	// ContactChanged is a step of the actor's; State is what the two are from here on.
	ContactChanged struct {
		Step  ContactStep
		Text  string
		State ContactState
	}
	// Reported is for admins and operators alone; it has no seq of its own.
	Reported struct {
		Target      Seq
		TargetIndex Index
		Reason      string
	}
	// Hidden deleted messages of Session for the actor alone.
	Hidden struct {
		Session  SessionID
		Messages []Numbers
	}
	// SessionSet changed how Session is shown to the actor.
	SessionSet struct {
		Session  SessionID
		Settings SettingsChange
	}
	// DeviceSet registered a device of the actor's, or with Off forgot it.
	DeviceSet struct {
		Device string
		Push   PushToken
		Off    bool
	}
	// ProfileSet has the actor's whole profile from here on.
	ProfileSet struct{ Profile Profile }
	// PrivacySet has all that the actor lets others see and do from here on.
	PrivacySet struct{ Privacy Privacy }
	// AccountClosed closed the actor's self session and ended all logins; the steward follows it.
	AccountClosed struct{ Ended []EndedLogin }
	// Audited says that the actor looked at what was; it has no seq of its own, and no member
	// is told. What names the read, About what of the session it is about, Seq a message or how
	// far it goes, Reason why.
	Audited struct {
		What   string
		About  string
		Seq    Seq
		Reason string
	}
)

func (Created) isEvent()        {}
func (Added) isEvent()          {}
func (Removed) isEvent()        {}
func (Joined) isEvent()         {}
func (Left) isEvent()           {}
func (Sent) isEvent()           {}
func (Revoked) isEvent()        {}
func (Overridden) isEvent()     {}
func (Deleted) isEvent()        {}
func (Read) isEvent()           {}
func (InfoSet) isEvent()        {}
func (PolicySet) isEvent()      {}
func (RoleSet) isEvent()        {}
func (Muted) isEvent()          {}
func (Dismissed) isEvent()      {}
func (Asked) isEvent()          {}
func (Refused) isEvent()        {}
func (Invited) isEvent()        {}
func (Uninvited) isEvent()      {}
func (Reacted) isEvent()        {}
func (Pinned) isEvent()         {}
func (Delivered) isEvent()      {}
func (ContactChanged) isEvent() {}
func (Reported) isEvent()       {}
func (Hidden) isEvent()         {}
func (SessionSet) isEvent()     {}
func (DeviceSet) isEvent()      {}
func (ProfileSet) isEvent()     {}
func (PrivacySet) isEvent()     {}
func (AccountClosed) isEvent()  {}
func (Audited) isEvent()        {}

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

// Name is "info_set".
func (InfoSet) Name() string { return "info_set" }

// Name is "policy_set".
func (PolicySet) Name() string { return "policy_set" }

// Name is "role_set".
func (RoleSet) Name() string { return "role_set" }

// Name is "muted".
func (Muted) Name() string { return "muted" }

// Name is "dismissed".
func (Dismissed) Name() string { return "dismissed" }

// Name is "asked".
func (Asked) Name() string { return "asked" }

// Name is "refused".
func (Refused) Name() string { return "refused" }

// Name is "invited".
func (Invited) Name() string { return "invited" }

// Name is "uninvited".
func (Uninvited) Name() string { return "uninvited" }

// Name is "reacted".
func (Reacted) Name() string { return "reacted" }

// Name is "pinned".
func (Pinned) Name() string { return "pinned" }

// Name is "delivered".
func (Delivered) Name() string { return "delivered" }

// Name is "contact_changed".
func (ContactChanged) Name() string { return "contact_changed" }

// Name is "reported".
func (Reported) Name() string { return "reported" }

// Name is "hidden".
func (Hidden) Name() string { return "hidden" }

// Name is "session_set".
func (SessionSet) Name() string { return "session_set" }

// Name is "device_set".
func (DeviceSet) Name() string { return "device_set" }

// Name is "profile_set".
func (ProfileSet) Name() string { return "profile_set" }

// Name is "privacy_set".
func (PrivacySet) Name() string { return "privacy_set" }

// Name is "account_closed".
func (AccountClosed) Name() string { return "account_closed" }

// Name is "audited".
func (Audited) Name() string { return "audited" }
