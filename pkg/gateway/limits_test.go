package gateway_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
)

// limiter limits by a table, with counts of its own.
func (b *bench) limiter(changes ...string) *limits.Limiter {
	b.t.Helper()
	table, err := limits.Table{}.With(changes...)
	if err != nil {
		b.t.Fatal(err)
	}
	return limits.New(table, limits.NewMemory(time.Now), time.Now, slog.New(slog.DiscardHandler), limits.NewMetrics(prometheus.NewRegistry()))
}

// What is done too often is refused with when it goes on, on all connections to all gateways, and comes into no log.
func TestWhoDoesItTooOften(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		b.limits = b.limiter("user.write=4/m:10", "user.read=4/m:5")
		first, second := b.another("g2"), b.another("g3")
		defer first.stop()
		defer second.stop()
		phone, laptop := first.hello("u1"), second.hello("u1")
		before := len(b.world.Timeline(s))
		refused := 0
		for i := range 8 {
			for name, c := range map[string]*client{"phone": phone, "laptop": laptop} {
				if reply := c.ask(send(fmt.Sprint(name, i), string(s), "x")); reply.GetAck() == nil {
					refused++
					if e := wantError(t, "a send", reply, events.CodeRateLimited); e.GetRetryAfterMs() < 1 || e.GetRetryAfterMs() > 15_000 {
						t.Errorf("it goes on after %d ms", e.GetRetryAfterMs())
					}
				}
			}
		}
		if n := len(b.world.Timeline(s)) - before; refused != 6 || n != 10 {
			t.Errorf("of 16 sends %d were refused, and %d are in the log", refused, n)
		}
		for range 5 {
			phone.past(s, "")
		}
		wantError(t, "one more read", laptop.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)), events.CodeRateLimited)
		if pong := laptop.ask(`{"id":"p","ping":{}}`); pong.GetPong() == nil {
			t.Errorf("a ping is answered with %v", pong)
		}
		pass(15 * time.Second)
		if reply := phone.ask(send("later", string(s), "x")); reply.GetAck() == nil {
			t.Errorf("a while later: %v", reply)
		}
		if reply := first.hello("u2").ask(send("other", string(s), "x")); reply.GetAck() == nil {
			t.Errorf("somebody else: %v", reply)
		}
		bot := first.connect()
		bot.hello(auth.Identity{User: "bot", Service: "bot"})
		for i := range 20 {
			if reply := bot.ask(fmt.Sprintf(`{"id":"b","client_id":"b%d","as_user":"u1","send":{"session":%q,"text":"x"}}`, i, s)); reply.GetAck() == nil {
				t.Fatalf("a service: %v", reply)
			}
		}
	})
}

// Who is a little too fast is slowed, and not refused.
func TestWhoIsALittleTooFast(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.limits = b.limiter("user.write=2/s:4")
		g := b.another("g2")
		defer g.stop()
		c := g.hello("u1")
		began := time.Now()
		for i := range 20 {
			if reply := c.ask(send(fmt.Sprint("c", i), string(s), fmt.Sprint("text ", i))); reply.GetAck() == nil {
				t.Errorf("%d was answered with %v", i, reply)
			}
		}
		if d := time.Since(began); d < 7*time.Second || d > 9*time.Second {
			t.Errorf("20 of which 4 are free, and 2 a second, took %v", d)
		}
	})
}

// Who says hello too often is refused, and may say it again later.
func TestWhoConnectsTooOften(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.limits = b.limiter("user.connect=1/m:2", "address.connect=1/m:2")
		g := b.another("g2")
		defer g.stop()
		g.hello("u1")
		g.hello("u1")
		hello := `{"id":"hello","hello":{"token":"` + b.token(auth.Identity{User: "u1"}) + `","device":"phone"}}`
		third := g.connect()
		wantError(t, "the third hello", third.ask(hello), events.CodeRateLimited)
		wantError(t, "what comes before a hello", third.ask(`{"id":"s","sync":{}}`), events.CodeHelloRequired)
		for range 3 {
			wantError(t, "again", third.ask(hello), events.CodeRateLimited)
		}
		wantError(t, "another at the same address", g.connect().ask(`{"id":"hello","hello":{"token":"`+b.token(auth.Identity{User: "u2"})+`"}}`), events.CodeRateLimited)
		pass(time.Minute)
		g.hello("u1")
	})
}
