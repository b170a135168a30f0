package gateway

import (
	"context"
	"errors"
	"math"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

// maxLookedThrough is through how many members a gateway looks for a page of names. Most may see a
// message; where so many may not, the page is a short one.
const maxLookedThrough = 10 * protocol.MaxPage

// receipts tells a member who has read a message. Up to the policy's limit of members it names
// them; above that it only counts.
func (c *Conn) receipts(ctx context.Context, u events.UserID, op *clientv1.Receipts) (*clientv1.ServerFrame, *events.Error) {
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
	seq := events.Seq(op.GetSeq())
	switch {
	case !p.Member.In():
		return nil, &events.Error{Code: events.CodeNotAMember}
	case !within(visible(&p))(seq):
		return nil, &events.Error{Code: events.CodeNoSuchMessage, Seq: seq}
	}
	sender, err := c.senderOf(ctx, session, seq)
	if err != nil {
		return nil, err
	}
	w := &witnesses{head: &p.Head, seq: seq, sender: sender, limit: limit, cursor: events.UserID(op.GetCursor())}
	w.named = receipts(p.Head.Policy, p.Head.Members)
	w.page = &clientv1.ReceiptsPage{Session: string(session), Seq: uint64(seq)}
	failure := c.gw.witness(ctx, w)
	switch {
	case errors.Is(failure, hot.ErrBelow):
		return nil, noMessage(seq)
	case failure != nil:
		return nil, c.gw.readError(failure)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Receipts{Receipts: w.page}}, nil
}

// witnesses are those who may see a message, on their way into a page.
type witnesses struct {
	page   *clientv1.ReceiptsPage
	head   *hot.Head
	seq    events.Seq
	sender events.UserID
	// named: after the cursor up to limit are named.
	named  bool
	cursor events.UserID
	limit  int
	// counted: the tally is whole from the beginning; else it counts whom add is given.
	counted bool
	tally   hot.Tally
}

// witness fills a page: the numbers from the view's tally, or by looking at each of the few of
// whom none is kept.
func (g *Gateway) witness(ctx context.Context, w *witnesses) (err error) {
	w.tally, err = g.ports.View.Tally(ctx, w.head.Session, w.seq, w.sender)
	w.counted = err == nil
	switch {
	case errors.Is(err, hot.ErrNoTally):
		err = g.lookThrough(ctx, w, "", math.MaxInt)
	case err == nil && w.named:
		err = g.lookThrough(ctx, w, w.cursor, maxLookedThrough)
	}
	w.page.Total, w.page.Read, w.page.Delivered = w.tally.Total, w.tally.Read, w.tally.Delivered
	return err
}

// lookThrough adds the members after a user, until there are no more, or enough were looked at.
func (g *Gateway) lookThrough(ctx context.Context, w *witnesses, after events.UserID, most int) error {
	for looked := 0; looked < most; looked += protocol.MaxPage {
		entries, err := g.ports.View.Members(ctx, w.head.Session, after, protocol.MaxPage)
		if err != nil {
			return err
		}
		for i := range entries {
			w.add(&entries[i])
		}
		if len(entries) < protocol.MaxPage || w.counted && w.page.Next != "" {
			return nil
		}
		after = entries[len(entries)-1].User
	}
	w.page.Next = string(after)
	return nil
}

// add counts a member who may see the message, and names them if the page has room.
func (w *witnesses) add(e *hot.MemberEntry) {
	if e.User == w.sender || !within(visible(&hot.Person{Head: *w.head, Member: e.Member}))(w.seq) {
		return
	}
	if !w.counted {
		w.tally.Add(&e.Member, w.head.Policy.History, w.seq)
	}
	switch {
	case !w.named || e.User <= w.cursor:
	case len(w.page.Receipts) < w.limit:
		r := &clientv1.Receipt{User: string(e.User), Read: e.Member.Marker >= w.seq}
		r.Delivered = r.Read || e.Member.Delivered >= w.seq
		w.page.Receipts = append(w.page.Receipts, r)
	default:
		w.page.Next = w.page.Receipts[w.limit-1].User
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
	return "", noMessage(seq)
}

func noMessage(seq events.Seq) *events.Error {
	return events.Errorf(events.CodeNoSuchMessage, "no message at hand has the seq %d", seq)
}
