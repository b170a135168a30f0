package scenario

import (
	"context"
	"fmt"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// timeline is a device's copy of a session.
type timeline struct {
	session string
	events  []*clientv1.Event
	// last is the seq up to which it has all it may see.
	last uint64
	// live: subscribed; filling: what comes live waits until history is read, up to fillTo.
	live, filling bool
	fillTo        uint64
	waiting       []*clientv1.Event
}

func (t *timeline) disconnected() { t.live, t.filling, t.waiting = false, false, nil }

// event takes what came live. It says what is wrong with it.
func (t *timeline) event(e *clientv1.Event) string {
	switch {
	case e.GetSeq() == 0: // markers and the like
		return ""
	case t.filling:
		t.waiting = append(t.waiting, e)
		return ""
	}
	return t.keep(e)
}

// keep takes the next event.
func (t *timeline) keep(e *clientv1.Event) string {
	problem := ""
	if e.GetSeq() <= t.last {
		problem = fmt.Sprintf("%d came after %d", e.GetSeq(), t.last)
	}
	t.events = append(t.events, e)
	t.last = max(t.last, e.GetSeq())
	return problem
}

// keepUp keeps the device's copies up as long as the connection lasts: it reads the list of
// sessions whenever that changes, subscribes to those that the user is in, reads what is missing,
// and says something now and then.
func (d *device) keepUp(l *link) {
	ctx, cancel := context.WithCancel(d.way.ctx)
	defer cancel()
	d.way.busy.Go(func() {
		select {
		case <-l.over:
			cancel()
		case <-ctx.Done():
		}
	})
	l.wake()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-l.changed:
			if d.look(ctx, l) != nil && wait(ctx, backoff) == nil {
				d.mu.Lock()
				l.resync()
				d.mu.Unlock()
			}
		case <-beat.C:
			d.mu.Lock()
			d.ids++
			l.Say(&clientv1.ClientFrame{Id: fmt.Sprint(d.ids), Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}})
			d.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// on does something to what the device has, by what it heard on the link, unless that is over: what
// came of an old connection must not meddle with what the next one has begun.
func (d *device) on(l *link, do func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != l {
		return errNoAnswer
	}
	do()
	return nil
}

// ask sends a question on the link; the error is that of an error frame too.
func (d *device) ask(ctx context.Context, l *link, m *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	if d.connection() != l {
		return nil, errNoAnswer
	}
	reply, err := d.request(ctx, m, "", func() {})
	if err == nil && reply.GetError() != nil {
		err = &events.Error{Code: events.Code(reply.GetError().GetCode())}
	}
	return reply, err
}

// look looks at the sessions that changed.
func (d *device) look(ctx context.Context, l *link) error {
	d.mu.Lock()
	news, all := l.news, l.all
	l.news, l.all = nil, false
	d.mu.Unlock()
	if all {
		return d.syncAll(ctx, l)
	}
	for _, s := range news {
		if err := d.catchUp(ctx, l, s); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) syncAll(ctx context.Context, l *link) error {
	op := &clientv1.Sync{Limit: 200}
	for {
		m, err := d.ask(ctx, l, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: op}})
		if err != nil {
			return err
		}
		for _, s := range m.GetSync().GetSessions() {
			if err := d.catchUp(ctx, l, s); err != nil {
				return err
			}
		}
		if op.Cursor = m.GetSync().GetNext(); op.Cursor == "" {
			return nil
		}
	}
}

// catchUp subscribes to a session that the user is in, and reads what is missing of it.
func (d *device) catchUp(ctx context.Context, l *link, s *clientv1.SessionState) error {
	var t *timeline
	var last uint64
	var live, filling bool
	if err := d.on(l, func() {
		if t = d.copies[s.GetSession()]; t == nil {
			t = &timeline{session: s.GetSession()}
			d.copies[t.session] = t
		}
		last, live, filling = t.last, t.live, t.filling
		if !live {
			t.filling, t.fillTo = true, s.GetSeq()
		}
	}); err != nil || live && !filling {
		return err
	}
	if s.GetMember() && !live {
		m, err := d.ask(ctx, l, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Subscribe{Subscribe: &clientv1.Subscribe{Session: t.session, After: &last}}})
		if err == nil {
			err = d.on(l, func() { t.live, t.fillTo = true, m.GetSubscribed().GetFrom() })
		}
		if err != nil {
			return err
		}
	}
	if err := d.fill(ctx, l, t); err != nil {
		return err // what comes live goes on waiting, until the next look fills it
	}
	return d.on(l, func() {
		waiting := t.waiting
		t.filling, t.waiting = false, nil
		for _, e := range waiting {
			d.wrong(t.keep(e))
		}
	})
}

// fill reads history up to fillTo.
func (d *device) fill(ctx context.Context, l *link, t *timeline) error {
	for {
		var after, to uint64
		if err := d.on(l, func() { after, to = t.last, t.fillTo }); err != nil || after >= to {
			return err
		}
		m, err := d.ask(ctx, l, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{Session: t.session, After: &after, Limit: 200}}})
		if err != nil {
			return err
		}
		page, reached := m.GetHistory(), after
		if err := d.on(l, func() {
			for _, e := range page.GetEvents() {
				if e.GetSeq() <= to {
					d.wrong(t.keep(e))
				}
				reached = max(reached, e.GetSeq())
			}
			for _, hidden := range page.GetHidden() {
				reached = max(reached, hidden.GetLast())
			}
			if !page.GetMore() || reached == after {
				reached = max(reached, to)
			}
			t.last = max(t.last, min(reached, to))
		}); err != nil {
			return err
		}
	}
}
