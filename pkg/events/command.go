package events

// Command is what was asked.
type Command struct {
	Session SessionID
	Actor   Actor
	// ClientID is the sender's own id for it; scope is session and sender.
	ClientID string
	Client   ClientContext
	ReplyTo  ReplyTo
	// Origin is when it was first said, 0 if unknown; information only.
	Origin Millis
	// Wishes are what people that the command is about let others do, of those who don't let everybody. The gateway says
	// so, no client can. They are no part of what resends are compared by.
	Wishes []Wish
	Op     Op
}

// Op is an operation with its arguments.
//
//sumtype:decl
type Op interface {
	isOp()
	// Name is the operation's stable name, as in ce_type and metrics.
	Name() string
}

type (
	// Create opens a session; the creator is not among Members. A direct session
	// has exactly one other member, a self session none.
	Create struct {
		Kind    Kind
		Members []NewMember
		Policy  Policy
		// Base is the number before the first seq.
		Base  Seq
		Title string
		// Text is what the other one of a direct session reads, where joining is by approval.
		Text string
	}
	// Add lets people in.
	Add struct{ Members []NewMember }
	// Remove puts people out.
	Remove struct{ Users []UserID }
	// Join lets the actor in. Invite is the SHA-256 of an invite's code, zeros for none.
	Join struct{ Invite Hash }
	// Leave lets the actor out.
	Leave struct{}
	// Send says something.
	Send struct {
		Body Body
		Refs Refs
	}
	// Revoke takes a message back.
	Revoke struct{ Seq Seq }
	// Override replaces a message's body.
	Override struct {
		Seq  Seq
		Body Body
	}
	// Delete removes a message for all. Reason is for whoever moderates.
	Delete struct {
		Seq    Seq
		Reason string
	}
	// MarkRead moves the actor's marker.
	MarkRead struct{ Seq Seq }
	// SetInfo changes what the session says of itself.
	SetInfo struct{ Info InfoChange }
	// SetPolicy changes the policy.
	SetPolicy struct{ Policy PolicyChange }
	// SetRole changes a member's role. Giving ownership makes the owner of before an admin.
	SetRole struct {
		User UserID
		Role Role
	}
	// Mute keeps people from writing until a log time: Users, or without any everybody
	// below admin. A time that has passed ends it.
	Mute struct {
		Users []UserID
		Until Millis
	}
	// Dismiss closes the session for all.
	Dismiss struct{}
	// Ask asks to be let in, where the policy says by approval.
	Ask struct{ Text string }
	// Refuse answers those who ask; Add lets them in.
	Refuse struct{ Users []UserID }
	// Invite makes a code good for coming in.
	Invite struct {
		// Code is its SHA-256: the code itself stands nowhere in the log.
		Code Hash
		// Expires is a log time, 0 for never.
		Expires Millis
		// Uses is how many people may come in by it, 0 for any number.
		Uses uint32
	}
	// Uninvite makes a code useless.
	Uninvite struct{ Code Hash }
	// React puts a reaction on a message, or with Off takes it back.
	React struct {
		Seq   Seq
		Emoji string
		Off   bool
	}
	// Pin pins a message, or with Off unpins it.
	Pin struct {
		Seq Seq
		Off bool
	}
	// MarkDelivered says how far the actor's devices have got.
	MarkDelivered struct{ Seq Seq }
	// Contact is about being contacts, in a direct session. Text goes with asking.
	Contact struct {
		Step ContactStep
		Text string
	}
	// Report tells admins and operators of a message.
	Report struct {
		Seq    Seq
		Reason string
	}
	// Hide deletes messages of Session for the actor alone; in their self session, which knows
	// nothing of them: their indexes are the client's word, and count for nobody else.
	Hide struct {
		Session  SessionID
		Messages []Numbers
	}
	// SetSession changes how Session is shown to the actor; in their self session.
	SetSession struct {
		Session  SessionID
		Settings SettingsChange
	}
	// SetDevice registers a device of the actor's, or with Off forgets it; in their self session.
	SetDevice struct {
		Device string
		Push   PushToken
		Off    bool
	}
	// SetProfile changes what the actor says of themselves; in their self session.
	SetProfile struct{ Profile ProfileChange }
	// SetPrivacy changes what the actor lets others see and do; in their self session.
	SetPrivacy struct{ Privacy Privacy }
	// CloseAccount ends the actor's self session; the steward ends their part in all others.
	CloseAccount struct{}
	// Audit is a look at what was, by a service alone: see Audited.
	Audit struct {
		What   string
		About  string
		Seq    Seq
		Reason string
	}
)

