package load

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/chaos/check"
)

const (
	// pageEvents is a page of history as asked for.
	pageEvents = 200
	// ownKept is how many of its own messages a client remembers to revoke, override or delete.
	ownKept = 16
	// forever is the end of a gap whose end is not known.
	forever = math.MaxUint64
)

// client is one person at one device.
type client struct {
	asker
	load *Load
	rng  *rand.Rand

	cm       sync.Mutex
	rooms    map[string]*room
	order    []string // the rooms, as they came
	commands []*check.Command
	answered []*ask // some that have an answer, to be sent again
	serial   int
}

// room is a session as a client knows it.
type room struct {
	heard *check.Heard
	// in: subscribed; asking: has asked to be; again: ask once more after that.
	in, asking, again bool
	last              uint64 // the last seq given live
	past              uint64 // up to where history was asked for that had no end
	mine              []uint64
	gaps              []gap
	filling           bool
	// mute and plain: the client was refused to send, and to let people in and out. It mostly leaves it then.
	mute, plain bool
	kind        kind
	run         *check.Run // of the present subscription
}

// gap is what a client knows that it was not given: above after, up to upTo.
type gap struct{ after, upTo uint64 }

func (c *client) room(id string) *room {
	r := c.rooms[id]
	if r == nil {
		r = &room{heard: &check.Heard{User: c.user, Session: id}, kind: kindOf(id)}
		c.rooms[id] = r
		c.order = append(c.order, id)
	}
	return r
}

// up is called on each new connection: nothing is subscribed, and notices may have been missed.
func (c *client) up() {
	c.cm.Lock()
	for _, r := range c.rooms {
		r.in, r.asking, r.again, r.filling = false, false, false, false
		r.run = nil
	}
	c.cm.Unlock()
	c.list("")
}

// list asks for all sessions, page by page, and subscribes to each.
func (c *client) list(cursor string) {
	c.read(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sessions{Sessions: &clientv1.Sessions{Cursor: cursor, Limit: 200}}}, func(m *clientv1.ServerFrame) {
		page := m.GetSessions()
		for _, id := range page.GetSessions() {
			c.enter(id)
		}
		if page.GetNext() != "" {
			c.list(page.GetNext())
		}
	})
}

// enter subscribes to a session from where the client is.
func (c *client) enter(id string) {
	c.cm.Lock()
	r := c.room(id)
	if r.in || r.asking {
		r.again = r.asking
		c.cm.Unlock()
		return
	}
	r.asking, r.again = true, false
	after := r.last
	c.cm.Unlock()
	c.read(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Subscribe{Subscribe: &clientv1.Subscribe{Session: id, After: &after}}},
		func(m *clientv1.ServerFrame) { c.entered(id, m) })
}

func (c *client) entered(id string, m *clientv1.ServerFrame) {
	c.cm.Lock()
	r := c.rooms[id]
	r.asking = false
	if ok := m.GetSubscribed(); ok != nil {
		r.in, r.mute, r.plain = true, false, false
		r.run = &check.Run{From: ok.GetFrom()}
		r.heard.Runs = append(r.heard.Runs, r.run)
		if ok.GetFrom() > r.last {
			r.gaps = append(r.gaps, gap{r.last, ok.GetFrom()})
			r.last = ok.GetFrom()
		}
	} else if m.GetError().GetCode() == "NOT_A_MEMBER" && len(r.gaps) == 0 {
		// Out again before it could subscribe: what was said meanwhile is history, which the window does not
		// keep for ever.
		r.gaps = append(r.gaps, gap{max(r.last, r.past), forever})
	}
	again := !r.in && r.again
	c.cm.Unlock()
	if again {
		c.enter(id)
	}
	c.fill(id)
}

// event takes what comes without being asked for.
func (c *client) event(m *clientv1.ServerFrame) {
	switch k := m.GetKind().(type) {
	case *clientv1.ServerFrame_Event:
		c.given(k.Event)
	case *clientv1.ServerFrame_Unsubscribed:
		c.cm.Lock()
		r := c.room(k.Unsubscribed.GetSession())
		r.in, r.run = false, nil
		c.cm.Unlock()
		c.enter(k.Unsubscribed.GetSession()) // a notice of a new stay may have come before
	case *clientv1.ServerFrame_Notice:
		switch n := k.Notice; {
		case n.GetSession() == "":
			c.list("")
		case n.GetMember():
			c.enter(n.GetSession())
		}
	}
}

func (c *client) given(e *clientv1.Event) {
	if e.GetSeq() == 0 {
		return // a marker: others make up for one that is lost
	}
	c.cm.Lock()
	defer c.cm.Unlock()
	r := c.room(e.GetSession())
	if r.run == nil { // events without a subscription: the checker finds them out of order
		r.run = &check.Run{From: forever}
		r.heard.Runs = append(r.heard.Runs, r.run)
	}
	r.run.Events = append(r.run.Events, check.SeenOf(e))
	r.last = e.GetSeq()
}

// fill asks for the history of one gap of a session, page by page.
func (c *client) fill(id string) {
	c.cm.Lock()
	r := c.rooms[id]
	if r.filling || len(r.gaps) == 0 {
		c.cm.Unlock()
		return
	}
	r.filling = true
	after := r.gaps[0].after
	c.cm.Unlock()
	c.read(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{Session: id, After: &after, Limit: pageEvents}}},
		func(m *clientv1.ServerFrame) {
			c.filled(id, m.GetHistory())
			c.fill(id)
		})
}

// filled takes a page; none says that there is nothing for this user.
func (c *client) filled(id string, page *clientv1.HistoryPage) {
	c.cm.Lock()
	defer c.cm.Unlock()
	r := c.rooms[id]
	r.filling = false
	g := &r.gaps[0]
	run := &check.Run{From: g.after, Filled: true}
	for _, e := range page.GetEvents() {
		if e.GetSeq() <= g.upTo {
			run.Events = append(run.Events, check.SeenOf(e))
		}
		g.after = max(g.after, e.GetSeq())
	}
	for _, h := range page.GetHidden() {
		g.after = max(g.after, h.GetLast())
	}
	r.heard.Runs = append(r.heard.Runs, run)
	if !page.GetMore() || page.GetWindowEnd() || g.after >= g.upTo || g.after == run.From {
		if g.upTo == forever {
			r.past = max(r.past, g.after)
		}
		r.gaps = r.gaps[1:]
	}
}

// complete asks for everything a client may still miss of the sessions it was ever in.
func (c *client) complete() {
	c.cm.Lock()
	ids := append([]string(nil), c.order...)
	for _, id := range ids {
		r := c.rooms[id]
		if !r.in {
			r.gaps = append(r.gaps, gap{max(r.last, r.past), forever})
		}
	}
	c.cm.Unlock()
	for _, id := range ids {
		c.fill(id)
	}
}

// missing names something the client waits for.
func (c *client) missing() string {
	c.cm.Lock()
	defer c.cm.Unlock()
	for id, r := range c.rooms {
		if r.asking || r.filling || len(r.gaps) > 0 {
			return fmt.Sprintf("%s to be given %s: subscribing %t, gaps %v", c.user, id, r.asking, r.gaps)
		}
	}
	if n := c.unsettled(); n > 0 {
		return fmt.Sprintf("answers to %d commands of %s", n, c.user)
	}
	return ""
}

// work does one operation at each tick, until ctx ends.
func (c *client) work(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		c.flush()
		if c.unsettled() < maxUnsettled {
			c.operate()
		}
	}
}
