package push

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/events"
)

// answering gives a vendor's answers one after another, the last one for ever. Lanes ask at once.
func answering(answers ...Answer) func(context.Context, Letter) Answer {
	var n atomic.Int64
	return func(context.Context, Letter) Answer {
		return answers[min(int(n.Add(1)), len(answers))-1]
	}
}

// However a service fails, a note is tried five times at most, further and further apart, and it is said what came of it.
func TestAttempts(t *testing.T) {
	fail := Answer{Result: Retry, Code: "500"}
	for name, c := range map[string]struct {
		answers []Answer
		calls   int
		reason  Reason
		// least and most are the time from the first to the last call.
		least, most time.Duration
	}{
		"works at once":           {[]Answer{{Result: Delivered}}, 1, Brought, 0, 0},
		"works the third time":    {[]Answer{fail, fail, {Result: Delivered}}, 3, Brought, 7500 * time.Millisecond, 13 * time.Second},
		"never works":             {[]Answer{fail}, 5, GaveUp, 127 * time.Second, 213 * time.Second},
		"says when":               {[]Answer{{Result: Retry, After: 90 * time.Second}, {Result: Delivered}}, 2, Brought, 90 * time.Second, 91 * time.Second},
		"says when, for all":      {[]Answer{{Result: Retry, All: true, After: 90 * time.Second}, {Result: Delivered}}, 2, Brought, 90 * time.Second, 92 * time.Second},
		"says after it is old":    {[]Answer{{Result: Retry, After: 10 * time.Minute}}, 1, Expired, 0, 0},
		"refuses":                 {[]Answer{{Result: Refused, Code: "400"}}, 1, NotTaken, 0, 0},
		"no answer":               {[]Answer{{Result: Retry, Unsure: true}, {Result: Delivered}}, 2, Brought, 1500 * time.Millisecond, 4 * time.Second},
		"does not accept us":      {[]Answer{{Result: Misconfigured, Code: "401"}}, 20, WrongSettings, 9 * time.Minute, 10 * time.Minute},
		"accepts us after a time": {[]Answer{{Result: Misconfigured}, {Result: Misconfigured}, {Result: Delivered}}, 3, Brought, time.Minute, 62 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				w.group("g", events.KindGroup, "ann", "bob")
				w.fcm().answer = answering(c.answers...)
				w.say("g", "ann", "hello")
				pass(11 * time.Minute)
				w.finished()
				w.want("bob", fmt.Sprintf("message phone 2 %s", c.reason))
				times := w.fcm().times()
				if last := times[len(times)-1]; len(times) != c.calls || last < c.least || last > c.most {
					t.Errorf("%d calls, after %v", len(times), times)
				}
			})
		})
	}
}

// A service that fails is left alone, but for a call now and then; letters wait, and another service's don't.
func TestFailingService(t *testing.T) {
	test(t, func(w *world) {
		users := []events.UserID{"ann"}
		for i := range 100 {
			users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
		}
		w.group("g", events.KindGroup, users...)
		apns := w.vendor("apns")
		w.change(func() { w.register("u000", "pad", "apns", "token-pad") })
		var up atomic.Bool
		w.fcm().answer = func(context.Context, Letter) Answer {
			if up.Load() {
				return Answer{Result: Delivered}
			}
			return Answer{Result: Retry, All: true, Code: "503"}
		}
		w.say("g", "ann", "hello")
		pass(2 * time.Minute)
		if got := apns.took("token-pad"); len(got) != 1 {
			t.Error("the other service got", got)
		}
		if n := len(w.fcm().times()); n > 40 {
			t.Errorf("%d calls to a service that fails", n)
		}
		if at, open := w.projector.Open(0); !open || at != 1 {
			t.Error("it is done with, though not delivered")
		}
		up.Store(true)
		pass(3 * time.Minute)
		w.finished()
		for _, u := range users[1:] {
			if got := w.reasons(u); !slices.Contains(got, "message phone 2 delivered") {
				t.Errorf("%s: %q", u, got)
			}
		}
	})
}

