package push

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/events"
)

func TestWithdrawHeldUp(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		bad := w.vendor("apns")
		bad.answer = answering(Answer{Result: Retry, All: true, After: 5 * time.Minute})
		w.change(func() { w.register("cid", "phone", "apns", "cid-apns") })
		seq := w.say("g", "ann", "secret")
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: secret")
		w.revoke("g", "ann", seq)
		pass(4 * time.Minute)
		w.took("token-bob", "withdraw:  | ")
	})
}

func TestTouchForEver(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, All: true, After: 9 * time.Minute})
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		w.read("g", "bob") // offset 2
		for range 120 {
			w.say("g", "ann", "more")
			pass(time.Minute)
		}
		if at, open := w.projector.Open(0); open && at < 100 {
			w.Errorf("after 2 h the first open offset is %d", at)
		}
	})
}

func TestContentWhileWaiting(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, After: time.Minute}, Answer{Result: Delivered})
		w.say("g", "ann", "secret")
		pass(3 * time.Second)
		w.change(func() {
			w.reach["bob"].Notifications.Content = events.ShowNothing
			b := events.TextBody("edited")
			w.became["g"] = map[events.Seq]Became{2: {Body: &b}}
		})
		pass(2 * time.Minute)
		w.took("token-bob", "message: Annal | New message")
	})
}

func TestPutOutage(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		f := &failing{Store: w.store}
		w.projector.office.store = f
		f.down.Store(true)
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		w.change(func() { w.register("eve", "phone", "fcm", "token-bob") })
		w.read("g", "bob")
		pass(20 * time.Minute)
		f.down.Store(false)
		pass(5 * time.Second)
		w.took("token-bob")
	})
}

type failing struct {
	Store
	down atomic.Bool
}

func (f *failing) Put(ctx context.Context, e []Entry, marks []Mark) error {
	if f.down.Load() {
		return errors.New("down")
	}
	return f.Store.Put(ctx, e, marks)
}

func TestQuietMoved(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		w.fcm().took("token-bob")
		w.change(func() { w.register("eve", "phone", "fcm", "token-bob") })
		pass(time.Minute)
		w.read("g", "bob")
		pass(5 * time.Second)
		w.took("token-bob")
	})
}

func TestQuietDead(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.fcm().answer = answering(Answer{Result: Gone})
		w.say("g", "ann", "two")
		pass(3 * time.Second)
		n := len(w.fcm().times())
		w.read("g", "bob")
		pass(5 * time.Second)
		if m := len(w.fcm().times()); m != n {
			t.Errorf("a token known to be gone was called %d times more", m-n)
		}
	})
}

func TestWithdrawNewer(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		first := true
		w.fcm().answer = func(_ context.Context, l Letter) Answer {
			if l.Note.Kind == Withdraw && first {
				first = false
				return Answer{Result: Retry, Code: "500"}
			}
			return Answer{Result: Delivered}
		}
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.hold = 0
		w.projector.opts.Hold = 0
		w.read("g", "bob")
		pass(300 * time.Millisecond)
		w.say("g", "ann", "two")
		pass(30 * time.Second)
		w.took("token-bob", "message: Club | Ann: one", "message: Club | Ann: two")
	})
}

func TestBreakerHammers(t *testing.T) {
	test(t, func(w *world) {
		users := []events.UserID{"ann"}
		for i := range 200 {
			users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
		}
		w.group("g", events.KindGroup, users...)
		w.fcm().answer = answering(Answer{Result: Retry, Unsure: true})
		c := &counting{Store: w.store}
		w.projector.office.store = c
		w.say("g", "ann", "hello")
		pass(60 * time.Second)
		calls := len(w.fcm().times())
		mf, err := w.registry.Gather()
		if err != nil {
			w.Fatal(err)
		}
		repeated := 0.0
		for _, m := range mf {
			if m.GetName() == "annal_push_repeated_total" {
				repeated = m.GetMetric()[0].GetCounter().GetValue()
			}
		}
		if n := int(c.n.Load()); n > 2*calls || int(repeated) > calls {
			w.Errorf("%d calls, %d times noted, %v said to be repeated", calls, n, repeated)
		}
	})
}

