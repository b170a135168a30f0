package gateway

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

const (
	// changesScan is how many events are looked through for a page of changes at most.
	changesScan = 1024
	// changesPage is how many changes a page has at most.
	changesPage = 200
)

// changes tells what became of the messages that the client has: what it has to take off the
// screen at once, however much else it has missed. Errors are those of reading.
func (c *Conn) changes(ctx context.Context, u events.UserID, op *clientv1.Changes) (*clientv1.ServerFrame, *events.Error) {
	session, p, err := c.personIn(ctx, op.GetSession(), u)
	if err != nil {
		return nil, err
	}
	spans := visible(&p)
	if len(spans) == 0 {
		return nil, &events.Error{Code: events.CodeNotAMember}
	}
	l := &look{
		gw: c.gw, ctx: ctx, session: session, after: events.Seq(op.GetAfter()), sees: within(spans),
		page: &clientv1.ChangesPage{Session: string(session)},
	}
	last := present(spans).last
	to := max(l.after, events.Seq(op.GetFrom()))
	for to < last && !l.done() {
		to = l.up(to, last)
	}
	l.page.To, l.page.More = uint64(min(to, last)), to < last && !l.page.WindowEnd
	if l.err != nil {
		return nil, c.gw.readError(l.err)
	}
	hides, failure := c.gw.hiddenOf(ctx, u, session, l.page.GetEvents())
	if failure != nil {
		return nil, c.gw.readError(failure)
	}
	for _, e := range l.page.GetEvents() {
		hide(e, hides)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Changes{Changes: l.page}}, nil
}

// look looks through the window for changes of messages up to after.
type look struct {
	gw      *Gateway
	ctx     context.Context
	session events.SessionID
	after   events.Seq
	sees    func(events.Seq) bool
	page    *clientv1.ChangesPage
	scanned int
	bytes   int
	err     error
}

// done says whether the page ends here.
func (l *look) done() bool {
	return l.err != nil || l.page.WindowEnd || l.scanned >= changesScan || len(l.page.Events) >= changesPage || l.bytes >= maxPageBytes
}

// up looks at one read's events above to, and gives the seq of the last.
func (l *look) up(to, last events.Seq) events.Seq {
	items, err := l.gw.ports.View.Forward(l.ctx, l.session, to+1, last, min(windowPage, changesScan-l.scanned))
	l.err = err
	if err == nil && (len(items) == 0 || items[0].Seq != to+1) {
		l.page.WindowEnd = true
	}
	for _, item := range items {
		if l.done() || item.Seq != to+1 {
			break
		}
		l.add(item)
		to++
	}
	return to
}

// add takes an event that holds still: not an override of what was overridden since, revoked or
// deleted.
func (l *look) add(item hot.Item) {
	l.scanned++
	_, e := l.gw.itemEvent(l.session, item)
	target := events.Seq(0)
	switch m := e.GetEvent().(type) {
	case *clientv1.Event_Revoked:
		target = events.Seq(m.Revoked.GetTarget())
	case *clientv1.Event_Deleted:
		target = events.Seq(m.Deleted.GetTarget())
	case *clientv1.Event_Overridden:
		if item.State.Overridden == item.Seq && !hidden(item.State) {
			target = events.Seq(m.Overridden.GetTarget())
		}
	}
	if target == 0 || target > l.after || !l.sees(target) {
		return
	}
	if !l.sees(item.Seq) {
		e = unseen(e)
	}
	l.page.Events = append(l.page.Events, e)
	l.bytes += len(item.Value) + len(e.GetOverridden().GetText())
}

// unseen is a change that happened while the user was out, as the message itself shows it in a
// page: that it is so, and nothing of who did it or what it says since.
func unseen(e *clientv1.Event) *clientv1.Event {
	bare := &clientv1.Event{Session: e.GetSession(), Seq: e.GetSeq()}
	switch m := e.GetEvent().(type) {
	case *clientv1.Event_Revoked:
		bare.Event = m
	case *clientv1.Event_Deleted:
		bare.Event = &clientv1.Event_Deleted{Deleted: &clientv1.Deleted{Target: m.Deleted.GetTarget(), TargetIndex: m.Deleted.GetTargetIndex()}}
	case *clientv1.Event_Overridden:
		over := &clientv1.Overridden{Target: m.Overridden.GetTarget(), TargetIndex: m.Overridden.GetTargetIndex()}
		bare.Event = &clientv1.Event_Overridden{Overridden: over}
	}
	return bare
}
