package gateway

import (
	"container/heap"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/presence"
)

const (
	// watchTick is how often it is looked which users are due to be looked at, and mostWatched how many are at once.
	watchTick   = 200 * time.Millisecond
	mostWatched = 500
	// signsEvery is how often it is looked whether a node is gone.
	signsEvery = 5 * time.Second
	// lookEvery is how often a user is looked at of whom nothing is heard: what told of a change may have been lost.
	lookEvery = time.Minute
	// grace is how long somebody has to stay away before that is told.
	grace = 3 * time.Second
	// lookAgain is after what time it is tried again to look, or to tell.
	lookAgain = time.Second
)

// watching are the users whom connections here watch.
type watching struct {
	gw *Gateway

	mu    sync.Mutex
	users map[events.UserID]*watched
	// next has them all, who is due first at its top.
	next dues
	// conns has whom each connection watches.
	conns map[*Conn][]events.UserID
	// alive are the nodes that gave a sign when it was last looked.
	alive map[string]bool
}

// watched is a user who is watched.
type watched struct {
	user events.UserID
	by   map[*Conn]*watch
	// due is when to look at them, and at where they are in dues.
	due time.Time
	at  int
	// away is since when they have been offline where they were told to be online; zero: they are not.
	away time.Time
}

// watch is a connection's watching of a user. It is told nothing before it was told how it is, and then what has changed.
type watch struct {
	viewer viewer
	told   *clientv1.PresenceState
}

func newWatching(g *Gateway) *watching {
	return &watching{gw: g, users: map[events.UserID]*watched{}, conns: map[*Conn][]events.UserID{}}
}

// watchPresence tells how users are, and from then on what changes. Whom the user may know nothing of is not watched.
func (c *Conn) watchPresence(ctx context.Context, u events.UserID, op *clientv1.WatchPresence) (*clientv1.ServerFrame, *events.Error) {
	if c.gw.online == nil {
		return c.presence(ctx, u, &clientv1.Presence{Users: op.GetUsers(), Sessions: op.GetSessions()})
	}
	w := c.gw.online.watching
	users, v, err := c.asked(u, op.GetUsers(), op.GetSessions())
	if err != nil {
		return nil, err
	}
	sights, failure := c.gw.sights(ctx, v, users)
	if failure != nil {
		return nil, c.gw.readError(failure)
	}
	var seen []events.UserID
	for i, u := range users {
		if sights[i] {
			seen = append(seen, u)
		}
	}
	if failure := c.hear(ctx, seen); failure != nil {
		return nil, c.gw.presenceError(failure)
	}
	w.begin(c, v, seen)
	states, failure := c.gw.states(ctx, v, users, sights)
	if failure != nil {
		w.end(c)
		return nil, c.gw.presenceError(failure)
	}
	w.told(c, states)
	return presencePage(states), nil
}

// hear subscribes the channels of users; each stays so until it is released.
func (c *Conn) hear(ctx context.Context, users []events.UserID) error {
	for i, u := range users {
		if _, err := c.gw.users.acquire(ctx, u); err != nil {
			for _, had := range users[:i] {
				c.gw.users.release(had)
			}
			return err
		}
	}
	return nil
}

// begin has a connection watch users, whose channels are heard, in place of those of before.
func (w *watching) begin(c *Conn, v viewer, users []events.UserID) {
	w.end(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range users {
		is := w.users[u]
		if is == nil {
			is = &watched{user: u, by: map[*Conn]*watch{}, due: time.Now().Add(lookEvery)}
			w.users[u] = is
			heap.Push(&w.next, is)
			w.gw.ports.Metrics.watched.Inc()
		}
		is.by[c] = &watch{viewer: v}
	}
	if len(users) > 0 {
		w.conns[c] = users
	}
}

// end has a connection watch nobody.
func (w *watching) end(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.conns[c] {
		w.leave(c, u)
	}
	delete(w.conns, c)
}

// leave ends a connection's watching of one user. The lock is held.
func (w *watching) leave(c *Conn, u events.UserID) {
	is := w.users[u]
	if is == nil || is.by[c] == nil {
		return
	}
	delete(is.by, c)
	if len(is.by) == 0 {
		delete(w.users, u)
		heap.Remove(&w.next, is.at)
		w.gw.ports.Metrics.watched.Dec()
	}
	w.gw.users.release(u)
}

// told notes what a connection is told at first. They are looked at once more: something may have changed before it was noted.
func (w *watching) told(c *Conn, states []*clientv1.PresenceState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range states {
		if is := w.users[events.UserID(s.GetUser())]; is != nil && is.by[c] != nil {
			is.by[c].told = s
			w.hurry(is, time.Now())
		}
	}
}

// hurry has a user looked at no later than at a time. The lock is held.
func (w *watching) hurry(is *watched, at time.Time) {
	if at.Before(is.due) {
		is.due = at
		heap.Fix(&w.next, is.at)
	}
}

// look has a user looked at, soon.
func (w *watching) look(u events.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is := w.users[u]; is != nil {
		w.hurry(is, time.Now())
	}
}

// lookAll has all users looked at, soon.
func (w *watching) lookAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, is := range w.users {
		w.hurry(is, time.Now())
	}
}

