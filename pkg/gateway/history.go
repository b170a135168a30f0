package gateway

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
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
	if err := onePlace(op); err != nil {
		return nil, err
	}
	pick, err := pickOf(op.GetFilter())
	if err != nil {
		return nil, err
	}
	session, p, err := c.personIn(ctx, op.GetSession(), u)
	if err != nil {
		return nil, err
	}
	spans := visible(&p)
	if len(spans) == 0 || !p.Member.In() && events.Seq(op.GetAfter()) >= present(spans).last {
		return nil, &events.Error{Code: events.CodeNotAMember}
	}
	// What was read by then is the page: some time is left to read what the user hid of it.
	walking, enough := context.WithTimeout(ctx, c.gw.config.ReadTimeout*3/4)
	defer enough()
	w := newWalk(walking, c.gw, session, u, &p, limit)
	w.pick, w.question = pick, questionOf(session, pick)
	began := c.gw.ports.Now()
	if err := w.from(op); err != nil {
		return nil, err
	}
	c.gw.ports.Metrics.toldPage(w.store(), c.gw.ports.Now().Sub(began))
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

// onePlace refuses a question that begins at several places.
func onePlace(op *clientv1.History) *events.Error {
	n := 0
	for _, given := range []bool{op.GetBefore() > 0, op.After != nil, op.GetAround() > 0, op.GetCursor() != ""} {
		if given {
			n++
		}
	}
	if n > 1 {
		return events.Errorf(events.CodeInvalidField, "before, after, around and cursor exclude each other")
	}
	return nil
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
