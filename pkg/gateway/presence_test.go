package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/presence"
)

// runPresent is run on gateways that keep who is online: two of them.
func runPresent(t *testing.T, f func(b, g2, g3 *bench, store *presence.Memory)) {
	t.Helper()
	run(t, nil, func(b *bench) {
		store := presence.NewMemory(time.Now)
		b.presence = store
		g2, g3 := b.another("g2"), b.another("g3")
		defer g2.stop()
		defer g3.stop()
		f(b, g2, g3, store)
	})
}

// direct makes two people contacts.
func (b *bench) direct(a, other events.UserID) events.SessionID {
	create := events.Create{
		Kind: events.KindDirect, Policy: gateway.DefaultPolicies()[events.KindDirect], Members: []events.NewMember{{User: other, Role: events.RoleMember}},
	}
	s := events.NewDirectID(a, other)
	b.world.Must(a, "create", s, create)
	return s
}

func quoted(users ...string) string { return `["` + strings.Join(users, `","`) + `"]` }

// presence asks how users are; sessions are those named.
func (c *client) presence(op string, sessions string, users ...string) []*clientv1.PresenceState {
	c.b.t.Helper()
	if sessions == "" {
		sessions = "[]"
	}
	names := "[]"
	if len(users) > 0 {
		names = quoted(users...)
	}
	reply := c.ask(fmt.Sprintf(`{"id":"p","%s":{"users":%s,"sessions":%s}}`, op, names, sessions))
	if reply.GetPresence() == nil || len(reply.GetPresence().GetUsers()) != len(users) {
		c.b.t.Fatalf("%s of %v was answered with %v", op, users, reply)
	}
	return reply.GetPresence().GetUsers()
}

// brief is a state as a word or two.
func brief(s *clientv1.PresenceState) string {
	text := s.GetUser()
	switch {
	case s.GetAway():
		text += " away"
	case s.GetOnline():
		text += " on"
	case s.GetLastSeenMs() > 0:
		text += fmt.Sprint(" seen ", time.UnixMilli(s.GetLastSeenMs()).Sub(began).Round(time.Second))
	default:
		text += " ?"
	}
	return text
}

// began is when bubbles begin.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func briefs(all []*clientv1.PresenceState) string {
	var out []string
	for _, s := range all {
		out = append(out, brief(s))
	}
	return strings.Join(out, ", ")
}

