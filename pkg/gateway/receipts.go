package gateway

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

// maxCounted is of how many members a gateway counts who has read, page by page.
const maxCounted = 10_000

// receipts tells a member who has read a message. Up to the policy's limit of members it names
// them; above that it counts, and above maxCounted it is LIMIT_REACHED.
func (c *Conn) receipts(ctx context.Context, u events.UserID, op *clientv1.Receipts) (*clientv1.ServerFrame, *events.Error) {
	session, err := sessionOf(op.GetSession())
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(op.GetLimit(), defaultPage, protocol.MaxPage)
	if err != nil {
		return nil, err
	}
	if err := validCursor(op.GetCursor()); err != nil {
		return nil, err
	}
	p, err := c.person(ctx, session, u)
	if err != nil {
		return nil, err
	}
	seq := events.Seq(op.GetSeq())
	switch {
	case !p.Member.In():
		return nil, &events.Error{Code: events.CodeNotAMember}
	case !within(visible(&p))(seq):
		return nil, &events.Error{Code: events.CodeNoSuchMessage, Seq: seq}
	case p.Head.Members > maxCounted:
		return nil, events.Errorf(events.CodeLimitReached, "who has read is told of %d members at most", maxCounted)
	}
	sender, err := c.senderOf(ctx, session, seq)
	if err != nil {
		return nil, err
	}
	page := &clientv1.ReceiptsPage{Session: string(session), Seq: uint64(seq)}
	named := receipts(p.Head.Policy, p.Head.Members)
	for after := events.UserID(""); ; {
		entries, failure := c.gw.ports.View.Members(ctx, session, after, protocol.MaxPage)
		if failure != nil {
			return nil, c.gw.readError(failure)
		}
		for i := range entries {
			if e := &entries[i]; e.User != sender && within(visible(&hot.Person{Head: p.Head, Member: e.Member}))(seq) {
				addReceipt(page, e, seq, named && e.User > events.UserID(op.GetCursor()), limit)
			}
		}
		if len(entries) < protocol.MaxPage {
			return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Receipts{Receipts: page}}, nil
		}
		after = entries[len(entries)-1].User
	}
}

// addReceipt counts a member, and names them if the page has room.
func addReceipt(page *clientv1.ReceiptsPage, e *hot.MemberEntry, seq events.Seq, named bool, limit int) {
	r := &clientv1.Receipt{User: string(e.User), Read: e.Member.Marker >= seq}
	r.Delivered = r.Read || e.Member.Delivered >= seq
	page.Total++
	if r.Read {
		page.Read++
	}
	if r.Delivered {
		page.Delivered++
	}
	switch {
	case !named:
	case len(page.Receipts) < limit:
		page.Receipts = append(page.Receipts, r)
	default:
		page.Next = page.Receipts[limit-1].User
	}
}

// senderOf is who sent a message of the window. Errors are NO_SUCH_MESSAGE and those of reading.
func (c *Conn) senderOf(ctx context.Context, session events.SessionID, seq events.Seq) (events.UserID, *events.Error) {
	items, err := c.gw.ports.View.Forward(ctx, session, seq, seq, 1)
	if err != nil {
		return "", c.gw.readError(err)
	}
	if len(items) > 0 {
		o, _ := c.gw.itemEvent(session, items[0])
		if a, ok := o.Result.(events.Accepted); ok {
			if _, message := a.Event.(events.Sent); message {
				return o.Actor.User, nil
			}
		}
	}
	return "", events.Errorf(events.CodeNoSuchMessage, "no message at hand has the seq %d", seq)
}