type counting struct {
	Store
	n atomic.Int64
}

func (f *counting) Put(ctx context.Context, e []Entry, marks []Mark) error {
	f.n.Add(1)
	return f.Store.Put(ctx, e, marks)
}

func TestBreakerOrder(t *testing.T) {
	test(t, func(w *world) {
		users := []events.UserID{"ann", "u1", "u2", "u3", "u4", "u5", "u6"}
		w.group("h", events.KindGroup, users...)
		w.group("g", events.KindGroup, "ann", "bob")
		w.hold = 0
		w.crash()
		var up atomic.Bool
		w.fcm().answer = func(context.Context, Letter) Answer {
			if up.Load() {
				return Answer{Result: Delivered}
			}
			return Answer{Result: Retry, Unsure: true}
		}
		w.say("h", "ann", "x")
		pass(1500 * time.Millisecond)
		up.Store(true)
		w.say("g", "ann", "older")
		pass(8700 * time.Millisecond)
		w.say("g", "ann", "newer")
		pass(30 * time.Second)
		// The older one waited for long, and may give way.
		if got := w.fcm().took("token-bob"); len(got) == 0 || got[len(got)-1] != "message: Club | Ann: newer" {
			t.Errorf("bob's phone took %q", got)
		}
	})
}

func TestCrashThenRead(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		block := make(chan struct{})
		w.fcm().answer = func(_ context.Context, l Letter) Answer { <-block; return Answer{Result: Delivered} }
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		pass(3 * time.Second)
		w.crashBefore(block)
		w.hand(again)
		w.read("g", "bob")
		pass(time.Minute)
		w.finished()
		w.took("token-bob", "message: Club | Ann: hello", "withdraw:  | ")
		w.want("bob", "message phone 2 read", "withdraw phone 0 delivered")
	})
}

func TestLostClaimed(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		block := make(chan struct{})
		w.fcm().answer = func(context.Context, Letter) Answer { <-block; return Answer{Result: Delivered} }
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		pass(3 * time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w.projector.Finish(ctx, 0)
		w.hand(again)
		pass(3 * time.Second)
		close(block)
		pass(10 * time.Second)
		if n := len(w.fcm().times()); n != 1 {
			t.Errorf("%d calls, the first of which answered before the second began", n)
		}
	})
}

func TestContactStays(t *testing.T) {
	test(t, func(w *world) {
		w.group("d", events.KindDirect, "ann", "bob")
		w.change(func() { w.sessions["d"].Contact, w.sessions["d"].ContactBy = events.ContactAsked, "ann" })
		w.happen("d", "ann", events.ContactChanged{Step: events.ContactAsk, State: events.ContactAsked})
		pass(3 * time.Second)
		w.fcm().took("token-bob")
		w.change(func() { w.sessions["d"].Contact = events.NoContacts })
		w.happen("d", "ann", events.ContactChanged{Step: events.ContactRemove, State: events.NoContacts})
		pass(30 * time.Second)
		w.took("token-bob", "withdraw:  | ")
	})
}

func TestItemsGrow(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.group("h", events.KindGroup, "ann", "cid")
		w.vendor("apns").answer = answering(Answer{Result: Retry, After: 9 * time.Minute})
		w.change(func() { w.register("bob", "phone", "apns", "b") })
		w.say("g", "ann", "pins")
		for range 60 {
			for range 100 {
				w.say("h", "ann", "a body that is kept")
			}
			pass(time.Second)
		}
		if n := len(w.projector.desks[0].items); n > 3000 {
			w.Errorf("%d items are kept", n)
		}
	})
}
