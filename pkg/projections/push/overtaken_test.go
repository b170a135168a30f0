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

// slow view: 5ms a call, as under load
type slow struct {
	*world
	d time.Duration
}

func (s slow) Session(ctx context.Context, x events.SessionID) (Session, error) {
	<-time.After(s.d)
	return s.world.Session(ctx, x)
}
func (s slow) Messages(ctx context.Context, x events.SessionID, q []events.Seq) (map[events.Seq]Became, error) {
	<-time.After(s.d)
	return s.world.Messages(ctx, x, q)
}
func (s slow) Member(ctx context.Context, x events.SessionID, u events.UserID) (Member, error) {
	<-time.After(s.d)
	return s.world.Member(ctx, x, u)
}
func (s slow) Reach(ctx context.Context, x events.SessionID, u []events.UserID) (map[events.UserID]Reach, error) {
	<-time.After(s.d)
	return s.world.Reach(ctx, x, u)
}
func (s slow) Holders(ctx context.Context, x []events.PushToken) ([]Holder, error) {
	<-time.After(s.d)
	return s.world.Holders(ctx, x)
}
func (s slow) Unread(ctx context.Context, u events.UserID) (int, error) {
	<-time.After(s.d)
	return s.world.Unread(ctx, u)
}

func TestLateLivelock(t *testing.T) {
	test(t, func(w *world) {
		users := []events.UserID{"ann"}
		for i := range 500 {
			users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
		}
		w.fcm().can = Abilities{Batch: 500, AtOnce: 1, Badge: true, Withdraw: true}
		w.group("g", events.KindGroup, users...)
		w.fcm().answer = nil
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(10 * time.Second)) // e.g. the service asked for it: Retry-After
		w.projector.office.view = slow{w, 8 * time.Millisecond}
		c := &counting{Store: w.store}
		w.projector.office.store = c
		w.say("g", "ann", "hello")
		pass(11 * time.Minute)
		if n := len(w.fcm().times()); n == 0 || c.n.Load() > 20 {
			t.Errorf("%d calls, noted %d times", n, c.n.Load())
		}
	})
}

// crash; older one maybe shown, and revoked; newer shown.
func TestMaybeOverNewer(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, Code: "500", Unsure: true, After: time.Minute}, Answer{Result: Delivered})
		w.say("g", "ann", "one")
		one := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("one")})
		w.say("g", "ann", "two")
		two := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("two")})
		pass(3 * time.Second)
		w.crash()
		w.took("token-bob", "message: Club | Ann: one", "message: Club | Ann: two")
		w.change(func() { w.down = errors.New("away") })
		w.hand(one, two)
		w.revoke("g", "ann", 2)
		w.change(func() { w.down = nil })
		pass(10 * time.Second)
		w.finished()
		w.took("token-bob", "badge:  | ") // it shows two, which was not revoked
		w.revoke("g", "ann", 3)
		pass(10 * time.Second)
		w.took("token-bob", "withdraw:  | ")
	})
}

// in one process: unsure, then the service is left alone until the deadline
func TestExpiredOverNewer(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, Code: "500", Unsure: true}, Answer{Result: Delivered})
		w.say("g", "ann", "one")
		w.say("g", "ann", "secret")
		pass(2500 * time.Millisecond)
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(10 * time.Minute)) // as by another's 429 with Retry-After
		pass(11 * time.Minute)
		w.took("token-bob", "message: Club | Ann: one", "message: Club | Ann: secret")
		w.revoke("g", "ann", 3)
		pass(10 * time.Second)
		w.took("token-bob", "withdraw:  | ")
	})
}

// messages of seconds ago are dropped with old ones
func TestOldBatch(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.change(func() { w.down = errors.New("away") })
		w.say("g", "ann", "a")
		pass(3 * time.Second)
		w.say("g", "ann", "b")
		pass(9*time.Minute + 55*time.Second)
		w.say("g", "ann", "fresh")
		pass(8 * time.Second)
		w.change(func() { w.down = nil })
		pass(20 * time.Second)
		w.took("token-bob", "message: Club | Ann: fresh")
	})
}

// A badge that the phone set itself
func TestUnchanged(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "a")
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: a")
		w.connect("bob", "phone", false)
		w.change(func() { w.unread["bob"] = 0 })
		w.mu.Lock()
		w.sessions["self"] = &Session{Seq: 100}
		w.mu.Unlock()
		until := events.Millis(time.Now().Add(time.Hour).UnixMilli())
		w.happen("self", "bob", events.SessionSet{Session: "g", Settings: events.SettingsChange{MuteUntil: &until}})
		pass(5 * time.Second)
		w.change(func() { w.states["bob"] = w.states["none"]; w.unread["bob"] = 1 })
		until = 0
		w.happen("self", "bob", events.SessionSet{Session: "g", Settings: events.SettingsChange{MuteUntil: &until}})
		pass(5 * time.Second)
		w.took("token-bob", "badge:  | ")
	})
}