// F20: a token that is gone is not called again, unless it was registered since the moment that the service names.
func TestGone(t *testing.T) {
	for _, again := range []bool{false, true} {
		test(t, func(w *world) {
			w.group("g", events.KindGroup, "ann", "bob")
			w.change(func() { w.register("bob", "pad", "fcm", "token-pad") })
			pass(5 * time.Minute)
			since := events.Millis(time.Now().UnixMilli())
			pass(5 * time.Minute)
			if again {
				w.change(func() { w.register("bob", "phone", "fcm", "token-bob") })
			}
			pass(time.Minute)
			first := true
			w.fcm().answer = func(_ context.Context, l Letter) Answer {
				if l.Token == "token-bob" && first {
					first = false
					return Answer{Result: Gone, Code: "Unregistered", Since: since}
				}
				return Answer{Result: Delivered}
			}
			w.say("g", "ann", "one")
			pass(3 * time.Second)
			w.say("g", "ann", "two")
			pass(3 * time.Second)
			w.took("token-pad", "message: Club | Ann: one", "message: Club | Ann: two")
			if again {
				w.took("token-bob", "message: Club | Ann: one", "message: Club | Ann: two")
			} else {
				w.took("token-bob")
				w.want("bob", "message pad 2 delivered", "message phone 2 token_gone", "message pad 3 delivered", "message phone 3 token_gone")
			}
			if want := []Forgotten{{"bob", "phone", "token-bob", since}}; !slices.Equal(w.forgotten, want) {
				t.Errorf("forgotten %v", w.forgotten)
			}
			w.finished()
		})
	}
}

// While a letter waits, what it is about may change: it is asked again before each call, and goes to the token that is there then.
func TestStill(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		reason Reason
		token  string
	}{
		"nothing":         {func(*world) {}, Brought, "token-bob"},
		"another token":   {func(w *world) { w.register("bob", "phone", "fcm", "new") }, Brought, "new"},
		"another service": {func(w *world) { w.register("bob", "phone", "apns", "new") }, TokenReplaced, ""},
		"the device goes": {func(w *world) { delete(w.reach["bob"].Devices, "phone") }, NoDevice, ""},
		"its token goes":  {func(w *world) { w.register("bob", "phone", "fcm", "") }, NoToken, ""},
		"moved":           {func(w *world) { w.register("eve", "phone", "fcm", "token-bob") }, TokenMoved, ""},
		"revoked":         {func(w *world) { w.became["g"] = map[events.Seq]Became{2: {Revoked: true}} }, WasRevoked, ""},
		"read":            {func(w *world) { w.members["g"][1].Marker = 2 }, WasRead, ""},
		"left":            {func(w *world) { w.members["g"][1].Stays[0].To = 3 }, HasLeft, ""},
		"muted":           {func(w *world) { w.mutes["bob"] = map[events.SessionID]events.Millis{"g": 1 << 50} }, IsMuted, ""},
		"banned":          {func(w *world) { w.reach["bob"].Banned = true }, IsBanned, ""},
		"no such app":     {func(w *world) { delete(w.services, App{"fcm", "app"}) }, NotConfigured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				w.group("g", events.KindGroup, "ann", "bob")
				fcm := w.fcm()
				fcm.answer = answering(Answer{Result: Retry, Code: "500"}, Answer{Result: Delivered})
				w.say("g", "ann", "hello")
				pass(2100 * time.Millisecond)
				w.change(func() { c.change(w) })
				pass(time.Minute)
				w.want("bob", fmt.Sprintf("message phone 2 %s", c.reason))
				w.finished()
				if got := len(fcm.took(c.token)); c.token != "" && got != 1 {
					t.Errorf("%d came to %s", got, c.token)
				}
			})
		})
	}
}

// What comes to a device comes in order; what was overtaken while it waited is not shown after what overtook it.
func TestOrder(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.hold = 0
		w.crash()
		for i := range 20 {
			w.say("g", "ann", fmt.Sprint(i))
		}
		pass(time.Second)
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint("message: Club | Ann: ", i))
		}
		w.took("token-bob", want...)
		w.fcm().answer = answering(Answer{Result: Retry, Code: "500"}, Answer{Result: Delivered})
		w.say("g", "ann", "slow")
		w.say("g", "ann", "fast")
		pass(time.Minute)
		w.took("token-bob", "message: Club | Ann: fast")
		if got := w.reasons("bob"); !slices.Contains(got, "message phone 22 superseded") {
			t.Error(got)
		}
		w.finished()
	})
}

