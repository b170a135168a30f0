package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/events"
)

// A token that can't be forgotten now holds up nobody's letters, nor the end of a partition. It is not called meanwhile, and forgotten once that can be.
func TestForgettingHoldsUpNobody(t *testing.T) {
	test(t, func(w *world) {
		w.fcm().can.AtOnce = 1
		w.group("g", events.KindGroup, "ann", "bob")
		w.group("h", events.KindGroup, "ann", "cid")
		var away atomic.Bool
		away.Store(true)
		forget := w.projector.office.forget
		w.projector.office.forget = func(ctx context.Context, f Forgotten) error {
			if away.Load() {
				return errors.New("no leader")
			}
			return forget(ctx, f)
		}
		w.fcm().answer = func(_ context.Context, l Letter) Answer {
			if l.Token == "token-bob" {
				return Answer{Result: Gone}
			}
			return Answer{Result: Delivered}
		}
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.want("bob", "message phone 2 token_gone")
		w.say("h", "ann", "two")
		w.say("g", "ann", "three")
		pass(5 * time.Second)
		w.took("token-cid", "message: Club | Ann: two")
		if n := len(w.fcm().times()); n != 2 {
			t.Errorf("%d calls", n)
		}
		w.finished()
		away.Store(false)
		pass(5 * time.Second)
		if len(w.forgotten) != 1 || w.forgotten[0].Token != "token-bob" {
			t.Errorf("forgotten: %v", w.forgotten)
		}
	})
}

// When too many tokens wait to be forgotten, more are not, and are counted.
func TestForgettingIsBounded(t *testing.T) {
	test(t, func(w *world) {
		w.projector.office.forget = func(ctx context.Context, _ Forgotten) error { <-ctx.Done(); return ctx.Err() }
		const more = 7
		for i := range forgetAtOnce + maxForgetting + more {
			w.projector.office.gone(&letter{person: person{user: "bob", push: events.PushToken{Service: "fcm", Token: fmt.Sprint(i)}}}, 0)
			if i < forgetAtOnce {
				pass(0)
			}
		}
		if n := w.metric("annal_push_tokens_kept_total"); n != more {
			t.Errorf("%v are counted as kept, must %d", n, more)
		}
		if !w.projector.office.died(&Device{Push: events.PushToken{Service: "fcm", Token: fmt.Sprint(forgetAtOnce + maxForgetting + 1)}}) {
			t.Error("one that is kept is used")
		}
	})
}

// What a service asks all letters to wait for ends when another one is configured, with other credentials, and with the age of what waits.
func TestPauseEndsWithTheService(t *testing.T) {
	for name, a := range map[string]Answer{"asks to wait": {Result: Retry, All: true, After: 24 * time.Hour}, "does not accept us": {Result: Misconfigured}} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				w.group("g", events.KindGroup, "ann", "bob")
				w.fcm().answer = always(a)
				w.say("g", "ann", "one")
				pass(5 * time.Second)
				w.change(func() { w.vendor("fcm") })
				pass(40 * time.Second)
				w.took("token-bob", "message: Club | Ann: one")
				w.say("g", "ann", "two")
				pass(4 * time.Second)
				w.took("token-bob", "message: Club | Ann: two")
				w.finished()
			})
		})
	}
}

func TestPauseEndsWithWhatWaits(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, All: true, After: 24 * time.Hour}, Answer{Result: Delivered})
		w.say("g", "ann", "one")
		pass(11 * time.Minute)
		w.want("bob", "message phone 2 expired")
		w.finished()
		w.say("g", "ann", "two")
		pass(4 * time.Second)
		w.took("token-bob", "message: Club | Ann: two")
	})
}

// After a pause calls begin one after another, not all at the same instant.
func TestPauseEndsForOneAfterAnother(t *testing.T) {
	test(t, func(w *world) {
		w.fcm().can.AtOnce = maxLanes
		w.crowd("g", 300)
		pause := time.Minute
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(pause))
		w.fcm().answer = func(context.Context, Letter) Answer { <-time.After(5 * time.Second); return Answer{Result: Delivered} }
		w.say("g", "ann", "hello")
		pass(pause + 2*time.Second)
		times := w.fcm().times()
		slices.Sort(times)
		distinct := len(slices.Compact(slices.Clone(times)))
		if last := times[len(times)-1]; distinct < maxLanes/2 || last > resumeOver {
			t.Errorf("%d calls at %d times, the last %s after the first", len(times), distinct, last)
		}
	})
}