func (c *client) wantPresence(what, want, sessions string, users ...string) {
	c.b.t.Helper()
	if got := briefs(c.presence("presence", sessions, users...)); got != want {
		c.b.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// wantChanges compares what was told since it was last looked.
func (c *client) wantChanges(what, want string) {
	c.b.t.Helper()
	var all []*clientv1.PresenceState
	for _, f := range c.take() {
		if m := f.GetPresenceChanged(); m != nil {
			all = append(all, m)
		}
	}
	if got := briefs(all); got != want {
		c.b.t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

// stays lets time pass on connections that are not silent.
func (c *client) stays(d time.Duration, others ...*client) {
	for ; d > 0; d -= 10 * time.Second {
		for _, one := range append(others, c) {
			one.conn.Heard()
		}
		pass(min(d, 10*time.Second))
	}
}

func (b *bench) helloOn(user events.UserID, device, kind string) *client {
	b.t.Helper()
	c := b.connect()
	frame := fmt.Sprintf(`{"id":"hello","hello":{"token":%q,"device":%q,"kind":%q}}`, b.token(auth.Identity{User: user}), device, kind)
	if reply := c.ask(frame); reply.GetWelcome() == nil {
		b.t.Fatalf("hello was answered with %v", reply)
	}
	return c
}

func TestWhoIsOnline(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
		g2.direct("u1", "u2")
		me := g2.hello("u1")
		me.wantPresence("before they came", "u2 ?", "", "u2")
		phone := g3.helloOn("u2", "phone", "phone")
		me.stays(time.Second)
		laptop := g2.helloOn("u2", "laptop", "desktop")
		me.wantPresence("on two devices", "u2 on", "", "u2")
		s := me.presence("presence", "", "u2")[0]
		if fmt.Sprint(s.GetKinds()) != "[desktop phone]" || s.GetDevices() != nil {
			t.Errorf("others are told %v", s)
		}
		own := phone.presence("presence", "", "u2")[0].GetDevices()
		if len(own) != 2 || own[0].GetDevice() != "phone" || own[1].GetKind() != "desktop" || own[0].GetConnection() == own[1].GetConnection() || own[0].GetSinceMs() == 0 {
			t.Errorf("the user is told %v", own)
		}
		if reply := phone.ask(`{"id":"a","set_away":{"away":true}}`); !reply.GetSetAway().GetAway() {
			t.Errorf("going away is answered with %v", reply)
		}
		me.wantPresence("on one of two", "u2 on", "", "u2")
		laptop.ask(`{"id":"a","set_away":{"away":true}}`)
		me.wantPresence("on none of two", "u2 away", "", "u2")
		laptop.ask(`{"id":"a","set_away":{"away":false}}`)
		me.wantPresence("back on one", "u2 on", "", "u2")
		phone.leave()
		me.wantPresence("one has left", "u2 on", "", "u2")
		me.stays(9 * time.Second)
		laptop.leave()
		me.stays(50 * time.Second)
		me.wantPresence("both have left", "u2 seen 10s", "", "u2")
	})
}

// Who shares nothing with somebody is told what is told of nobody.
func TestWhoMayKnowWhoIsOnline(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
		group := g2.group(nil, "u2", "u3")
		me, bot := g2.hello("u1"), g2.connect()
		bot.hello(auth.Identity{User: "bot", Service: "s", Scopes: []auth.Scope{auth.ScopeRead}})
		writer := g2.connect()
		writer.hello(auth.Identity{User: "u5", Service: "s", Scopes: []auth.Scope{auth.ScopeWrite}})
		g3.hello("u2")
		g3.hello("u6")
		me.wantPresence("nothing named", "u2 ?, u6 ?, nobody ?", "", "u2", "u6", "nobody")
		me.wantPresence("by the group", "u2 on, u6 ?", quoted(string(group)), "u2", "u6")
		bot.wantPresence("of a service that reads", "u1 on, u2 on, bot ?", "", "u1", "u2", "bot")
		wantError(t, "of one that writes", writer.ask(`{"id":"p","presence":{"users":["u1"]}}`), events.CodeScopeRequired)
		g3.hello("u4").wantPresence("by one's neighbours' group", "u2 ?", quoted(string(group)), "u2")
		asked := events.Create{Kind: events.KindDirect, Policy: gateway.DefaultPolicies()[events.KindDirect], Members: []events.NewMember{{User: "u7", Role: events.RoleMember}}}
		asked.Policy.Joining = events.JoiningApproval
		g2.world.Must("u1", "create", events.NewDirectID("u1", "u7"), asked)
		g3.hello("u7")
		me.wantPresence("of one who is asked to be a contact", "u7 ?", "", "u7")
		s := g2.direct("u1", "u6")
		me.wantPresence("of a contact", "u6 on", "", "u6")
		g2.world.Must("u6", "block", s, events.Contact{Step: events.ContactBlock})
		me.wantPresence("of one who blocks", "u6 ?", "", "u6")
		own := g3.hello("u3")
		me.wantPresence("of another of the group", "u3 on", quoted(string(group)), "u3")
		g2.world.Must("u3", "hides", events.NewSelfID("u3"), events.SetPrivacy{Privacy: events.Privacy{LastSeen: events.AudienceNobody}})
		pass(4 * time.Second) // what was kept of it is old
		me.wantPresence("of one who lets nobody see it", "u3 ?", quoted(string(group)), "u3")
		own.wantPresence("of oneself", "u3 on", "", "u3")
		bot.wantPresence("of one who lets nobody see it, by a service", "u3 on", "", "u3")
		bot.ask(`{"id":"a","set_away":{"away":true}}`)
		bot.wantPresence("a service makes nobody present", "bot ?", "", "bot")
		for name, op := range map[string]string{
			"too many users":    `"presence":{"users":` + quoted(strings.Split(strings.Repeat("u,", 100)+"u", ",")...) + `}`,
			"one twice":         `"presence":{"users":["a","a"]}`,
			"no user":           `"watch_presence":{"users":["a b"]}`,
			"no session":        `"presence":{"users":["a"],"sessions":["a b"]}`,
			"too many sessions": `"presence":{"users":["a"],"sessions":["1","2","3","4","5","6","7","8","9"]}`,
			"no such kind":      `"hello":{"token":"` + g2.token(auth.Identity{User: "u1"}) + `","kind":"toaster"}`,
		} {
			wantError(t, name, me.ask(`{"id":"x",`+op+`}`), events.CodeInvalidField)
		}
		g2.world.Rebuild(true)
		wantError(t, "while the view cannot say", me.ask(`{"id":"x","presence":{"users":["u2"]}}`), events.CodeTryAgain)
	})
}

// Nobody sees in large sessions who is online, as nobody sees who has read what.
func TestCrowdsAreNotWatched(t *testing.T) {
	runPresent(t, func(_, g2, _ *bench, _ *presence.Memory) {
		crowd := g2.group(func(p *events.Policy) { p.ReceiptsLimit = 2 }, "u2", "u4")
		me := g2.hello("u1")
		g2.hello("u2")
		me.wantPresence("by a crowd", "u2 ?", quoted(string(crowd)), "u2")
	})
}

