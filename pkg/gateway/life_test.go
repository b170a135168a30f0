package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"annal/internal/bubble"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
)

func TestHelloComesFirst(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.connect()
		for _, frame := range []string{`{"id":"1","ping":{}}`, `{"id":"1","sync":{}}`, send("1", "g_x", "x")} {
			wantError(t, frame, c.ask(frame), events.CodeHelloRequired)
		}
		c.hello(auth.Identity{User: "u1"})
		if pong := c.ask(`{"id":"1","ping":{}}`).GetPong(); pong.GetTimeMs() != time.Now().UnixMilli() {
			t.Errorf("ping after hello: got %v", pong)
		}
	})
}

func TestNoHelloInTime(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.connect()
		pass(gateway.DefaultConfig().HelloTimeout + 2*time.Second)
		if code := c.code(); code != events.CodeHelloTimeout {
			t.Errorf("closed with %q, want HELLO_TIMEOUT", code)
		}
	})
}

func TestBadAndExpiredTokensClose(t *testing.T) {
	run(t, nil, func(b *bench) {
		for want, token := range map[events.Code]string{
			events.CodeBadToken:     "nonsense",
			events.CodeTokenExpired: b.token(auth.Identity{User: "u1", Expires: time.Now().Add(-time.Minute)}),
		} {
			c := b.connect()
			c.ask(`{"id":"1","hello":{"token":"` + token + `"}}`)
			if code := c.code(); code != want {
				t.Errorf("closed with %q, want %s", code, want)
			}
		}
	})
}

// F18 a and b.
func TestATokenIsEnforcedForLife(t *testing.T) {
	run(t, nil, func(b *bench) {
		minute := func() auth.Identity { return auth.Identity{User: "u1", Expires: time.Now().Add(time.Minute)} }
		a, renewed := b.connect(), b.connect()
		a.hello(minute())
		renewed.hello(minute())
		s := direct(t, a)
		for range 10 {
			pass(5 * time.Second)
			a.ask(`{"id":"p","ping":{}}`)
			renewed.ask(`{"id":"p","ping":{}}`)
		}
		renewed.hello(minute())
		pass(10 * time.Second)
		commands := len(b.world.Commands())
		a.ask(send("late", s, "x"))
		if got := len(b.world.Commands()); got != commands {
			t.Errorf("a command sent after expiry is in the log")
		}
		pass(5 * time.Second)
		if code := a.code(); code != events.CodeTokenExpired {
			t.Errorf("5 s after expiry: closed with %q, want TOKEN_EXPIRED", code)
		}
		if code := renewed.code(); code != "" || renewed.ask(`{"id":"p","ping":{}}`).GetPong() == nil {
			t.Errorf("the renewed one was closed with %q", code)
		}
		wantError(t, "renewal for another user", renewed.ask(`{"id":"w","hello":{"token":"`+b.token(auth.Identity{User: "u2"})+`"}}`), events.CodeWrongUser)
		if renewed.ask(`{"id":"p","ping":{}}`).GetPong() == nil {
			t.Error("WRONG_USER ended the connection")
		}
	})
}

// F17: any inbound frame is life.
func TestHeartbeat(t *testing.T) {
	run(t, nil, func(b *bench) {
		silent, talking, ponging := b.hello("u1"), b.hello("u1"), b.hello("u1")
		for range 12 {
			pass(5 * time.Second)
			talking.ask(`{"id":"1","sessions":{}}`)
			ponging.conn.Heard()
		}
		if code := silent.code(); code != events.CodeHeartbeatTimeout {
			t.Errorf("after 60 s of silence: closed with %q, want HEARTBEAT_TIMEOUT", code)
		}
		if a, b := talking.code(), ponging.code(); a != "" || b != "" {
			t.Errorf("the living were closed with %q, %q", a, b)
		}
	})
}

