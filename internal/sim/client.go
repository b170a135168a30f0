package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// client is a user's one device. It keeps a connection up, sends every command until it
// has an outcome, and keeps all events of its sessions.
type client struct {
	w     *World
	user  events.UserID
	dice  *dice
	token string
	woken chan struct{}

	mu      sync.Mutex
	sock    *socket
	welcome bool
	dialAt  time.Time
	said    time.Time // when something was last sent
	deaf    time.Time // it takes no frames until then
	ids     int
	// calls are requests on the present connection without a reply.
	calls map[string]call
	// commands are all there were; open those without an outcome.
	commands []*command
	open     []*command
	actAt    time.Time
	toDo     int
	// closes: the account was to be closed.
	closes bool
	subs   map[events.SessionID]*sub
	// stale: the list of sessions must be read, from syncAt on.
	stale  bool
	syncAt time.Time
}

// call is a request on its way, and what to do with its reply.
type call struct {
	at    time.Time
	reply func(*clientv1.ServerFrame)
}

func newClient(w *World, user events.UserID, token string) *client {
	return &client{
		w: w, user: user, dice: w.dice("client " + string(user)), token: token, woken: make(chan struct{}, 1),
		calls: map[string]call{}, subs: map[events.SessionID]*sub{},
	}
}

func (c *client) poke() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// pace is how often a client looks around.
const pace = 200 * time.Millisecond

func (c *client) run(ctx context.Context) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-c.woken:
			c.hear()
		case <-ticker.C:
			c.hear()
			c.tick(time.Now())
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			c.drop(0)
			return
		}
	}
}

// drop forgets the connection. The lock is held, as in all that follows.
func (c *client) drop(after time.Duration) {
	if c.sock != nil {
		c.w.detail("%s hangs up", c.user)
		c.sock.hangUp(after)
	}
	c.sock, c.welcome = nil, false
	clear(c.calls)
	for _, s := range c.subs {
		s.disconnected()
	}
	for _, k := range c.open {
		k.sent = time.Time{}
	}
	c.dialAt = time.Now().Add(c.dice.between(10*time.Millisecond, time.Second))
}

func (c *client) hear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sock == nil || time.Now().Before(c.deaf) {
		return
	}
	frames, ended := c.sock.take()
	for _, f := range frames {
		c.frame(f)
	}
	if ended && c.sock != nil {
		c.drop(0)
	}
}

func (c *client) frame(f *clientv1.ServerFrame) {
	c.w.detail("%s hears: %v", c.user, f)
	if id := f.GetId(); id != "" {
		if k, ok := c.calls[id]; ok {
			delete(c.calls, id)
			k.reply(f)
		}
		return
	}
	switch {
	case f.GetEvent() != nil:
		c.event(f.GetEvent())
	case f.GetUnsubscribed() != nil:
		c.unsubscribed(events.SessionID(f.GetUnsubscribed().GetSession()))
	case f.GetNotice() != nil:
		c.stale = true
	default:
		c.w.violate("%s got a frame that answers nothing: %v", c.user, f)
	}
}

// ask sends a request whose reply is awaited.
func (c *client) ask(f *clientv1.ClientFrame, reply func(*clientv1.ServerFrame)) {
	c.ids++
	f.Id = fmt.Sprint(c.ids)
	c.calls[f.GetId()] = call{time.Now(), reply}
	c.said = time.Now()
	c.w.detail("%s asks %s: %v", c.user, c.sock.life.name, f)
	c.sock.say(f)
}

func (c *client) tick(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.decide(now)
	if c.sock == nil {
		c.connect(now)
		return
	}
	if c.suffer(now) || now.Before(c.deaf) || !c.welcome {
		return
	}
	for _, k := range c.open {
		if k.sent.IsZero() || now.After(k.again) {
			c.send(k, now)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.subs)) {
		c.subs[id].tick(now)
	}
	if c.stale && now.After(c.syncAt) {
		c.sync(now)
	}
	if now.Sub(c.said) > 15*time.Second {
		c.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}}, func(*clientv1.ServerFrame) {})
	}
}

// replyTime is how long a client waits for a reply before it takes the connection for lost.
const replyTime = 25 * time.Second

// suffer does what goes wrong with a connection; true when it was lost.
func (c *client) suffer(now time.Time) bool {
	for _, k := range c.calls {
		if now.Sub(k.at) > replyTime {
			c.drop(0)
			return true
		}
	}
	switch l := c.sock.life.link; {
	case l.chance(l.odds.lost):
		c.drop(c.dice.between(0, 5*time.Second))
		return true
	case l.chance(l.odds.stalled):
		c.deaf = now.Add(c.dice.between(500*time.Millisecond, 10*time.Second))
	}
	return false
}

func (c *client) connect(now time.Time) {
	if now.Before(c.dialAt) {
		return
	}
	c.dialAt = now.Add(c.dice.between(100*time.Millisecond, time.Second))
	l := pick(c.dice, c.w.gateways).life()
	if l == nil {
		return
	}
	if c.sock = c.w.dial(c.user, c.poke, l); c.sock == nil {
		return
	}
	hello := &clientv1.Hello{Token: c.token, Device: "d", ClientVersion: "1"}
	c.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Hello{Hello: hello}}, func(f *clientv1.ServerFrame) {
		if f.GetWelcome() == nil {
			if f.GetError().GetCode() == string(events.CodeAccountClosed) {
				c.servedNow()
			}
			c.drop(0)
			return
		}
		c.welcome, c.stale = true, true
		if c.w.dice(fmt.Sprint("away ", c.user, c.ids)).n(3) > 0 {
			c.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetAway{SetAway: &clientv1.SetAway{Away: true}}}, func(*clientv1.ServerFrame) {})
		}
	})
}

// sync reads the list of sessions.
func (c *client) sync(now time.Time) {
	c.stale, c.syncAt = false, now.Add(time.Second)
	c.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{Limit: 1000}}}, func(f *clientv1.ServerFrame) {
		if f.GetError() != nil {
			c.later(f.GetError())
			c.stale = true
			return
		}
		for _, s := range f.GetSync().GetSessions() {
			id := events.SessionID(s.GetSession())
			if c.subs[id] == nil {
				c.subs[id] = newSub(c, id)
			}
			c.subs[id].listed(s)
		}
	})
}

// later checks that a request was refused for no other reason than the time.
func (c *client) later(e *clientv1.Error) {
	switch events.Code(e.GetCode()) {
	case events.CodeTryAgain, events.CodeBusy:
	default:
		c.w.violate("%s: a read was refused with %s: %s", c.user, e.GetCode(), e.GetMessage())
	}
}

// idle says what the client still waits for; empty when nothing.
func (c *client) idle() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.welcome:
		return "a connection"
	case len(c.open) > 0:
		return fmt.Sprintf("the outcome of %s", c.open[0].clientID)
	case len(c.calls) > 0:
		return "replies"
	case c.stale:
		return "its list of sessions"
	}
	for _, s := range c.subs {
		if !s.settled() {
			return "events of " + string(s.session)
		}
	}
	return ""
}
