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
					w.mortal.dead.Store(true)
					w.projector.office.close()
					close(block)
					w.crash()
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

// wantOthers has somebody told on other devices while they are active on one.
func (w *world) wantOthers(u events.UserID) {
	w.change(func() { w.reach[u].Notifications.Active = events.OthersWhileActive })
}
