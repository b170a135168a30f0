package push

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/pkg/events"
)

// What a process left open, and is not to be told any more when the next one comes to it, is settled by that one: with the reason that there is now. What may have come is taken
// back as if it had.
func TestCrashAndOverSince(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, seq events.Seq)
		reason string
		back   bool
	}{
		"read":          {func(w *world, _ events.Seq) { w.read("g", "bob") }, "read", true},
		"revoked":       {func(w *world, seq events.Seq) { w.revoke("g", "ann", seq) }, "revoked", true},
		"active":        {func(w *world, _ events.Seq) { w.connect("bob", "laptop", false) }, "user_active", false},
		"device active": {func(w *world, _ events.Seq) { w.wantOthers("bob"); w.connect("bob", "phone", false) }, "device_active", false},
	} {
		for _, called := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				test(t, func(w *world) {
					w.group("g", events.KindGroup, "ann", "bob")
					block := make(chan struct{})
					if called {
						w.fcm().answer = func(context.Context, Letter) Answer {
							<-block
							return Answer{Result: Delivered}
						}
					} else {
						w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(time.Minute))
					}
					seq := w.say("g", "ann", "hello")
					again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
					pass(3 * time.Second)
					w.crashBefore(block)
					w.fcm().answer = nil
					w.change(func() { w.down = errors.New("away") }) // nothing is decided before all is so
					w.hand(again)
					c.change(w, seq)
					w.change(func() { w.down = nil })
					pass(5 * time.Second)
					w.finished()
					if got := w.reasons("bob"); !slices.Contains(got, "message phone 2 "+c.reason) {
						t.Errorf("called %t: %q", called, got)
					}
					came := strings.Join(w.fcm().took("token-bob"), ", ")
					if back := strings.Contains(came, "withdraw"); back != (called && c.back) || strings.Count(came, "message") != map[bool]int{true: 1}[called] {
						t.Errorf("called %t: %s came", called, came)
					}
				})
			})
		}
	}
}

// A process was killed when one message was to be sent again and a later one had come: that one stays.
func TestCrashAndOvertaken(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, Code: "500", Unsure: true}, Answer{Result: Delivered})
		w.say("g", "ann", "one")
		one := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("one")})
		w.say("g", "ann", "two")
		two := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("two")})
		pass(3 * time.Second) // one is sent again after 2 s
		w.crash()
		w.hand(one, two)
		pass(10 * time.Second)
		w.finished()
		w.took("token-bob", "message: Club | Ann: one", "message: Club | Ann: two")
		w.want("bob", "message phone 2 superseded", "message phone 3 delivered")
		w.revoke("g", "ann", 3) // which the phone shows
		pass(5 * time.Second)
		w.took("token-bob", "withdraw:  | ")
	})
}

// What shows nothing is in the log once it is known what came of it: whoever comes next may have nothing to do any more.
func TestCrashWithWithdrawal(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.read("g", "bob")
		first := w.last("g", "bob", events.Read{Marker: 2})
		pass(3 * time.Second)
		w.say("g", "ann", "two")
		pass(3 * time.Second)
		w.fcm().answer = func(ctx context.Context, _ Letter) Answer {
			<-ctx.Done()
			return Answer{Result: Retry, Unsure: true}
		}
		w.read("g", "bob")
		second := w.last("g", "bob", events.Read{Marker: 3})
		pass(3 * time.Second)
		w.crash()
		w.fcm().answer = nil
		w.hand(first, second) // they wait together, and are one
		pass(5 * time.Second)
		w.finished()
		w.want("bob", "message phone 2 delivered", "withdraw phone 0 delivered", "message phone 3 delivered", "withdraw phone 0 delivered")
	})
}

// wantOthers has somebody told on other devices while they are active on one.
func (w *world) wantOthers(u events.UserID) {
	w.change(func() { w.reach[u].Notifications.Active = events.OthersWhileActive })
}