func TestWatchingWhoIsOnline(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
		s := g2.direct("u1", "u2")
		g2.direct("u1", "u3")
		me, other := g2.hello("u1"), g2.hello("u3")
		if got := briefs(me.presence("watch_presence", "", "u2", "u3", "u9")); got != "u2 ?, u3 on, u9 ?" {
			t.Errorf("at first: %s", got)
		}
		me.take()
		phone := g3.hello("u2")
		me.stays(time.Second)
		me.wantChanges("they came", "u2 on")
		phone.leave()
		me.stays(2 * time.Second)
		me.wantChanges("they are gone for 2 s", "")
		phone = g3.hello("u2")
		me.stays(10 * time.Second)
		me.wantChanges("they came back in time", "")
		phone.leave()
		me.stays(2 * time.Second)
		phone = g3.hello("u2")
		me.stays(time.Second)
		me.wantChanges("they came back in time once more", "")
		phone.ask(`{"id":"a","set_away":{"away":true}}`)
		me.stays(time.Second)
		me.wantChanges("they look elsewhere", "u2 away")
		phone.leave()
		me.stays(5 * time.Second)
		me.wantChanges("they are gone", "u2 seen 17s")
		phone = g2.hello("u2")
		me.stays(time.Second)
		me.wantChanges("they are back elsewhere", "u2 on")
		g2.world.Must("u2", "block", s, events.Contact{Step: events.ContactBlock})
		phone.leave()
		me.stays(5 * time.Second)
		me.wantChanges("they are gone, and block", "u2 ?")
		g3.hello("u2")
		me.stays(5 * time.Second)
		me.wantChanges("they are back, and block", "")
		me.presence("watch_presence", "")
		other.leave()
		me.stays(5 * time.Second)
		me.wantChanges("it watches nobody", "")
		if users := g2.feed.Users(); fmt.Sprint(users) != "[u1]" {
			t.Errorf("the channels of %v are heard", users)
		}
		me.presence("watch_presence", "", "u3")
		me.leave()
		if users := g2.feed.Users(); len(users) != 0 {
			t.Errorf("after the end the channels of %v are heard", users)
		}
	})
}

// A second login of a device takes the place of the first, whose end comes whenever it comes: nobody is ever offline.
func TestASecondLoginReplacesTheFirst(t *testing.T) {
	for name, end := range map[string]time.Duration{"at once": 0, "in the grace": 2 * time.Second, "late": time.Minute} {
		t.Run(name, func(t *testing.T) {
			runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
				g2.direct("u1", "u2")
				me := g2.hello("u1")
				me.presence("watch_presence", "", "u2")
				first := g2.helloOn("u2", "phone", "phone")
				me.stays(time.Second)
				me.wantChanges("the first", "u2 on")
				second := g3.helloOn("u2", "phone", "phone")
				if end > 0 {
					me.stays(end, first, second)
				}
				first.leave()
				me.stays(2*time.Minute, second)
				me.wantChanges("the first is gone", "")
				me.wantPresence("the first is gone", "u2 on", "", "u2")
				second.leave()
				me.stays(5 * time.Second)
				if got := briefs(me.presence("presence", "", "u2")); !strings.HasPrefix(got, "u2 seen") {
					t.Errorf("both are gone: %s", got)
				}
			})
		})
	}
}

// With a node that is killed all its connections end: within a minute that is told, and when they were last there.
func TestAKilledNode(t *testing.T) {
	runPresent(t, func(_, g2, _ *bench, store *presence.Memory) {
		g2.direct("u1", "u2")
		me := g2.hello("u1")
		lives := func() {
			if _, err := store.Beat(t.Context(), "dead", 1, presence.Lasting); err != nil {
				t.Fatal(err)
			}
		}
		lives()
		c := presence.Connection{ID: "dead/1", User: "u2", Node: "dead"}
		if err := store.Write(t.Context(), []presence.Change{{Connection: c, Round: 1}}); err != nil {
			t.Fatal(err)
		}
		if got := briefs(me.presence("watch_presence", "", "u2")); got != "u2 on" {
			t.Errorf("before: %s", got)
		}
		me.stays(20 * time.Second)
		lives() // for the last time
		me.stays(presence.Lasting - time.Second)
		me.wantChanges("while it may live", "")
		me.stays(10 * time.Second)
		me.wantChanges("when it is gone", "u2 seen 20s")
	})
}