// run looks at users who are due, until ctx ends.
func (w *watching) run(ctx context.Context) {
	ticker := time.NewTicker(watchTick)
	defer ticker.Stop()
	var signsAt time.Time
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if time.Since(signsAt) >= signsEvery {
			signsAt = time.Now()
			w.compareSigns(ctx)
		}
		for users := w.due(); len(users) > 0 && ctx.Err() == nil; users = w.due() {
			w.lookAt(ctx, users)
		}
	}
}

// compareSigns has all looked at when a node is gone that was there: it may have been theirs.
func (w *watching) compareSigns(ctx context.Context) {
	w.mu.Lock()
	none := len(w.users) == 0
	w.mu.Unlock()
	if none {
		w.alive = nil
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.gw.config.ReadTimeout)
	defer cancel()
	signs, err := w.gw.online.lookup.Signs(ctx)
	if err != nil {
		return // they are looked at all the same, if less often
	}
	is := map[string]bool{}
	for node, s := range signs.Nodes {
		if signs.Now < s.Ends {
			is[node] = true
		}
	}
	for node := range w.alive {
		if !is[node] {
			w.lookAll()
			break
		}
	}
	w.alive = is
}

// due gives users who are due. They are due again when nothing else says so.
func (w *watching) due() []events.UserID {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	var users []events.UserID
	for len(w.next) > 0 && len(users) < mostWatched && !now.Before(w.next[0].due) {
		is := w.next[0]
		users = append(users, is.user)
		is.due = now.Add(lookEvery)
		heap.Fix(&w.next, is.at)
	}
	return users
}

// lookAt looks at users, and tells those who watch them what has changed.
func (w *watching) lookAt(ctx context.Context, users []events.UserID) {
	ctx, cancel := context.WithTimeout(ctx, w.gw.config.ReadTimeout)
	defer cancel()
	states, err := w.gw.online.lookup.Of(ctx, users...)
	if err != nil {
		w.gw.log.Debug("cannot look who is online; it is tried again", "users", len(users), "error", err)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, u := range users {
			if is := w.users[u]; is != nil {
				w.hurry(is, time.Now().Add(lookAgain))
			}
		}
		return
	}
	for i, u := range users {
		for c, one := range w.changed(u, states[i]) {
			w.tell(ctx, c, one, u, states[i])
		}
	}
}

// changed gives the connections that are to be told of a user: what they were told is no longer so, and has not been for long enough.
func (w *watching) changed(u events.UserID, s presence.State) map[*Conn]*watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.users[u]
	if is == nil {
		return nil
	}
	now := time.Now()
	if s.Online() {
		is.away = time.Time{}
	} else if is.away.IsZero() {
		is.away = now
	}
	tell := maps.Clone(is.by)
	maps.DeleteFunc(tell, func(_ *Conn, one *watch) bool {
		if one.told == nil || proto.Equal(one.told, stateOf(one.viewer, u, s, true)) {
			return true
		}
		if one.told.GetOnline() && !s.Online() && now.Sub(is.away) < grace {
			w.hurry(is, is.away.Add(grace))
			return true
		}
		return false
	})
	return tell
}

// tell tells a connection how a user is, as far as it may know that still.
func (w *watching) tell(ctx context.Context, c *Conn, one *watch, u events.UserID, s presence.State) {
	sights, err := w.gw.sights(ctx, one.viewer, []events.UserID{u})
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.users[u]
	switch {
	case is == nil || is.by[c] != one:
		return // it watches otherwise by now
	case err != nil || !c.transport.HasRoom():
		w.hurry(is, time.Now().Add(lookAgain))
		return
	}
	state := stateOf(one.viewer, u, s, sights[0])
	if !proto.Equal(one.told, state) {
		c.send(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_PresenceChanged{PresenceChanged: state}})
		one.told = state
	}
	if !sights[0] {
		w.conns[c] = slices.DeleteFunc(w.conns[c], func(had events.UserID) bool { return had == u })
		w.leave(c, u)
	}
}
