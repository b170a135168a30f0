package push

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
)

// lastNumber gives the number that a phone has: the last that came with anything.
func (v *vendor) lastNumber(token string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n = -1
	for _, l := range v.came {
		if l.Token == token && l.Note.Badge >= 0 {
			n = l.Note.Badge
		}
	}
	return n
}

func (w *world) number(token string, want int) {
	w.Helper()
	if got := w.fcm().lastNumber(token); got != want {
		w.Errorf("%s shows the number %d, must %d", token, got, want)
	}
}

// readOne has bob read one session of several: so many are unread then.
func (w *world) readOne(s events.SessionID, unread int) {
	w.Helper()
	w.mu.Lock()
	seq := w.sessions[s].Seq
	for i := range w.members[s] {
		if w.members[s][i].User == "bob" {
			w.members[s][i].Marker = seq
		}
	}
	w.unread["bob"] = unread
	w.mu.Unlock()
	w.happen(s, "bob", events.Read{Marker: seq})
}

// unshown has something be unread for bob that his phone was not told of.
func (w *world) unshown(s events.SessionID) {
	w.Helper()
	w.change(func() {
		w.reach["bob"].Notifications.PauseUntil = events.Millis(time.Now().Add(4 * time.Second).UnixMilli())
	})
	w.say(s, "ann", "while paused")
	pass(5 * time.Second)
}

// The number is what is unread, whichever process set another one meanwhile.
func TestNumberOfAnotherProcess(t *testing.T) {
	test(t, func(w *world) {
		for _, s := range []events.SessionID{"g", "k", "h"} {
			w.group(s, events.KindGroup, "ann", "bob")
		}
		other := w.open(w.store, prometheus.NewRegistry())
		defer other.Close()
		w.unshown("g")
		w.say("k", "ann", "two")
		pass(5 * time.Second)
		w.number("token-bob", 2)
		w.on(other, func() { w.say("h", "ann", "three") })
		pass(5 * time.Second)
		w.number("token-bob", 3)
		w.readOne("g", 2) // the first one set the number to that
		pass(10 * time.Second)
		w.number("token-bob", 2)
	})
}

// The number is what is unread, also if that fell while a call went on that brought what it was before, and whatever came of the call.
func TestNumberInFlight(t *testing.T) {
	for name, a := range map[string]Answer{"delivered": {Result: Delivered}, "nobody knows": {Result: Retry, Unsure: true}, "refused": {Result: Refused}} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				for _, s := range []events.SessionID{"g", "k", "h"} {
					w.group(s, events.KindGroup, "ann", "bob")
				}
				w.unshown("h")
				w.say("k", "ann", "two")
				pass(5 * time.Second)
				first := true
				w.fcm().answer = func(_ context.Context, l Letter) Answer {
					if l.Note.Kind != Message || !first {
						return Answer{Result: Delivered}
					}
					first = false
					<-time.After(8 * time.Second)
					return a
				}
				w.say("g", "ann", "three") // in its call from 2 s to 10 s
				pass(3 * time.Second)
				w.readOne("h", 2) // as the phone had before
				pass(time.Minute)
				w.finished()
				w.number("token-bob", 2)
			})
		})
	}
}

// When two processes call for one phone at about the same time, its number is right in the end, whichever call lands last. That takes one call more, and no more.
func TestNumbersThatCross(t *testing.T) {
	for name, takes := range map[string]map[string]time.Duration{
		"the older lands last": {"two": 8 * time.Second, "three": time.Second}, "the newer ends last": {"two": 4 * time.Second, "three": 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				for _, s := range []events.SessionID{"g", "k"} {
					w.group(s, events.KindGroup, "ann", "bob")
				}
				other := w.open(w.store, prometheus.NewRegistry())
				defer other.Close()
				w.fcm().answer = func(_ context.Context, l Letter) Answer {
					for said, wait := range takes {
						if l.Note.Body == "Ann: "+said {
							<-time.After(wait)
						}
					}
					return Answer{Result: Delivered}
				}
				w.say("g", "ann", "two")
				pass(2500 * time.Millisecond)
				w.on(other, func() { w.say("k", "ann", "three") })
				pass(time.Minute)
				w.finished()
				w.number("token-bob", 2)
				if n := len(w.fcm().times()); n != 3 {
					t.Errorf("%d calls", n)
				}
				w.on(other, w.finished)
			})
		})
	}
}

