package client

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// Create opens a session.
func (c *Client) Create(ctx context.Context, op Create, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, op, opts...)
}

// Add lets people in.
func (c *Client) Add(ctx context.Context, session string, members []*logv1.NewMember, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Add{session, members}, opts...)
}

// Remove puts people out.
func (c *Client) Remove(ctx context.Context, session string, users []string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Remove{session, users}, opts...)
}

// Join lets the user in. Do takes a Join with an invite's code.
func (c *Client) Join(ctx context.Context, session string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Join{Session: session}, opts...)
}

// Leave lets the user out.
func (c *Client) Leave(ctx context.Context, session string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Leave{session}, opts...)
}

// Send says a text. Do takes a Send with other content, and with what it refers to.
func (c *Client) Send(ctx context.Context, session, text string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Send{Session: session, Text: text}, opts...)
}

// Revoke takes a message back.
func (c *Client) Revoke(ctx context.Context, session string, seq uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Revoke{session, seq}, opts...)
}

// Override replaces what a message says by a text. Do takes an Override with other content.
func (c *Client) Override(ctx context.Context, session string, seq uint64, text string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Override{Session: session, Seq: seq, Text: text}, opts...)
}

// Delete removes a message for all. Do takes a Delete with a reason.
func (c *Client) Delete(ctx context.Context, session string, seq uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Delete{Session: session, Seq: seq}, opts...)
}

// MarkRead moves the user's marker.
func (c *Client) MarkRead(ctx context.Context, session string, seq uint64, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, MarkRead{session, seq}, opts...)
}

// Info tells what a session says and keeps besides its timeline.
func (c *Client) Info(ctx context.Context, session string) (*clientv1.SessionInfo, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Info{Info: &clientv1.Info{Session: session}}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetInfo)
}

// Receipts tells who has read a message and whose devices have got it; cursor is empty for the
// first page, then the last page's next.
func (c *Client) Receipts(ctx context.Context, session string, seq uint64, cursor string, limit uint32) (*clientv1.ReceiptsPage, error) {
	op := &clientv1.Receipts{Session: session, Seq: seq, Cursor: cursor, Limit: limit}
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Receipts{Receipts: op}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetReceipts)
}

// Totals tells how much is unread in all sessions that the user is in.
func (c *Client) Totals(ctx context.Context) (*clientv1.UnreadTotals, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Totals{Totals: &clientv1.Totals{}}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetTotals)
}

// Sync gives a page of the user's sessions with their state; cursor is empty for the
// first, then the last page's next.
func (c *Client) Sync(ctx context.Context, cursor string, limit uint32) (*clientv1.SyncPage, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{Cursor: cursor, Limit: limit}}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetSync)
}

// NamedSync is Sync with names: of the others of direct sessions, and of who sent previews.
func (c *Client) NamedSync(ctx context.Context, cursor string, limit uint32) (*clientv1.SyncPage, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{Cursor: cursor, Limit: limit, Names: true}}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetSync)
}

// Walk is a direction through a session's timeline.
//
//sumtype:decl
type Walk interface{ isWalk() }

type (
	// Newest is the end of the timeline.
	Newest struct{}
	// Before walks back from a seq, itself excluded.
	Before uint64
	// After walks forward from a seq, itself excluded; 0: from the beginning.
	After uint64
	// Around has the event of a seq, and as many before it as after it.
	Around uint64
	// From goes on from a page's older or newer, with the filter of that page.
	From string
)

func (Newest) isWalk() {}
func (Before) isWalk() {}
func (After) isWalk()  {}
func (Around) isWalk() {}
func (From) isWalk()   {}

// History gives a page of a session's timeline: 50 events when limit is 0, 200 at most.
func (c *Client) History(ctx context.Context, session string, w Walk, limit uint32) (*clientv1.HistoryPage, error) {
	return c.Filtered(ctx, session, w, limit, nil)
}

// Filtered gives a page of a session's history that has the messages of a filter alone; nil: all events.
func (c *Client) Filtered(ctx context.Context, session string, w Walk, limit uint32, filter *clientv1.HistoryFilter) (*clientv1.HistoryPage, error) {
	op := &clientv1.History{Session: session, Limit: limit, Filter: filter}
	switch w := w.(type) {
	case Newest:
	case Before:
		op.Before = uint64(w)
	case After:
		after := uint64(w)
		op.After = &after
	case Around:
		op.Around = uint64(w)
	case From:
		op.Cursor = string(w)
	}
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: op}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetHistory)
}

// Changes tells what became of the messages up to after; from is 0 for the first page, then the last
// page's to.
func (c *Client) Changes(ctx context.Context, session string, after, from uint64) (*clientv1.ChangesPage, error) {
	op := &clientv1.Changes{Session: session, After: after, From: from}
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Changes{Changes: op}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetChanges)
}

// Members gives a page of a session's members.
func (c *Client) Members(ctx context.Context, session, cursor string, limit uint32) (*clientv1.MembersPage, error) {
	op := &clientv1.Members{Session: session, Cursor: cursor, Limit: limit}
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Members{Members: op}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetMembers)
}

// Sessions gives a page of the ids of the user's sessions.
func (c *Client) Sessions(ctx context.Context, cursor string, limit uint32) (*clientv1.SessionsPage, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sessions{Sessions: &clientv1.Sessions{Cursor: cursor, Limit: limit}}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetSessions)
}

// Ping asks the server for its clock, in milliseconds since 1970.
func (c *Client) Ping(ctx context.Context) (int64, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}}
	pong, err := query(ctx, c, m, (*clientv1.ServerFrame).GetPong)
	return pong.GetTimeMs(), err
}
