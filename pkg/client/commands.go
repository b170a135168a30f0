package client

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// Ack is a command's outcome: it was accepted, or answered (Answered is not empty)
// because it had no effect of its own. It is durable. Duplicate: the command was sent
// before, and this is what came of it then.
type Ack struct {
	*clientv1.Ack
	// Resent: this client sent the command more than once before the answer came, so
	// a Duplicate may be its own.
	Resent bool
}

// Op is a command.
//
//sumtype:decl
type Op interface {
	// frame puts the command into m.
	frame(m *clientv1.ClientFrame)
	// lane is the session whose order the command keeps.
	lane() string
}

type (
	// Create opens a session; nil Policy takes the deployment's defaults. Base is for
	// service tokens only.
	Create struct {
		Kind    logv1.Kind
		Members []*logv1.NewMember
		Policy  *logv1.Policy
		Base    uint64
		Name    string
		// Text is what the other one of a direct session is asked with, where joining is by
		// approval.
		Text string
	}
	// Add lets people in.
	Add struct {
		Session string
		Members []*logv1.NewMember
	}
	// Remove puts people out.
	Remove struct {
		Session string
		Users   []string
	}
	// Join lets the user in; who has an invite's code may come in whatever the policy says.
	Join struct{ Session, Invite string }
	// Leave lets the user out.
	Leave struct{ Session string }
	// Send says something: a text, or WithContent other content instead.
	Send struct{ Session, Text string }
	// Revoke takes a message back.
	Revoke struct {
		Session string
		Seq     uint64
	}
	// Override replaces a message's text, or WithContent its content.
	Override struct {
		Session string
		Seq     uint64
		Text    string
	}
	// Delete removes a message for all. Reason is for whoever moderates; it may be empty.
	Delete struct {
		Session string
		Seq     uint64
		Reason  string
	}
	// MarkRead moves the user's marker.
	MarkRead struct {
		Session string
		Seq     uint64
	}
)

func (o Create) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Create{Create: &clientv1.Create{
		Kind: o.Kind, Members: o.Members, Policy: o.Policy, Base: o.Base, Name: o.Name, Text: o.Text,
	}}
}

func (o Add) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Add{Add: &clientv1.Add{Session: o.Session, Members: o.Members}}
}

func (o Remove) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Remove{Remove: &clientv1.Remove{Session: o.Session, Users: o.Users}}
}

func (o Join) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Join{Join: &clientv1.Join{Session: o.Session, Invite: o.Invite}}
}

func (o Leave) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Leave{Leave: &clientv1.Leave{Session: o.Session}}
}

func (o Send) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: o.Session, Text: o.Text}}
}

func (o Revoke) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Revoke{Revoke: &clientv1.Revoke{Session: o.Session, Seq: o.Seq}}
}

func (o Override) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Override{Override: &clientv1.Override{Session: o.Session, Seq: o.Seq, Text: o.Text}}
}

func (o Delete) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Delete{Delete: &clientv1.Delete{Session: o.Session, Seq: o.Seq, Reason: o.Reason}}
}

func (o MarkRead) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_MarkRead{MarkRead: &clientv1.MarkRead{Session: o.Session, Seq: o.Seq}}
}

func (o Create) lane() string   { return "" }
func (o Add) lane() string      { return o.Session }
func (o Remove) lane() string   { return o.Session }
func (o Join) lane() string     { return o.Session }
func (o Leave) lane() string    { return o.Session }
func (o Send) lane() string     { return o.Session }
func (o Revoke) lane() string   { return o.Session }
func (o Override) lane() string { return o.Session }
func (o Delete) lane() string   { return o.Session }
func (o MarkRead) lane() string { return o.Session }

// CommandOption says more about a command.
type CommandOption func(*clientv1.ClientFrame)

// ClientID names the command for resends by another client or process; without it, a
// UUID is made.
func ClientID(id string) CommandOption {
	return func(m *clientv1.ClientFrame) { m.ClientId = id }
}

// AsUser acts for a user; service tokens only.
func AsUser(user string) CommandOption {
	return func(m *clientv1.ClientFrame) { m.AsUser = user }
}

// OriginTime says when it was first said; service tokens only.
func OriginTime(t time.Time) CommandOption {
	return func(m *clientv1.ClientFrame) { m.OriginTimeMs = t.UnixMilli() }
}

// WithContent says something other than a text, or replaces a message by it: an option of Send
// and Override, whose text is empty then.
func WithContent(content *logv1.Content) CommandOption {
	return func(m *clientv1.ClientFrame) {
		switch op := m.GetOp().(type) {
		case *clientv1.ClientFrame_Send:
			op.Send.Content = content
		case *clientv1.ClientFrame_Override:
			op.Override.Content = content
		}
	}
}

// WithRefs says what a message refers to, whom it calls and how much it wants to be noticed: an
// option of Send.
func WithRefs(refs *logv1.Refs) CommandOption {
	return func(m *clientv1.ClientFrame) {
		if op := m.GetSend(); op != nil {
			op.Refs = refs
		}
	}
}

// Frame is the frame that a command is sent as, without its id: for those who speak
// the protocol by other means.
func Frame(op Op, opts ...CommandOption) *clientv1.ClientFrame {
	m := &clientv1.ClientFrame{}
	op.frame(m)
	for _, o := range opts {
		o(m)
	}
	if m.ClientId == "" {
		m.ClientId = uuid.NewString()
	}
	return m
}

// Do sends a command and waits for its outcome. Errors: *Error when it was refused or
// rejected; when ctx ends or the client is closed, the cause, with ErrOutcomeUnknown
// if the command may have been sent.
func (c *Client) Do(ctx context.Context, op Op, opts ...CommandOption) (Ack, error) {
	reply, resent, err := c.do(ctx, Frame(op, opts...), op.lane())
	return ackFrom(reply, resent, err)
}

// Go sends a command and calls done once with its outcome, as Do would give it, from
// a goroutine that done must not block. Go itself blocks while too much is in
// flight. Commands of one session take effect in the order of the calls.
func (c *Client) Go(ctx context.Context, op Op, done func(Ack, error), opts ...CommandOption) {
	c.submit(ctx, Frame(op, opts...), op.lane(), func(m *clientv1.ServerFrame, resent bool, err error) {
		done(ackFrom(m, resent, err))
	})
}

func ackFrom(reply *clientv1.ServerFrame, resent bool, err error) (Ack, error) {
	switch {
	case err != nil:
		return Ack{}, err
	case reply.GetAck() == nil:
		return Ack{}, fmt.Errorf("client: the server answers a command with a %T", reply.GetKind())
	}
	return Ack{Ack: reply.GetAck(), Resent: resent}, nil
}
