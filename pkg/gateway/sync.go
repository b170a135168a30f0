package gateway

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

const (
	// syncAtOnce is how many sessions of one sync are read at a time.
	syncAtOnce = 8
	// previewScan is how many events are looked through for a preview at most.
	previewScan = 512
	// previewFirst is how many the first read takes: the newest mostly is one.
	previewFirst = 4
)

// sync gives a page of the user's sessions as they now stand for the user.
func (c *Conn) sync(ctx context.Context, u events.UserID, op *clientv1.Sync) (*clientv1.ServerFrame, *events.Error) {
	limit, refusal := pageLimit(op.GetLimit(), defaultPage, protocol.MaxPage)
	if refusal != nil {
		return nil, refusal
	}
	settings, refusal := c.settings(ctx, u)
	if refusal != nil {
		return nil, refusal
	}
	o, refusal := c.orderOf(ctx, u, op.GetCursor())
	if refusal != nil {
		return nil, refusal
	}
	page := &clientv1.SyncPage{}
	given, err := c.fillSync(ctx, u, page, o.rest[:min(limit, len(o.rest))], &settings)
	if err == nil && op.GetNames() {
		err = c.gw.addPeers(ctx, u, page)
	}
	if err != nil {
		if op.GetCursor() != "" {
			c.keep(o, 0) // the same cursor goes on
		}
		return nil, c.gw.readError(err)
	}
	page.Next = c.keep(o, given)
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Sync{Sync: page}}, nil
}

func (c *Conn) orderOf(ctx context.Context, u events.UserID, cursor string) (*order, *events.Error) {
	if cursor == "" {
		return c.begin(ctx, u)
	}
	return c.resume(u, cursor)
}

// fillSync adds sessions to a page, until it is full, and says of how many it is.
func (c *Conn) fillSync(ctx context.Context, u events.UserID, page *clientv1.SyncPage, ids []events.SessionID, own *hot.Facts) (int, error) {
	size := 0
	for at := 0; at < len(ids); at += syncAtOnce {
		some := ids[at:min(at+syncAtOnce, len(ids))]
		states, err := c.states(ctx, u, some, own.Hides)
		if err != nil {
			return 0, err
		}
		for i, s := range states {
			if s == nil {
				continue
			}
			s.Settings = clientSettingsOf(own.Settings[events.SessionID(s.GetSession())])
			page.Sessions = append(page.Sessions, s)
			if size += len(s.GetPreview().GetSent().GetText()); size >= maxPageBytes {
				return at + i + 1, nil
			}
		}
	}
	return len(ids), nil
}

func (c *Conn) states(ctx context.Context, u events.UserID, ids []events.SessionID, hides map[events.SessionID]bool) ([]*clientv1.SessionState, error) {
	states := make([]*clientv1.SessionState, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() error {
			s, err := c.gw.state(ctx, id, u, hides[id])
			states[i] = s
			return err
		})
	}
	return states, group.Wait()
}

// listedWaits are how long a listed session is waited for that is not there. Lists are written a moment before sessions: the
// first sync of a new user would mostly meet its own session in between.
var listedWaits = []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 75 * time.Millisecond}

// listed reads a person's part in a session that the user's list has. One that is not there for long is of a view that is
// not whole: hot.ErrRebuilding, never hot.ErrNoSession.
func (g *Gateway) listed(ctx context.Context, id events.SessionID, u events.UserID, hides bool) (hot.Person, error) {
	for _, wait := range listedWaits {
		p, err := hot.PersonOf(ctx, g.ports.View, id, u, hides)
		if !errors.Is(err, hot.ErrNoSession) {
			return p, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return hot.Person{}, ctx.Err()
		}
	}
	p, err := hot.PersonOf(ctx, g.ports.View, id, u, hides)
	if errors.Is(err, hot.ErrNoSession) {
		err = hot.ErrRebuilding
	}
	return p, err
}

// state is a listed session as it stands for a user; for a former member as it stood when
// they went, and nil for whoever comes in only now.
func (g *Gateway) state(ctx context.Context, id events.SessionID, u events.UserID, hides bool) (*clientv1.SessionState, error) {
	p, err := g.listed(ctx, id, u, hides)
	if err != nil {
		return nil, err
	}
	if len(p.Member.Stays) == 0 {
		return nil, nil
	}
	s := &clientv1.SessionState{
		Session: string(id), Kind: logv1.Kind(p.Head.Kind), Name: p.Head.Title, Seq: uint64(p.Head.Seq), Index: uint64(p.Head.Index),
		Marker: uint64(p.Member.Marker), Unread: p.Unread, Role: logv1.Role(p.Member.Role), Members: p.Head.Members,
		Member: p.Member.In(), Closed: p.Head.Closed, Contact: logv1.ContactState(p.Head.Contact), ContactBy: string(p.Head.ContactBy),
		MutedUntilMs: int64(mutedUntil(&p)), Mentions: p.Mentions, LastTimeMs: int64(p.Head.Time),
	}
	if n := len(p.Member.Stays); !s.Member && n > 0 {
		last := p.Member.Stays[n-1]
		s.Seq, s.Index, s.Members, s.LastTimeMs = uint64(last.To), uint64(last.ToIndex), 0, 0
	}
	s.Preview, err = g.preview(ctx, &p, u, hides)
	if errors.Is(err, hot.ErrNoSession) {
		err = hot.ErrRebuilding // it was there just now
	}
	return s, err
}

// preview is the newest message that the person may see and that still has a text;
// nil when there is none among the newest previewScan events of the window. It is none that the
// user hides, if they hide any.
func (g *Gateway) preview(ctx context.Context, p *hot.Person, u events.UserID, hides bool) (*clientv1.Event, error) {
	spans, left, n := visible(p), previewScan, previewFirst
	for i := len(spans) - 1; i >= 0; i-- {
		for to := spans[i].last; to >= spans[i].first && left > 0; {
			items, err := g.ports.View.Backward(ctx, p.Head.Session, spans[i].first, to, min(n, left), u)
			if err != nil {
				return nil, err
			}
			if len(items) == 0 {
				break
			}
			to = items[len(items)-1].Seq - 1
			e, err := g.firstText(ctx, p.Head.Session, items, within(spans), u, hides)
			if e != nil && !p.Member.In() {
				withoutReactions(e.GetSent())
			}
			if e != nil || err != nil {
				return e, err
			}
			left -= len(items)
			n = min(4*n, windowPage)
		}
	}
	return nil, nil
}

// firstText is the first of the items that is a message with a text that the person may see, and has not hidden.
func (g *Gateway) firstText(
	ctx context.Context, s events.SessionID, items []hot.Item, sees func(events.Seq) bool, u events.UserID, hides bool,
) (*clientv1.Event, error) {
	for _, item := range items {
		e := g.textOf(s, item, sees)
		switch {
		case e == nil:
			continue
		case !hides:
			return e, nil
		}
		hidden, err := g.hiddenOf(ctx, u, s, []*clientv1.Event{e})
		if err != nil {
			return nil, err
		}
		if !hidden(events.Index(e.GetSent().GetIndex())) {
			return e, nil
		}
	}
	return nil, nil
}

// textOf is the event if it is a message with a text that the person may see.
func (g *Gateway) textOf(s events.SessionID, item hot.Item, sees func(events.Seq) bool) *clientv1.Event {
	if hidden(item.State) {
		return nil
	}
	_, e := g.itemEvent(s, item)
	withhold(e, sees, false)
	if m := e.GetSent(); m.GetText() == "" && m.GetContent() == nil {
		return nil
	}
	return e
}