// A service that takes batches gets what waits together, one letter a device.
func TestBatches(t *testing.T) {
	test(t, func(w *world) {
		users := []events.UserID{"ann"}
		for i := range 250 {
			users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
		}
		w.fcm().can = Abilities{Batch: 100, AtOnce: 1}
		w.group("g", events.KindGroup, users...)
		w.say("g", "ann", "1")
		w.say("g", "ann", "2")
		pass(3 * time.Second)
		total := 0
		for _, c := range w.fcm().calls {
			if total += c.letters; c.letters > 100 {
				t.Error(c.letters, "in a call")
			}
		}
		if w.fcm().twice {
			t.Error("a call had two letters for a device")
		}
		if total != 500 || len(w.fcm().calls) > 10 {
			t.Errorf("%d letters in %d calls", total, len(w.fcm().calls))
		}
		w.took("token-u007", "message: Club | Ann: 1", "message: Club | Ann: 2")
		w.finished()
	})
}

// Finish waits for calls that go on, and begins none; what was not sent is the next one's.
func TestFinish(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		w.fcm().can.AtOnce = 1
		block := make(chan struct{})
		w.fcm().answer = func(context.Context, Letter) Answer { <-block; return Answer{Result: Delivered} }
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		pass(3 * time.Second)
		done := make(chan struct{})
		var left int64
		var open bool
		go func() { left, open = w.projector.Finish(context.Background(), 0); close(done) }()
		pass(time.Second)
		select {
		case <-done:
			t.Error("did not wait for a call")
		default:
		}
		close(block)
		<-done
		if !open || left != again.Offset {
			t.Errorf("%d is open: %t; want %d, which has a letter that was not sent", left, open, again.Offset)
		}
		if left, open := w.projector.Open(0); open {
			t.Errorf("%d is open of a partition that is over", left)
		}
		pass(time.Second)
		if n := len(w.fcm().times()); n != 1 {
			t.Errorf("%d calls", n)
		}
		w.hand(again)
		pass(3 * time.Second)
		if n := len(w.fcm().times()); n != 2 {
			t.Errorf("%d calls", n)
		}
		w.took("token-bob", "message: Club | Ann: hello")
		w.took("token-cid", "message: Club | Ann: hello")
		w.finished()
	})
}

// A service that calls every token dead and has taken nothing is taken for the wrong one: people keep their tokens.
func TestWrongService(t *testing.T) {
	test(t, func(w *world) {
		users := []events.UserID{"ann"}
		for i := range 100 {
			users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
		}
		w.group("g", events.KindGroup, users...)
		w.fcm().answer = answering(Answer{Result: Gone, Code: "80300007"})
		w.say("g", "ann", "hello")
		pass(11 * time.Minute)
		w.finished()
		if n := len(w.forgotten); n > mostGone {
			t.Errorf("%d tokens were forgotten", n)
		}
		n := 0
		for _, u := range users[1:] {
			if slices.Equal(w.reasons(u), []string{"message phone 2 misconfigured"}) {
				n++
			}
		}
		if n < len(users)-1-mostGone {
			t.Errorf("%d are said to be misconfigured", n)
		}
	})
}

// A part of a service that asks to wait holds up no other part.
func TestParts(t *testing.T) {
	test(t, func(w *world) {
		w.change(func() {
			w.parts = true
			w.register("bob", "phone", "fcm", "bad")
			w.register("cid", "phone", "fcm", "well")
		})
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		w.fcm().answer = func(_ context.Context, l Letter) Answer {
			if l.Token == "bad" {
				return Answer{Result: Retry, All: true, After: time.Minute}
			}
			return Answer{Result: Delivered}
		}
		w.say("g", "ann", "1")
		pass(3 * time.Second)
		w.say("g", "ann", "2")
		pass(3 * time.Second)
		w.took("well", "message: Club | Ann: 1", "message: Club | Ann: 2")
		w.took("bad")
	})
}
