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

// What a process left open, of somebody whom the next one does not come to any more, ends with the reason for that, and is not brought.
func TestCrashAndUnmet(t *testing.T) {
	leave := func(w *world) { w.members["g"][1].Stays[0].To = w.sessions["g"].Seq }
	for name, c := range map[string]struct {
		change func(w *world)
		reason string
	}{
		"no device":      {func(w *world) { clear(w.reach["bob"].Devices) }, "no_device"},
		"another device": {func(w *world) { delete(w.reach["bob"].Devices, "phone"); w.register("bob", "pad", "fcm", "token-pad") }, "no_device"},
		"left":           {leave, "left"},
		"sees it no more": {func(w *world) {
			w.sessions["g"].Policy.History = events.HistoryStay
			w.members["g"][1].Stays[0].From = 3
		}, "left"},
		"closed": {func(w *world) { leave(w); w.reach["bob"] = &Reach{Closed: true} }, "account_closed"},
		"banned": {func(w *world) { w.reach["bob"] = &Reach{Banned: true} }, "banned"},
	} {
		for _, called := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				test(t, func(w *world) {
					w.group("g", events.KindGroup, "ann", "bob", "cid")
					w.sessions["g"].Policy.History = events.HistoryAll
					block := make(chan struct{})
					if called {
						w.fcm().answer = func(context.Context, Letter) Answer {
							<-block
							return Answer{Result: Delivered}
						}
					} else {
						w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(time.Minute))
					}
					w.say("g", "ann", "hello")
					again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
					pass(3 * time.Second)
					w.crashBefore(block)
					w.fcm().answer = nil
					w.change(func() { c.change(w) })
					w.hand(again)
					pass(5 * time.Second)
					w.finished()
					if got := w.reasons("bob"); !slices.Contains(got, "message phone 2 "+c.reason) {
						t.Errorf("called %t: %q", called, got)
					}
					w.want("cid", "message phone 2 delivered")
					came := strings.Count(strings.Join(w.fcm().took("token-bob"), ", "), "message")
					if came != map[bool]int{true: 1}[called] {
						t.Errorf("called %t: %d came", called, came)
					}
				})
			})
		}
	}
}

// What may have come to somebody who left before the next process decided is taken back as if it had.
func TestCrashAndLeft(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = func(ctx context.Context, _ Letter) Answer {
			<-ctx.Done()
			return Answer{Result: Retry, Unsure: true}
		}
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		pass(3 * time.Second)
		w.crash()
		w.fcm().answer = nil
		w.hand(again)
		w.change(func() { w.members["g"][1].Stays[0].To = 3 })
		w.happen("g", "bob", events.Left{})
		pass(5 * time.Second)
		w.finished()
		w.want("bob", "message phone 2 left", "withdraw phone 0 delivered")
		w.took("token-bob", "message: Club | Ann: hello", "withdraw:  | ")
	})
}

// While the store is away nothing is settled, and what was sent already is not sent again for that.
func TestUnmetWhileTheStoreIsAway(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.mortal.closed.Store(true)
		w.say("g", "ann", "hello")
		pass(5 * time.Second)
		w.took("token-bob", "message: Club | Ann: hello")
		if _, open := w.projector.Open(0); !open {
			t.Error("it is finished")
		}
		w.mortal.closed.Store(false)
		pass(5 * time.Second)
		w.finished()
		w.took("token-bob")
		w.want("bob", "message phone 2 delivered")
	})
}

// What nobody can have handed over is not asked about.
func TestUnmetOfOwn(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "one")
		pass(clocksApart + time.Second)
		asked := w.mortal.asked.Load()
		two := w.say("g", "ann", "two")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("two")})
		pass(5 * time.Second)
		if n := w.mortal.asked.Load(); asked != 1 || n != asked {
			t.Errorf("asked %d times before, and %d after", asked, n-asked)
		}
		if two != 3 {
			t.Fatal(two)
		}
		w.hand(again) // that was decided before
		pass(5 * time.Second)
		if n := w.mortal.asked.Load(); n != asked+1 {
			t.Errorf("asked %d times of what was decided before", n-asked)
		}
	})
}

// An entry that whoever had it never came to settle, and none came after in time, reads as what it is.
func TestOpenForEver(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(time.Hour))
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		pass(3 * time.Second)
		w.mortal.dead.Store(true)
		w.projector.Close()
		pass(MaxAge + time.Minute)
		w.start()
		w.hand(again)
		w.finished()
		w.want("bob", "message phone 2 sending")
		pass(KeepOpen - MaxAge)
		w.want("bob", "message phone 2 expired")
	})
}

// What another one who lives puts meanwhile, for a device that was not there when it was decided here, is left to that one.
func TestUnmetOfAnother(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		delete(w.reach["bob"].Devices, "phone")
		w.mortal.asking = func(about []Subject) {
			a := about[0]
			w.change(func() { w.register("bob", "phone", "fcm", "token-bob") })
			e := Entry{ID: "0", User: "bob", At: a.At, Session: a.Session, Seq: a.Seq, Kind: Message, Reason: toDevices, Ahead: []string{"1"}}
			of := e
			of.ID, of.Device, of.Reason, of.Ahead = "1", "phone", Sending, nil
			if _, err := w.store.Decide(t.Context(), []Entry{e, of}); err != nil {
				t.Error(err)
			}
		}
		w.say("g", "ann", "hello")
		pass(5 * time.Second)
		w.finished()
		w.want("bob", "message phone 2 sending")
	})
}

var errClosed = errors.New("nobody says what is open")

func (m *mortal) Open(ctx context.Context, about []Subject) ([]Entry, error) {
	m.asked.Add(1)
	if m.asking != nil {
		m.asking(about)
	}
	if m.closed.Load() {
		return nil, errClosed
	}
	return m.Store.Open(ctx, about)
}
