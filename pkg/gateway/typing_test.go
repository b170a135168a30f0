package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// typers gives who was said to type, in order.
func typers(frames []*clientv1.ServerFrame) []string {
	var out []string
	for _, f := range frames {
		if m := f.GetTyping(); m != nil {
			out = append(out, m.GetUser())
		}
	}
	return out
}

func (c *client) subscribe(s events.SessionID) {
	c.b.t.Helper()
	if reply := c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s)); reply.GetSubscribed() == nil {
		c.b.t.Fatalf("subscribe was answered with %v", reply)
	}
}

func typing(s events.SessionID) string { return fmt.Sprintf(`{"id":"t","typing":{"session":%q}}`, s) }

// types says that the user types, which is always answered.
func (c *client) types(s events.SessionID) {
	c.b.t.Helper()
	if m := c.ask(typing(s)).GetTyping(); m.GetSession() != string(s) {
		c.b.t.Errorf("typing was answered with %v", m)
	}
}

func (c *client) wantTypers(what string, want ...string) {
	c.b.t.Helper()
	if got := typers(c.take()); !slices.Equal(got, want) {
		c.b.t.Errorf("%s: saw %v type, want %v", what, got, want)
	}
}

// TestTypingIsHeardByTheOthers: on every gateway, by subscribers, not by who said it;
// and nothing of it is in the log.
func TestTypingIsHeardByTheOthers(t *testing.T) {
	run(t, nil, func(b *bench) {
		g2 := b.another("g2")
		defer g2.stop()
		s := b.group(nil, "u2", "u3")
		me, mine, here, there, elsewhere := b.hello("u1"), g2.hello("u1"), b.hello("u2"), g2.hello("u3"), g2.hello("u2")
		for _, c := range []*client{me, mine, here, there} {
			c.subscribe(s)
			c.take()
		}
		elsewhere.take()
		commands := len(b.world.Commands())
		me.types(s)
		me.wantTypers("the connection itself")
		mine.wantTypers("another device", "u1")
		here.wantTypers("another member here", "u1")
		there.wantTypers("another member there", "u1")
		elsewhere.wantTypers("a member who is not subscribed")
		if got := len(b.world.Commands()); got != commands {
			t.Errorf("typing left %d commands in the log", got-commands)
		}
		elsewhere.types(s)
		me.wantTypers("of a member who is not subscribed", "u2")
	})
}

func TestTypingHasALimit(t *testing.T) {
	run(t, nil, func(b *bench) {
		s, other := b.group(nil, "u2"), events.SessionID("")
		u1, u2 := b.hello("u1"), b.hello("u2")
		other = events.SessionID(direct(t, u1))
		for _, c := range []*client{u1, u2} {
			c.subscribe(s)
			c.subscribe(other)
			c.take()
		}
		for range 5 {
			u1.types(s)
		}
		u2.wantTypers("five at once", "u1")
		u1.types(other)
		u2.wantTypers("in another session", "u1")
		pass(1999 * time.Millisecond)
		u1.types(s)
		u2.wantTypers("before 2 s are over")
		pass(time.Millisecond)
		u1.types(s)
		u2.wantTypers("after 2 s", "u1")
		u2.types(s)
		u1.wantTypers("the limit of one is not another's", "u2")
	})
}

func TestTypingIsForMembers(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		member, stranger := b.hello("u1"), b.hello("u9")
		member.subscribe(s)
		member.take()
		wantError(t, "a stranger types", stranger.ask(typing(s)), events.CodeNotAMember)
		wantError(t, "nowhere", stranger.ask(typing("g_none")), events.CodeNoSuchSession)
		gone := b.hello("u2")
		gone.subscribe(s)
		b.remove(s, "u2")
		member.take()
		wantError(t, "who was removed types", gone.ask(typing(s)), events.CodeNotAMember)
		member.wantTypers("of those")
		b.world.Rebuild(true)
		wantError(t, "while the view is rebuilt", stranger.ask(typing(s)), events.CodeTryAgain)
		b.world.Rebuild(false)
	})
}

// TestTypingGivesWay: it fills no queue.
func TestTypingGivesWay(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		u1, u2 := b.hello("u1"), b.hello("u2")
		u2.subscribe(s)
		u2.take()
		u2.tight.Store(true)
		u1.types(s)
		u2.tight.Store(false)
		u2.wantTypers("with a queue half full")
	})
}

func TestTypingIsNotShownWhereMarkersAreNot(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.ReceiptsLimit = 1 }, "u2")
		u1, u2 := b.hello("u1"), b.hello("u2")
		u2.subscribe(s)
		u2.take()
		u1.types(s)
		u2.wantTypers("in a session without receipts")
	})
}

// TestWhatIsNoTyping: other ephemeral values are counted and passed over, events are not
// lost over them, and no reader of outcomes takes typing for one.
func TestWhatIsNoTyping(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		c := b.hello("u1")
		c.subscribe(s)
		c.take()
		value := []byte{0, 0x0a, 2, 'u', '2', 0x0a, 1, 'x'}
		if o, err := events.DecodeOutcomeValue(value); err == nil {
			t.Errorf("typing is read as the outcome %+v", o)
		}
		said := b.world.Must("u1", "m", s, events.Send{Body: events.TextBody("x")})
		c.take()
		b.feed.Batch(s, []byte{0}, []byte{0, 0xff}, said.Value, value)
		frames := c.take()
		if got := typers(frames); !slices.Equal(got, []string{"u2"}) || len(frames) != 1 {
			t.Errorf("got %v, want one frame: u2 types", frames)
		}
	})
}