// F17, in its own times: the phone's packets vanish, so it says nothing more, and what it is sent is taken by the socket and
// reaches nobody. internal/cases has it over real sockets.
func TestHalfOpen(t *testing.T) {
	run(t, nil, func(b *bench) {
		u1, phone, laptop := b.hello("u1"), b.hello("u2"), b.hello("u2")
		s := direct(t, u1)
		after := func(seq int) string { return fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"%d"}}`, s, seq) }
		phone.ask(after(1))
		laptop.ask(after(1))
		for i := range 12 {
			if i < 10 {
				u1.ask(send(fmt.Sprint("m", i), s, "x"))
			}
			if i == 6 && phone.code() != events.CodeHeartbeatTimeout {
				t.Errorf("after 60 s of silence: closed with %q, want HEARTBEAT_TIMEOUT", phone.code())
			}
			laptop.conn.Heard()
			u1.conn.Heard()
			pass(10 * time.Second)
		}
		phone.leave()
		back := b.hello("u2")
		back.ask(after(1))
		want := []uint64{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
		if got := seqs(back.take()); !slices.Equal(got, want) {
			t.Errorf("back after 120 s the phone was given %v, want %v", got, want)
		}
		if got := seqs(laptop.take()); !slices.Equal(got, want) || laptop.code() != "" {
			t.Errorf("the laptop was given %v and closed with %q; want %v", got, laptop.code(), want)
		}
	})
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		c := b.hello("u1")
		s := direct(t, c)
		resume := b.world.Stall()
		c.ask(send("m", s, "x"))
		go func() {
			<-time.After(time.Second)
			resume()
		}()
		b.stop()
		var acked bool
		for _, f := range c.all() {
			acked = acked || f.GetId() == "m" && f.GetAck().GetSeq() == 2
		}
		if !acked {
			t.Errorf("the command under way was not answered: %v", c.all())
		}
		if code := c.code(); code != events.CodeGoingAway {
			t.Errorf("closed with %q, want GOING_AWAY", code)
		}
		if late := b.gw.Connect(&client{b: b}); late != nil {
			t.Error("a stopped gateway took a connection")
		}
	})
}

// Those sent elsewhere must not come back to the other gateways all at once.
func TestStopSpreadsWhoLeaves(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		const n = 300
		clients := make([]*client, n)
		for i := range clients {
			clients[i] = b.hello(events.UserID(fmt.Sprint("u", i)))
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			b.stop()
		}()
		for _, ms := range []int{100, 200} {
			pass(100 * time.Millisecond)
			gone := 0
			for _, c := range clients {
				if c.code() == events.CodeGoingAway {
					gone++
				}
			}
			if gone < ms-10 || gone > ms+10 {
				t.Errorf("after %d ms %d of %d were sent elsewhere, want one a millisecond", ms, gone, n)
			}
		}
		<-stopped
		for i, c := range clients {
			if c.code() != events.CodeGoingAway {
				t.Errorf("client %d was closed with %q, want GOING_AWAY", i, c.code())
			}
		}
	})
}

func TestNothingIsKeptOfWhoLeft(t *testing.T) {
	run(t, nil, func(b *bench) {
		for range 3 {
			c, d := b.hello("u1"), b.hello("u1")
			s := direct(t, c)
			for _, x := range []*client{c, d} {
				x.ask(`{"id":"s","subscribe":{"session":"` + s + `"}}`)
			}
			if got := b.feed.Sessions(); len(got) != 1 {
				t.Errorf("subscribed to %v, want one session", got)
			}
			c.leave()
			if got := b.feed.Users(); len(got) != 1 {
				t.Errorf("one of two left: users %v, want one", got)
			}
			d.leave()
			pass(time.Minute)
			if s, u := b.feed.Sessions(), b.feed.Users(); len(s)+len(u) != 0 {
				t.Errorf("all left: still subscribed to %v, %v", s, u)
			}
		}
	})
}

// TestRefusedAsker: who asked to be let in is told that they are not, and nothing more of the session.
func TestRefusedAsker(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.Joining = events.JoiningApproval })
		c, other := b.hello("dan"), b.hello("eve")
		b.world.Must("dan", "ask", s, events.Ask{Text: "may I?"})
		c.take()
		b.world.Must("u1", "refuse", s, events.Refuse{Users: []events.UserID{"dan"}})
		want := &clientv1.Notice{Session: string(s), Refused: true}
		if got := c.take(); len(got) != 1 || !proto.Equal(got[0].GetNotice(), want) {
			t.Errorf("dan heard %v, want %v", got, want)
		}
		for _, f := range other.take() {
			if f.GetNotice().GetSession() == string(s) {
				t.Errorf("eve heard %v", f)
			}
		}
	})
}