func (Create) isOp()        {}
func (Add) isOp()           {}
func (Remove) isOp()        {}
func (Join) isOp()          {}
func (Leave) isOp()         {}
func (Send) isOp()          {}
func (Revoke) isOp()        {}
func (Override) isOp()      {}
func (Delete) isOp()        {}
func (MarkRead) isOp()      {}
func (SetInfo) isOp()       {}
func (SetPolicy) isOp()     {}
func (SetRole) isOp()       {}
func (Mute) isOp()          {}
func (Dismiss) isOp()       {}
func (Ask) isOp()           {}
func (Refuse) isOp()        {}
func (Invite) isOp()        {}
func (Uninvite) isOp()      {}
func (React) isOp()         {}
func (Pin) isOp()           {}
func (MarkDelivered) isOp() {}
func (Contact) isOp()       {}
func (Report) isOp()        {}
func (Hide) isOp()          {}
func (SetSession) isOp()    {}
func (SetDevice) isOp()     {}
func (SetProfile) isOp()    {}
func (SetPrivacy) isOp()    {}
func (CloseAccount) isOp()  {}
func (Audit) isOp()         {}

// Name is "create".
func (Create) Name() string { return "create" }

// Name is "add".
func (Add) Name() string { return "add" }

// Name is "remove".
func (Remove) Name() string { return "remove" }

// Name is "join".
func (Join) Name() string { return "join" }

// Name is "leave".
func (Leave) Name() string { return "leave" }

// Name is "send".
func (Send) Name() string { return "send" }

// Name is "revoke".
func (Revoke) Name() string { return "revoke" }

// Name is "override".
func (Override) Name() string { return "override" }

// Name is "delete".
func (Delete) Name() string { return "delete" }

// Name is "mark_read".
func (MarkRead) Name() string { return "mark_read" }

// Name is "set_info".
func (SetInfo) Name() string { return "set_info" }

// Name is "set_policy".
func (SetPolicy) Name() string { return "set_policy" }

// Name is "set_role".
func (SetRole) Name() string { return "set_role" }

// Name is "mute".
func (Mute) Name() string { return "mute" }

// Name is "dismiss".
func (Dismiss) Name() string { return "dismiss" }

// Name is "ask".
func (Ask) Name() string { return "ask" }

// Name is "refuse".
func (Refuse) Name() string { return "refuse" }

// Name is "invite".
func (Invite) Name() string { return "invite" }

// Name is "uninvite".
func (Uninvite) Name() string { return "uninvite" }

// Name is "react".
func (React) Name() string { return "react" }

// Name is "pin".
func (Pin) Name() string { return "pin" }

// Name is "mark_delivered".
func (MarkDelivered) Name() string { return "mark_delivered" }

// Name is "contact".
func (Contact) Name() string { return "contact" }

// Name is "report".
func (Report) Name() string { return "report" }

// Name is "hide".
func (Hide) Name() string { return "hide" }

// Name is "set_session".
func (SetSession) Name() string { return "set_session" }

// Name is "set_device".
func (SetDevice) Name() string { return "set_device" }

// Name is "set_profile".
func (SetProfile) Name() string { return "set_profile" }

// Name is "set_privacy".
func (SetPrivacy) Name() string { return "set_privacy" }

// Name is "close_account".
func (CloseAccount) Name() string { return "close_account" }

// Name is "audit".
func (Audit) Name() string { return "audit" }
