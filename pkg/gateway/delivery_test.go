package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"annal/internal/bubble"

	"pgregory.net/rapid"

	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
)

// model is what one connection must see of the session: the events of the stay that
// it subscribed in, from the seq it asked for, up to the one that puts its user out.
type model struct {
	c          *client
	user       events.UserID
	subscribed bool
	want       []uint64
	// next is the first seq it is still to see.
	next uint64
	got  []uint64
}

// deliveryMachine drives a gateway through a random history.
type deliveryMachine struct {
	b       *bench
	session events.SessionID
	users   []events.UserID
	in      map[events.UserID]bool
	conns   []*model
	serial  int
	// unsent are values decided but not yet published, in log order.
	unsent []unsent
}

type unsent struct {
	seq   uint64
	value []byte
}

func (m *deliveryMachine) do(user events.UserID, op events.Op) bool {
	m.serial++
	o, value := m.b.world.Do(events.Command{
		Session: m.session, Actor: events.Actor{User: user}, ClientID: fmt.Sprintf("c%d", m.serial), Op: op,
	})
	a, ok := o.Result.(events.Accepted)
	if ok {
		m.unsent = append(m.unsent, unsent{uint64(a.Seq), value})
	}
	return ok
}

func (m *deliveryMachine) head() uint64 {
	timeline := m.b.world.Timeline(m.session)
	return uint64(timeline[len(timeline)-1].Seq)
}

// publish sends what is decided: some lost, some twice, in batches.
func (m *deliveryMachine) publish(t *rapid.T) {
	var batch [][]byte
	for _, u := range m.unsent {
		switch rapid.SampledFrom([]string{"send", "send", "send", "lose", "twice", "cut"}).Draw(t, "fate") {
		case "lose":
		case "twice":
			batch = append(batch, u.value, u.value)
		case "cut":
			m.b.feed.Batch(m.session, batch...)
			batch = [][]byte{u.value}
		default:
			batch = append(batch, u.value)
		}
	}
	m.b.feed.Batch(m.session, batch...)
	m.unsent = nil
}

// settle makes up for what was lost, then checks every connection.
func (m *deliveryMachine) settle(t *rapid.T) {
	m.b.feed.Resubscribe()
	pass(time.Second)
	for _, c := range m.conns {
		c.c.conn.Heard()
	}
	timeline := m.b.world.Timeline(m.session)
	for i, c := range m.conns {
		frames := c.c.take()
		c.got = append(c.got, seqs(frames)...)
		out := false
		for _, f := range frames {
			out = out || f.GetUnsubscribed() != nil
		}
		if c.subscribed {
			ended := false
			for _, e := range timeline {
				if uint64(e.Seq) < c.next || ended {
					continue
				}
				c.want = append(c.want, uint64(e.Seq))
				c.next = uint64(e.Seq) + 1
				ended = putsOut(&e.Outcome, c.user)
			}
			if ended != out {
				t.Fatalf("connection %d of %s: unsubscribed is %v, want %v", i, c.user, out, ended)
			}
			c.subscribed = !ended
		}
		if !slices.Equal(c.got, c.want) {
			t.Fatalf("connection %d of %s saw %v, want %v", i, c.user, c.got, c.want)
		}
		if code := c.c.code(); code != "" {
			t.Fatalf("connection %d of %s was closed with %s", i, c.user, code)
		}
	}
}

