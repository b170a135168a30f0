package client

import (
	"context"
	"time"

	logv1 "annal/gen/annal/log/v1"
)

// SetInfo changes what a session says of itself: what is unset stays, what is empty is removed.
func (c *Client) SetInfo(ctx context.Context, session string, info *logv1.InfoChange, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetInfo{session, info}, opts...)
}

// SetPolicy changes a session's policy: what is unset stays.
func (c *Client) SetPolicy(ctx context.Context, session string, policy *logv1.PolicyChange, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetPolicy{session, policy}, opts...)
}

// SetRole changes a member's role. Giving ownership makes the owner of before an admin.
func (c *Client) SetRole(ctx context.Context, session, user string, role logv1.Role, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetRole{session, user, role}, opts...)
}

// Mute keeps people from writing until a time: those named, or without any everybody below
// admin. A time that has passed ends it.
func (c *Client) Mute(ctx context.Context, session string, users []string, until time.Time, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Mute{session, users, until}, opts...)
}

// Dismiss closes a session for all.
func (c *Client) Dismiss(ctx context.Context, session string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Dismiss{session}, opts...)
}

// Ask asks to be let in, where joining is by approval.
func (c *Client) Ask(ctx context.Context, session, text string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Ask{session, text}, opts...)
}

// Refuse answers those who ask; of oneself it takes the request back.
func (c *Client) Refuse(ctx context.Context, session string, users []string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Refuse{session, users}, opts...)
}

// Invite makes a code good for coming in; see the type Invite.
func (c *Client) Invite(ctx context.Context, op Invite, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, op, opts...)
}

// Uninvite makes a code useless.
func (c *Client) Uninvite(ctx context.Context, session, code string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Uninvite{session, code}, opts...)
}

// React puts a reaction on a message.
func (c *Client) React(ctx context.Context, session string, seq uint64, emoji string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, React{session, seq, emoji, false}, opts...)
}

// Unreact takes a reaction back.
func (c *Client) Unreact(ctx context.Context, session string, seq uint64, emoji string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, React{session, seq, emoji, true}, opts...)
}

// Pin pins a message.
func (c *Client) Pin(ctx context.Context, session string, seq uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Pin{session, seq, false}, opts...)
}

// Unpin unpins a message.
func (c *Client) Unpin(ctx context.Context, session string, seq uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Pin{session, seq, true}, opts...)
}

// MarkDelivered says how far the user's devices have got, where nobody read.
func (c *Client) MarkDelivered(ctx context.Context, session string, seq uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, MarkDelivered{session, seq}, opts...)
}

// Contact is a step of one of the two of a direct session. Text goes with asking.
func (c *Client) Contact(ctx context.Context, session string, step logv1.ContactStep, text string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Contact{session, step, text}, opts...)
}

// Report tells the session's admins and the operators of a message.
func (c *Client) Report(ctx context.Context, session string, seq uint64, reason string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Report{session, seq, reason}, opts...)
}

// Hide deletes messages of a session for the user alone, on all own devices: their seqs, and of each
// its index.
func (c *Client) Hide(ctx context.Context, session string, seqs, indexes []uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Hide{session, seqs, indexes}, opts...)
}

// SetSession changes how a session is shown to the user: what is unset stays.
func (c *Client) SetSession(ctx context.Context, session string, settings *logv1.SessionSettings, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetSession{session, settings}, opts...)
}

// SetDevice registers a device of the user's. Do takes a SetDevice that forgets one.
func (c *Client) SetDevice(ctx context.Context, device string, push *logv1.PushToken, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetDevice{device, push, false}, opts...)
}

// CloseAccount ends the user's own session, and then, one by one, the user's part in all others.
func (c *Client) CloseAccount(ctx context.Context, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, CloseAccount{}, opts...)
}