// many touches while a service is away
func TestManyQuiet(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		for range 30 {
			w.say("g", "ann", "a")
		}
		pass(5 * time.Second)
		w.fcm().took("token-bob")
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(5 * time.Minute))
		for i := range 30 {
			w.change(func() {
				w.unread["bob"] = 29 - i
				for j := range w.members["g"] {
					if w.members["g"][j].User == "bob" {
						w.members["g"][j].Marker = events.Seq(2 + i)
					}
				}
			})
			w.happen("g", "bob", events.Read{Marker: events.Seq(2 + i)})
			pass(5 * time.Second)
		}
		pass(5 * time.Minute)
		if n := len(w.fcm().took("token-bob")); n > 2 {
			t.Errorf("%d quiet notes to one phone", n)
		}
	})
}

// older over newer by a new token
func TestTokenLanes(t *testing.T) {
	bad := 0
	for i := range 8 {
		test(t, func(w *world) {
			w.group("g", events.KindGroup, "ann", "bob")
			w.fcm().answer = answering(Answer{Result: Retry, Code: "500"}, Answer{Result: Delivered})
			w.say("g", "ann", "one")
			pass(2500 * time.Millisecond)
			tok := fmt.Sprintf("new-%d", i)
			w.change(func() { w.register("bob", "phone", "fcm", tok) })
			w.projector.opts.Hold = 0
			w.say("g", "ann", "two")
			pass(10 * time.Second)
			if got := w.fcm().took(tok); len(got) == 2 && got[1] == "message: Club | Ann: one" {
				bad++
			}
		})
	}
	if bad > 0 {
		t.Errorf("%d of 8 times the older one came last, and took the newer's place", bad)
	}
}

// a call within the hold
func TestCallSupersedes(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "are you there?")
		pass(time.Second)
		w.happen("g", "ann", events.Sent{Index: 2, Body: events.Body{Plain: events.Custom{Type: CallType, JSON: "{}"}}})
		pass(10 * time.Second)
		if got := w.fcm().took("token-bob"); len(got) != 2 {
			t.Errorf("%q", got)
		}
	})
}

// Left is merged into a Read before it
func TestMergeLeft(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "a")
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: a")
		w.change(func() {
			for j := range w.members["g"] {
				if w.members["g"][j].User == "bob" {
					w.members["g"][j].Marker = 1
				}
			}
			w.unread["bob"] = 1
		})
		w.happen("g", "bob", events.Read{Marker: 1})
		pass(1900 * time.Millisecond)
		// Left is in the log; the view comes half a second later.
		w.happen("g", "bob", events.Left{})
		w.change(func() { w.sessions["g"].Seq = 2 })
		pass(500 * time.Millisecond)
		w.change(func() { w.sessions["g"].Seq = 3; w.unread["bob"] = 0 })
		pass(20 * time.Second)
		w.finished()
		w.fcm().mu.Lock()
		for _, l := range w.fcm().came {
			t.Log(l.Note.Kind, l.Note.Badge)
		}
		if n := len(w.fcm().came); n == 0 || w.fcm().came[n-1].Note.Badge != 0 {
			t.Error("the number stays as it was before they left")
		}
		w.fcm().mu.Unlock()
	})
}

func TestLeave(t *testing.T) {
	test(t, func(w *world) {
		w.hold = 0
		w.crash()
		users := []events.UserID{"ann"}
		for i := range 64 {
			users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
		}
		w.group("g", events.KindGroup, users...)
		w.group("h", events.KindGroup, "ann", "zed")
		w.fcm().can = Abilities{Batch: 1, AtOnce: 32, Badge: true, Withdraw: true}
		var n atomic.Int64
		w.fcm().answer = func(ctx context.Context, l Letter) Answer {
			n.Add(1)
			if l.Token == "token-zed" {
				<-time.After(9500 * time.Millisecond)
				return Answer{Result: Delivered}
			}
			<-ctx.Done()
			return Answer{Result: Retry, Unsure: true, Code: "timeout"}
		}
		c := &slowStore{Store: w.store}
		w.projector.office.store = c
		w.say("h", "ann", "hello")
		pass(50 * time.Millisecond)
		w.say("g", "ann", "hello")
		pass(19 * time.Second)
		before, calls := c.puts.Load(), n.Load()
		pass(12 * time.Second)
		if puts := c.puts.Load() - before; puts > 100 {
			t.Errorf("from 19 s to 31 s: %d calls, noted %d times", n.Load()-calls, puts)
		}
	})
}

// slowStore settles in 12 s: settling takes 11 s (Redis is away for so long when zed's answer comes), all else 2 ms
type slowStore struct {
	Store
	puts atomic.Int64
}

func (f *slowStore) Put(ctx context.Context, e []Entry, marks []Mark) error {
	f.puts.Add(1)
	<-time.After(2 * time.Millisecond)
	return f.Store.Put(ctx, e, marks)
}

func (f *slowStore) Settle(ctx context.Context, s []Settled) ([]bool, error) {
	<-time.After(12 * time.Second)
	return f.Store.Settle(ctx, s)
}
