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
	}
	// Add lets people in.
	Add struct{ Members []NewMember }
	// Remove puts people out.
	Remove struct{ Users []UserID }
	// Join lets the actor in.
	Join struct{}
	// Leave lets the actor out.
	Leave struct{}
	// Send says something.
	Send struct{ Body Body }
	// Revoke takes a message back.
	Revoke struct{ Seq Seq }
	// Override replaces a message's body.
	Override struct {
		Seq  Seq
		Body Body
	}
	// Delete removes a message for all.
	Delete struct{ Seq Seq }
	// MarkRead moves the actor's marker.
	MarkRead struct{ Seq Seq }
)

func (Create) isOp()   {}
func (Add) isOp()      {}
func (Remove) isOp()   {}
func (Join) isOp()     {}
func (Leave) isOp()    {}
func (Send) isOp()     {}
func (Revoke) isOp()   {}
func (Override) isOp() {}
func (Delete) isOp()   {}
func (MarkRead) isOp() {}

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
