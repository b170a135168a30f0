package gateway

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

const defaultPage = 100

// members lists a session's present members to one of them.
func (c *Conn) members(ctx context.Context, u events.UserID, op *clientv1.Members) (*clientv1.ServerFrame, *events.Error) {
	limit, err := pageLimit(op.GetLimit(), defaultPage, protocol.MaxPage)
	if err != nil {
		return nil, err
	}
	if err := validCursor(op.GetCursor()); err != nil {
		return nil, err
	}
	session, p, err := c.personIn(ctx, op.GetSession(), u)
	if err != nil {
		return nil, err
	}
	if !p.Member.In() {
		return nil, &events.Error{Code: events.CodeNotAMember}
	}
	entries, failure := c.gw.ports.View.Members(ctx, session, events.UserID(op.GetCursor()), limit)
	if failure != nil {
		return nil, c.gw.readError(failure)
	}
	page := &clientv1.MembersPage{Session: string(session), Total: p.Head.Members}
	shown := receipts(p.Head.Policy, p.Head.Members)
	for _, e := range entries {
		m := &clientv1.MemberState{User: string(e.User), Role: logv1.Role(e.Member.Role)}
		if n := len(e.Member.Stays); n > 0 {
			m.Joined = uint64(e.Member.Stays[n-1].From)
		}
		if shown || e.User == u {
			m.Marker = uint64(e.Member.Marker)
			if e.Member.Delivered > e.Member.Marker {
				m.Delivered = uint64(e.Member.Delivered)
			}
		}
		m.MutedUntilMs = int64(e.Member.MutedUntil)
		page.Members = append(page.Members, m)
	}
	if op.GetNames() {
		if err := c.gw.addNames(ctx, page); err != nil {
			return nil, err
		}
	}
	if len(entries) == limit {
		page.Next = page.Members[limit-1].User
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Members{Members: page}}, nil
}

// sessions lists the user's sessions, past ones too.
func (c *Conn) sessions(ctx context.Context, u events.UserID, op *clientv1.Sessions) (*clientv1.ServerFrame, *events.Error) {
	ids, next, err := c.sessionIDs(ctx, u, op.GetCursor(), op.GetLimit())
	if err != nil {
		return nil, err
	}
	page := &clientv1.SessionsPage{Next: next}
	for _, id := range ids {
		page.Sessions = append(page.Sessions, string(id))
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Sessions{Sessions: page}}, nil
}

// sessionIDs is a page of the user's sessions and the cursor of the next one.
func (c *Conn) sessionIDs(ctx context.Context, u events.UserID, cursor string, asked uint32) ([]events.SessionID, string, *events.Error) {
	limit, err := pageLimit(asked, defaultPage, protocol.MaxPage)
	if err != nil {
		return nil, "", err
	}
	if err := validCursor(cursor); err != nil {
		return nil, "", err
	}
	ids, failure := c.gw.ports.View.Sessions(ctx, u, events.SessionID(cursor), limit)
	if failure != nil {
		return nil, "", c.gw.readError(failure)
	}
	next := ""
	if len(ids) == limit {
		next = string(ids[limit-1])
	}
	return ids, next, nil
}

func validCursor(cursor string) *events.Error {
	if cursor != "" && !events.ValidName(cursor) {
		return events.Errorf(events.CodeInvalidField, "cursor is not one of ours")
	}
	return nil
}