// A phone whose user looks at it has its number from its app. So it is told what is unread once that changes elsewhere.
func TestNumberOfWhoLooks(t *testing.T) {
	for name, others := range map[string]bool{"none is told": false, "others are told": true} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", after a pause: ", waits), func(t *testing.T) {
				test(t, func(w *world) {
					w.group("g", events.KindGroup, "ann", "bob")
					if others {
						w.wantOthers("bob")
					}
					w.say("g", "ann", "one")
					pass(3 * time.Second)
					w.read("g", "bob")
					pass(3 * time.Second)
					w.number("token-bob", 0)
					w.fcm().took("token-bob")
					if waits {
						w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(5 * time.Second))
						w.say("g", "ann", "two")
						pass(3 * time.Second)
						w.connect("bob", "phone", false)
					} else {
						w.connect("bob", "phone", false)
						w.say("g", "ann", "two") // the app shows 1
					}
					pass(10 * time.Second)
					w.took("token-bob")
					w.change(func() { delete(w.states, "bob") })
					w.read("g", "bob") // on the laptop
					pass(10 * time.Second)
					w.took("token-bob", "badge:  | ")
				})
			})
		}
	}
}

// uncounted is a view that doesn't come to count what is unread of cid while that is hard.
type uncounted struct {
	*world
	hard atomic.Bool
}

func (u *uncounted) Unread(ctx context.Context, of events.UserID) (int, error) {
	if of == "cid" && u.hard.Load() {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return u.world.Unread(ctx, of)
}

func (u *uncounted) Member(ctx context.Context, s events.SessionID, of events.UserID) (Member, error) {
	if ctx.Err() != nil {
		return Member{}, ctx.Err()
	}
	return u.world.Member(ctx, s, of)
}

// What can't be counted holds up no notification: it comes without a number, which is set once it can be counted.
func TestUncounted(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		view := &uncounted{world: w}
		w.projector.office.view = view
		w.fcm().answer = func() func(context.Context, Letter) Answer {
			tries := map[string]int{}
			return func(_ context.Context, l Letter) Answer {
				if tries[l.Token]++; tries[l.Token] == 1 {
					return Answer{Result: Retry}
				}
				return Answer{Result: Delivered}
			}
		}()
		w.fcm().can = Abilities{Batch: 10, AtOnce: 1, Badge: true, Withdraw: true}
		w.say("g", "ann", "hello")
		pass(2500 * time.Millisecond)
		view.hard.Store(true)
		pass(10 * time.Second)
		w.number("token-cid", 1)
		w.took("token-cid", "message: Club | Ann: hello", "badge:  | ") // who decides can count it
		w.number("token-bob", 1)
		w.finished()
	})
}

// What waits for its next try is overtaken by what came after it, unless that was taken back since.
func TestOvertakenByWhatIsNoMore(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, After: 20 * time.Second}, Answer{Result: Delivered})
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		two := w.say("g", "ann", "two")
		pass(3 * time.Second)
		w.revoke("g", "ann", two)
		pass(time.Minute)
		w.took("token-bob", "message: Club | Ann: two", "withdraw:  | ", "message: Club | Ann: one")
		w.read("g", "bob")
		pass(time.Minute)
		w.took("token-bob", "withdraw:  | ")
		w.finished()
	})
}

// What shows nothing waits while nobody can say what the phone shows.
func TestQuietWhileTheStoreIsAway(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		f := &unseen{Store: w.store}
		w.projector.office.store = f
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: one")
		f.down.Store(true)
		w.read("g", "bob")
		pass(time.Minute)
		w.took("token-bob")
		f.down.Store(false)
		pass(5 * time.Second)
		w.took("token-bob", "withdraw:  | ")
	})
}

type unseen struct {
	Store
	down atomic.Bool
}

func (u *unseen) Phones(ctx context.Context, queries []Query) ([]Phone, error) {
	if u.down.Load() {
		return nil, errors.New("down")
	}
	return u.Store.Phones(ctx, queries)
}

// What was taken back while another process brought something newer in its place stays.
func TestWithdrawnAndShownAnew(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		other := w.open(w.store, prometheus.NewRegistry())
		defer other.Close()
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(20 * time.Second))
		w.read("g", "bob")
		pass(3 * time.Second)
		w.on(other, func() { w.say("g", "ann", "two") })
		pass(30 * time.Second)
		w.took("token-bob", "message: Club | Ann: one", "message: Club | Ann: two")
		w.finished()
	})
}
