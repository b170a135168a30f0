package gateway

import (
	"context"
	"errors"
	"slices"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// maxReads is how many reads a page takes at most. What they find is the page, with a cursor to go on: a filter that matches
// seldom, or events that nobody shows, never hold it up.
const maxReads = 10

// walk fills a page: down or up through the spans that a person may see, from the window or, below it, from the archive.
type walk struct {
	gw       *Gateway
	ctx      context.Context
	session  events.SessionID
	user     events.UserID
	in       bool
	spans    []span
	sees     func(events.Seq) bool
	mayAdd   bool
	head     events.Seq
	pick     *archive.Pick
	question question
	// window is the first seq that the window is known to have.
	window events.Seq
	past   *archived
	limit  int
	// reads are left.
	reads int
	bytes int
	// ends: there is no archive, or it keeps nothing of what is further that way.
	ends bool
	page *clientv1.HistoryPage
	err  error
}

func newWalk(ctx context.Context, g *Gateway, s events.SessionID, u events.UserID, p *hot.Person, limit int) *walk {
	spans := visible(p)
	w := &walk{
		gw: g, ctx: ctx, session: s, user: u, in: p.Member.In(), spans: spans, sees: within(spans), mayAdd: p.Member.Role >= p.Head.Policy.AddRole,
		head: p.Head.Seq, window: p.Head.WindowStart, limit: limit, reads: maxReads, page: &clientv1.HistoryPage{Session: string(s)},
	}
	if g.cold != nil {
		w.past = &archived{cold: g.cold, view: g.ports.View, session: s, user: u}
	}
	return w
}

// store names where most of the page came from, for metrics.
func (w *walk) store() string {
	if w.past != nil && w.past.reach > 0 {
		return "cold"
	}
	return "hot"
}

// from walks from the place that is asked for. Errors are INVALID_CURSOR and NO_SUCH_MESSAGE; w.err has those of reading.
func (w *walk) from(op *clientv1.History) *events.Error {
	last := present(w.spans).last
	switch {
	case op.GetCursor() != "":
		p, err := w.question.place(op.GetCursor())
		if err != nil {
			return err
		}
		if p.down {
			w.backward(min(p.seq, last))
		} else {
			w.forward(min(p.seq, last+1))
		}
	case op.GetAround() > 0:
		seq := events.Seq(op.GetAround())
		if seq > last || !w.sees(seq) {
			return events.Errorf(events.CodeNoSuchMessage, "around is no event that one may see")
		}
		w.around(seq)
	case op.After != nil:
		// After the head there is nothing, however far after.
		w.forward(min(events.Seq(op.GetAfter()), w.head) + 1)
	case op.GetBefore() > 0:
		w.backward(min(last, events.Seq(op.GetBefore())-1))
	default:
		w.backward(last)
	}
	return nil
}

// around has the event and what is older in one half of the page, and what is newer in the other.
func (w *walk) around(seq events.Seq) {
	limit := w.limit
	w.limit, w.reads = limit-limit/2, maxReads/2
	w.backward(seq)
	if w.err != nil {
		return
	}
	older, more := w.page.GetOlder(), w.page.GetMore()
	w.limit, w.reads, w.ends = limit, w.reads+maxReads/2, false
	w.forward(seq + 1)
	w.page.Older, w.page.More = older, more || w.page.GetMore()
}

// done says whether the page ends here.
func (w *walk) done() bool {
	return w.err != nil || w.ends || w.reads == 0 || len(w.page.Events) >= w.limit || w.bytes >= maxPageBytes
}

// backward goes down from to, span by span.
func (w *walk) backward(to events.Seq) {
	began := to
	for i := len(w.spans) - 1; i >= 0 && !w.done(); i-- {
		s := w.spans[i]
		if s.first > to {
			continue
		}
		if s.last < to {
			w.hide(s.last+1, to)
			to = s.last
		}
		for to >= s.first && !w.done() {
			to = w.look(to, s.first, true)
		}
	}
	slices.Reverse(w.page.Events)
	slices.Reverse(w.page.Hidden)
	w.forgive(to != began)
	w.conclude(to, began+1)
	w.page.More = to >= w.spans[0].first
}

// forward goes up from from, span by span.
func (w *walk) forward(from events.Seq) {
	began := from
	for i := 0; i < len(w.spans) && !w.done(); i++ {
		s := w.spans[i]
		if s.last < from {
			continue
		}
		if from < s.first {
			w.hide(from, s.first-1)
			from = s.first
		}
		for from <= s.last && !w.done() {
			from = w.look(from, s.last, false)
		}
	}
	w.forgive(from != began)
	w.conclude(began-1, from)
	if w.page.More = from <= present(w.spans).last; w.ends {
		w.page.Newer = "" // it would lead to the same place again
	}
}

// conclude names where to go on: older and newer are the next seqs either way.
func (w *walk) conclude(older, newer events.Seq) {
	if older >= w.spans[0].first && !w.ends {
		w.page.Older = w.question.cursor(place{older, true})
	}
	if newer <= present(w.spans).last {
		w.page.Newer = w.question.cursor(place{newer, false})
	}
	w.page.WindowEnd = w.page.WindowEnd || w.ends
}

// forgive makes of a failure of the archive's the end of a page that got somewhere before: whoever goes on meets it again.
func (w *walk) forgive(moved bool) {
	if moved && (w.ctx.Err() != nil || errors.Is(w.err, errColdAway) || errors.Is(w.err, errColdBusy) || errors.Is(w.err, errColdBehind)) {
		w.err = nil
	}
}

func (w *walk) hide(first, last events.Seq) {
	w.page.Hidden = append(w.page.Hidden, &clientv1.Range{First: uint64(first), Last: uint64(last)})
}

// look reads once, from at up or down to end, adds what it finds, and gives the seq to go on with.
func (w *walk) look(at, end events.Seq, down bool) events.Seq {
	w.reads--
	if at >= w.window || w.past == nil {
		return w.lookHot(at, end, down)
	}
	if !down {
		end = min(end, w.window-1)
	}
	next, err := w.lookCold(at, end, down)
	w.err = err
	return next
}

// step is the next seq.
func step(at events.Seq, down bool) events.Seq {
	if down {
		return at - 1
	}
	return at + 1
}

// room is how many events one read takes.
func (w *walk) room() int {
	if w.pick != nil {
		return windowPage
	}
	return min(windowPage, w.limit-len(w.page.Events))
}

func (w *walk) lookHot(at, end events.Seq, down bool) events.Seq {
	var items []hot.Item
	if down {
		items, w.err = w.gw.ports.View.Backward(w.ctx, w.session, end, at, w.room(), w.user)
	} else {
		items, w.err = w.gw.ports.View.Forward(w.ctx, w.session, at, end, w.room(), w.user)
	}
	if w.err != nil {
		return at
	}
	if len(items) == 0 || items[0].Seq != at {
		// The window begins further up than it did.
		w.ends, w.window = w.past == nil, at+windowPage
		return at
	}
	return w.addDense(items, at, down)
}

// addDense adds events that follow each other, and gives the seq after them.
func (w *walk) addDense(items []hot.Item, at events.Seq, down bool) events.Seq {
	for _, item := range items {
		if len(w.page.Events) >= w.limit || w.bytes >= maxPageBytes || item.Seq != at {
			break
		}
		w.add(item)
		at = step(at, down)
	}
	return at
}

func (w *walk) lookCold(at, end events.Seq, down bool) (events.Seq, error) {
	err := w.past.begin(w.ctx, w.head, at)
	switch {
	case errors.Is(err, errColdBehind) && w.past.reach < at:
		return w.lookMissing(at, down) // all of it may be too old to be kept
	case err != nil:
		return at, err
	}
	span := archive.Span{First: at, Last: min(end, w.past.reach), Limit: w.room(), Pick: w.pick}
	if down {
		span = archive.Span{First: end, Last: at, Limit: w.room(), Down: true, Pick: w.pick}
	}
	items, err := w.past.items(w.ctx, span)
	switch {
	case err != nil:
		return at, err
	case w.pick != nil:
		return w.addPicked(items, span)
	case (len(items) == 0 || items[0].Seq != at) && !w.past.fresh:
		return at, w.past.refresh(w.ctx, w.head)
	case len(items) == 0 || items[0].Seq != at:
		return w.lookMissing(at, down)
	}
	return w.addDense(items, at, down), nil
}

// addPicked adds events of a span that has no others, and gives the seq that is next.
func (w *walk) addPicked(items []hot.Item, span archive.Span) (events.Seq, error) {
	for _, item := range items {
		if item.Value != nil {
			w.add(item)
		} else if _, err := w.lookMissing(item.Seq, span.Down); err != nil || w.ends {
			return item.Seq, err
		}
		if len(w.page.Events) >= w.limit || w.bytes >= maxPageBytes {
			return step(item.Seq, span.Down), nil
		}
	}
	switch {
	case len(items) == span.Limit:
		return step(items[len(items)-1].Seq, span.Down), nil
	case span.Down:
		return span.First - 1, nil
	}
	return span.Last + 1, nil
}

// lookMissing is about an event that the archive should have.
func (w *walk) lookMissing(at events.Seq, down bool) (events.Seq, error) {
	why, err := w.past.cold.missing(w.ctx, w.session, at)
	switch {
	case err != nil:
		return at, err
	case why == archive.MissingDropped:
		w.ends = true
		return at, nil
	case why == archive.MissingUnreadable:
		w.add(hot.Item{Seq: at}) // by its seq alone, as the window shows what it cannot read
		return step(at, down), nil
	}
	return at, errColdBehind
}

func (w *walk) add(item hot.Item) {
	o, e := w.gw.itemEvent(w.session, item)
	if !picks(w.pick, o, &item) {
		return
	}
	withhold(e, w.sees, w.mayAdd)
	if !w.in {
		withoutReactions(e.GetSent())
	}
	w.page.Events = append(w.page.Events, e)
	w.bytes += len(item.Value) + len(e.GetSent().GetText()) + reactionBytes*len(e.GetSent().GetReactions())
}