// What told of a change may be lost: then it is told a little later.
func TestLostNoticesOfPresence(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, store *presence.Memory) {
		g2.direct("u1", "u2")
		me := g2.hello("u1")
		me.presence("watch_presence", "", "u2")
		me.stays(time.Second)
		g2.feed.Deaf(true)
		phone := g3.hello("u2")
		me.stays(10 * time.Second)
		me.wantChanges("unheard", "")
		g2.feed.Resubscribe()
		me.stays(time.Second)
		me.wantChanges("subscribed again", "u2 on")
		phone.leave()
		me.stays(65 * time.Second)
		me.wantChanges("unheard for a minute", "u2 seen 12s")
		g2.feed.Deaf(false)
		phone = g3.hello("u2")
		me.stays(time.Second)
		me.wantChanges("heard", "u2 on")
		store.Empty()
		me.stays(time.Minute, phone)
		me.wantPresence("all was lost and put again", "u2 on", "", "u2")
	})
}

// Nothing of it is in the log.
func TestPresenceIsInNoLog(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
		g2.direct("u1", "u2")
		me, phone := g2.hello("u1"), g3.hello("u2")
		me.stays(time.Second)
		ends := func() string {
			out := ""
			for _, topic := range []eventlog.Topic{eventlog.Commands, eventlog.Events} {
				_, end, err := g2.world.Log.Bounds(t.Context(), topic, 0)
				if err != nil {
					t.Fatal(err)
				}
				out += fmt.Sprint(topic, end, " ")
			}
			return out
		}
		before := ends()
		me.presence("watch_presence", "", "u2")
		me.ask(`{"id":"a","set_away":{"away":true}}`)
		phone.leave()
		me.stays(10 * time.Second)
		g3.hello("u2").ask(`{"id":"a","presence":{"users":["u1"]}}`)
		me.stays(10 * time.Minute)
		if after := ends(); after != before {
			t.Errorf("the log ends at %s, ended at %s", after, before)
		}
	})
}

// reads counts how many users were read.
type reads struct {
	*presence.Memory
	users atomic.Int64
}

func (r *reads) Read(ctx context.Context, users []events.UserID) ([]presence.Record, error) {
	r.users.Add(int64(len(users)))
	return r.Memory.Read(ctx, users)
}

// Who is watched is read about once a minute while nothing happens, and not at all once nobody watches.
func TestWatchingCostsLittle(t *testing.T) {
	run(t, nil, func(b *bench) {
		store := &reads{Memory: presence.NewMemory(time.Now)}
		b.presence = store
		g := b.another("g2")
		defer g.stop()
		g.direct("u1", "u2")
		g.direct("u1", "u3")
		me := g.hello("u1")
		for range 5 {
			me.presence("watch_presence", "", "u2", "u3")
			me.presence("watch_presence", "", "u3")
		}
		me.stays(time.Second)
		store.users.Store(0)
		me.stays(10 * time.Minute)
		if n := store.users.Load(); n < 9 || n > 11 {
			t.Errorf("one user was read %d times in ten minutes", n)
		}
		me.presence("watch_presence", "")
		store.users.Store(0)
		me.stays(10 * time.Minute)
		if n := store.users.Load(); n != 0 {
			t.Errorf("nobody watches, and users were read %d times", n)
		}
	})
}

// A device that vanished is offline once its silence is noticed, however long its socket lasts, and was last seen when it was last heard.
func TestAHalfOpenDeviceIsOffline(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
		g2.direct("u1", "u2")
		me, phone := g2.hello("u1"), g3.hello("u2")
		me.presence("watch_presence", "", "u2")
		me.stays(5 * time.Second)
		phone.conn.Heard()
		me.stays(55 * time.Second)
		me.wantChanges("after a minute", "u2 seen 5s")
		if code := phone.code(); code != events.CodeHeartbeatTimeout {
			t.Errorf("it is closed with %q", code)
		}
		phone.leave() // long after
		me.stays(5 * time.Second)
		me.wantChanges("when its socket ends", "")
	})
}

// What sort of device it is, the login knows where hello does not say; and with the login its presence ends.
func TestTheDeviceOfALogin(t *testing.T) {
	runPresent(t, func(_, g2, g3 *bench, _ *presence.Memory) {
		g2.self("u1", "u2")
		g2.direct("u1", "u2")
		me := g2.hello("u1")
		g3.signedIn("u2", "l1", "d1")
		s := me.presence("watch_presence", "", "u2")[0]
		if fmt.Sprint(s.GetKinds()) != "[phone]" {
			t.Errorf("signed in on a phone: %v", s)
		}
		g3.signs("u2", events.SignOut{All: true, Reason: events.SignOutLogout})
		me.stays(5 * time.Second)
		if got := me.presence("presence", "", "u2")[0]; got.GetOnline() || got.GetLastSeenMs() == 0 {
			t.Errorf("signed out: %v", got)
		}
	})
}
