package gateway

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

const (
	defaultHistory = 50
	// maxPageBytes is where a page ends whatever its limit, in stored bytes; it has
	// one event at least.
	maxPageBytes = 256 << 10
	// reactionBytes is about what a reaction takes of that.
	reactionBytes = 32
)

// history gives a page of the timeline as far as the user may see it.
func (c *Conn) history(ctx context.Context, u events.UserID, op *clientv1.History) (*clientv1.ServerFrame, *events.Error) {
	limit, err := pageLimit(op.GetLimit(), defaultHistory, protocol.MaxHistory)
	if err != nil {
		return nil, err
	}
	if op.GetBefore() > 0 && op.After != nil {
		return nil, events.Errorf(events.CodeInvalidField, "before and after exclude each other")
	}
	session, p, err := c.personIn(ctx, op.GetSession(), u)
	if err != nil {
		return nil, err
	}
	spans := visible(&p)
	if len(spans) == 0 || !p.Member.In() && events.Seq(op.GetAfter()) >= present(spans).last {
		return nil, &events.Error{Code: events.CodeNotAMember}
	}
	w := &walk{
		gw: c.gw, ctx: ctx, session: session, user: u, in: p.Member.In(), sees: within(spans), mayAdd: p.Member.Role >= p.Head.Policy.AddRole, limit: limit,
		page: &clientv1.HistoryPage{Session: string(session)},
	}
	if op.After != nil {
		// After the head there is nothing, however far after.
		w.forward(spans, min(events.Seq(op.GetAfter()), p.Head.Seq)+1)
	} else {
		to := present(spans).last
		if before := events.Seq(op.GetBefore()); before > 0 {
			to = min(to, before-1)
		}
		w.backward(spans, to)
	}
	if w.err != nil {
		return nil, c.gw.readError(w.err)
	}
	hides, failure := c.gw.hiddenOf(ctx, u, session, w.page.GetEvents())
	if failure != nil {
		return nil, c.gw.readError(failure)
	}
	for _, e := range w.page.GetEvents() {
		hide(e, hides)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_History{History: w.page}}, nil
}

// walk fills a page.
type walk struct {
	gw      *Gateway
	ctx     context.Context
	session events.SessionID
	user    events.UserID
	in      bool
	sees    func(events.Seq) bool
	mayAdd  bool
	limit   int
	bytes   int
	page    *clientv1.HistoryPage
	err     error
}

// done says whether the page ends here.
func (w *walk) done() bool {
	return w.err != nil || w.page.WindowEnd || len(w.page.Events) >= w.limit || w.bytes >= maxPageBytes
}

func (w *walk) add(item hot.Item) {
	_, e := w.gw.itemEvent(w.session, item)
	withhold(e, w.sees, w.mayAdd)
	if !w.in {
		withoutReactions(e.GetSent())
	}
	w.page.Events = append(w.page.Events, e)
	w.bytes += len(item.Value) + len(e.GetSent().GetText()) + reactionBytes*len(e.GetSent().GetReactions())
}

func (w *walk) hide(first, last events.Seq) {
	w.page.Hidden = append(w.page.Hidden, &clientv1.Range{First: uint64(first), Last: uint64(last)})
}

// backward goes down from to, span by span.
func (w *walk) backward(spans []span, to events.Seq) {
	for i := len(spans) - 1; i >= 0 && !w.done(); i-- {
		s := spans[i]
		if s.first > to {
			continue
		}
		if s.last < to {
			w.hide(s.last+1, to)
			to = s.last
		}
		for to >= s.first && !w.done() {
			to = w.down(s.first, to)
		}
	}
	w.page.More = to >= spans[0].first
	for i, j := 0, len(w.page.Events)-1; i < j; i, j = i+1, j-1 {
		w.page.Events[i], w.page.Events[j] = w.page.Events[j], w.page.Events[i]
	}
	for i, j := 0, len(w.page.Hidden)-1; i < j; i, j = i+1, j-1 {
		w.page.Hidden[i], w.page.Hidden[j] = w.page.Hidden[j], w.page.Hidden[i]
	}
}

// down adds one read's events from to down to first, and gives the seq below them.
func (w *walk) down(first, to events.Seq) events.Seq {
	items, err := w.gw.ports.View.Backward(w.ctx, w.session, first, to, min(windowPage, w.limit-len(w.page.Events)), w.user)
	w.err = err
	if err == nil && (len(items) == 0 || items[0].Seq != to) {
		w.page.WindowEnd = true
	}
	for _, item := range items {
		if w.done() || item.Seq != to {
			break
		}
		w.add(item)
		to--
	}
	return to
}

// forward goes up from from, span by span.
func (w *walk) forward(spans []span, from events.Seq) {
	for i := 0; i < len(spans) && !w.done(); i++ {
		s := spans[i]
		if s.last < from {
			continue
		}
		if from < s.first {
			w.hide(from, s.first-1)
			from = s.first
		}
		for from <= s.last && !w.done() {
			from = w.up(from, s.last)
		}
	}
	w.page.More = from <= present(spans).last
}

// up adds one read's events from from up to last, and gives the seq above them.
func (w *walk) up(from, last events.Seq) events.Seq {
	items, err := w.gw.ports.View.Forward(w.ctx, w.session, from, last, min(windowPage, w.limit-len(w.page.Events)), w.user)
	w.err = err
	if err == nil && (len(items) == 0 || items[0].Seq != from) {
		w.page.WindowEnd = true
	}
	for _, item := range items {
		if w.done() || item.Seq != from {
			break
		}
		w.add(item)
		from++
	}
	return from
}

// pageLimit is a page's length: its default when 0, and an error above most.
func pageLimit(asked uint32, standard, most int) (int, *events.Error) {
	switch {
	case asked == 0:
		return standard, nil
	case asked > uint32(most):
		return 0, events.Errorf(events.CodeInvalidField, "limit is over %d", most)
	}
	return int(asked), nil
}