func putsOut(o *events.Outcome, u events.UserID) bool {
	switch e := o.Result.(events.Accepted).Event.(type) {
	case events.Removed:
		return slices.Contains(e.Users, u)
	case events.Left:
		return o.Actor.User == u
	case events.Created, events.Added, events.Joined, events.Sent, events.Revoked, events.Overridden, events.Deleted, events.Read,
		events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return false
}

func (m *deliveryMachine) subscribe(t *rapid.T, c *model) {
	member := m.in[c.user]
	frame := fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, m.session)
	var after uint64
	given := rapid.Bool().Draw(t, "after given")
	if given {
		after = rapid.Uint64Range(0, m.head()).Draw(t, "after")
		frame = fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"%d"}}`, m.session, after)
	}
	reply := c.c.ask(frame)
	if !member {
		if e := reply.GetError(); e.GetCode() != string(events.CodeNotAMember) {
			t.Fatalf("%s is not in and subscribed: got %v, want NOT_A_MEMBER", c.user, reply)
		}
		return
	}
	s := reply.GetSubscribed()
	if s == nil {
		t.Fatalf("%s subscribes: got %v", c.user, reply)
	}
	p, err := m.b.world.Person(m.b.t.Context(), m.session, c.user)
	if err != nil {
		t.Fatal(err)
	}
	if !given {
		after = uint64(p.Head.Seq)
	}
	want := max(after, uint64(p.Member.Stays[len(p.Member.Stays)-1].From)-1)
	if s.GetFrom() != want {
		t.Fatalf("%s subscribed after %d (given: %v), joined at %v: from is %d, want %d", c.user, after, given, p.Member.Stays, s.GetFrom(), want)
	}
	// A second subscribe takes the first one's place: what it was still to see comes again.
	c.subscribed, c.next = true, want+1
}

// TestDelivery: whatever is lost, repeated or cut up on the way, and whoever comes
// and goes, each connection sees exactly its visible events, in order, once.
func TestDelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(r *rapid.T) {
			b := newBench(r, nil)
			defer b.stop()
			m := &deliveryMachine{b: b, users: []events.UserID{"u0", "u1", "u2"}, in: map[events.UserID]bool{"u0": true, "u1": true}}
			create := events.Create{
				Kind: events.KindGroup, Members: []events.NewMember{{User: "u1", Role: events.RoleMember}},
				Policy: gateway.DefaultPolicies()[events.KindGroup],
			}
			m.session = events.NewSessionID(create, "u0", "c1")
			if !m.do("u0", create) {
				r.Fatal("the session was not created")
			}
			for i, u := range []events.UserID{"u0", "u1", "u1", "u2"} {
				b.codec = protocol.Codec(i) % protocol.Codecs
				m.conns = append(m.conns, &model{c: b.hello(u), user: u})
			}
			r.Repeat(map[string]func(*rapid.T){
				"send": func(t *rapid.T) {
					for range rapid.IntRange(1, 5).Draw(t, "n") {
						m.do("u0", events.Send{Body: events.TextBody("hello")})
					}
				},
				"toggle": func(t *rapid.T) {
					u := rapid.SampledFrom(m.users[1:]).Draw(t, "user")
					op := events.Op(events.Add{Members: []events.NewMember{{User: u, Role: events.RoleMember}}})
					if m.in[u] {
						op = events.Remove{Users: []events.UserID{u}}
					}
					if m.do("u0", op) {
						m.in[u] = !m.in[u]
					}
				},
				"publish": m.publish,
				"tighten": func(t *rapid.T) {
					rapid.SampledFrom(m.conns).Draw(t, "connection").c.tight.Store(rapid.Bool().Draw(t, "tight"))
				},
				"resubscribe": func(*rapid.T) { b.feed.Resubscribe() },
				"subscribe": func(t *rapid.T) {
					c := rapid.SampledFrom(m.conns).Draw(t, "connection")
					m.settle(t)
					m.subscribe(t, c)
				},
				"race": func(t *rapid.T) {
					// Subscribed while something is on its way.
					c := rapid.SampledFrom(m.conns).Draw(t, "connection")
					if c.subscribed {
						return
					}
					m.do("u0", events.Send{Body: events.TextBody("hello")})
					m.publish(t)
					m.subscribe(t, c)
				},
				"unsubscribe": func(t *rapid.T) {
					c := rapid.SampledFrom(m.conns).Draw(t, "connection")
					m.settle(t)
					if reply := c.c.ask(fmt.Sprintf(`{"id":"x","unsubscribe":{"session":%q}}`, m.session)); reply.GetUnsubscribed() == nil {
						t.Fatalf("unsubscribe was answered with %v", reply)
					}
					c.subscribed = false
				},
				"settle": m.settle,
			})
			m.settle(r)
		})
	})
}

// TestAnEventIsEncodedOncePerSubprotocol: all who speak the same get the same bytes.
func TestAnEventIsEncodedOncePerSubprotocol(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		defer b.stop()
		s := b.group(nil, "u2")
		var all []*client
		for codec := range protocol.Codecs {
			b.codec = codec
			for _, u := range []events.UserID{"u1", "u1", "u2"} {
				c := b.hello(u)
				c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
				all = append(all, c)
			}
		}
		b.say(s, 2)
		for i, c := range all {
			if got := seqs(c.take()); !slices.Equal(got, []uint64{2}) {
				t.Fatalf("connection %d saw %v, want 2", i, got)
			}
			if first := all[i-i%3]; &c.last[0] != &first.last[0] {
				t.Errorf("connection %d of %s got bytes of its own", i, c.codec)
			}
		}
	})
}

// TestAGapBeyondTheWindow: who cannot be given what they lack is told to come again.
func TestAGapBeyondTheWindow(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u1")
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		b.feed.Lose(func(events.SessionID, events.Seq) bool { return true })
		b.say(s, 20)
		b.world.Trim(s, 11)
		b.feed.Lose(nil)
		b.say(s, 21)
		if got := seqs(c.take()); len(got) != 0 || c.code() != events.CodeTooSlow {
			t.Errorf("events 2 to 10 are gone from the window: saw %v, closed with %q; want nothing, TOO_SLOW", got, c.code())
		}
	})
}

// TestHealingWaitsForTheView: what was told of comes, however long the view takes.
func TestHealingWaitsForTheView(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u1")
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		b.feed.Lose(func(_ events.SessionID, seq events.Seq) bool { return seq < 10 })
		b.world.Rebuild(true)
		b.say(s, 10)
		for range 6 {
			pass(10 * time.Second)
			c.conn.Heard()
		}
		if got := seqs(c.take()); len(got) != 0 {
			t.Errorf("while the view is rebuilt: saw %v, want nothing across the gap", got)
		}
		b.world.Rebuild(false)
		pass(10 * time.Second)
		if got := seqs(c.take()); !slices.Equal(got, span(2, 10)) {
			t.Errorf("then: saw %v, want 2 to 10", got)
		}
	})
}

// TestAnOldRemovalEndsNoNewStay: where all is shown, events of before the present stay
// come too, the user's own removal among them.
func TestAnOldRemovalEndsNoNewStay(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.History = events.HistoryAll }, "u2")
		b.say(s, 4)
		b.remove(s, "u2")
		b.say(s, 8)
		b.add(s, "u2")
		c := b.hello("u2")
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
		b.say(s, 12)
		if got := seqs(c.take()); !slices.Equal(got, span(2, 12)) {
			t.Errorf("saw %v, want 2 to 12", got)
		}
	})
}

// TestASubscribersHeadHealsTheOthers: the head that one reads tells of what the feed lost.
func TestASubscribersHeadHealsTheOthers(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		first, second := b.hello("u1"), b.hello("u2")
		frame := fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s)
		first.ask(frame)
		b.feed.Lose(func(events.SessionID, events.Seq) bool { return true })
		b.say(s, 5)
		second.ask(frame)
		if got := seqs(first.take()); !slices.Equal(got, span(2, 5)) {
			t.Errorf("the first subscriber saw %v, want 2 to 5", got)
		}
	})
}

// TestAfterResubscribingUsersSync: notices may have been lost too.
func TestAfterResubscribingUsersSync(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		c.take()
		b.feed.Resubscribe()
		if got := c.take(); len(got) != 1 || got[0].GetNotice() == nil || got[0].GetNotice().GetSession() != "" {
			t.Errorf("got %v, want one notice without a session", got)
		}
	})
}
