package push

import (
	"context"
	"fmt"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// F19: what is told once, and what is not told.
func TestOnlyWhenNeeded(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "hello")
		pass(1900 * time.Millisecond)
		w.took("token-bob")
		pass(200 * time.Millisecond)
		w.took("token-bob", "message: Club | Ann: hello")
		w.took("token-ann")
		w.read("g", "bob")
		pass(5 * time.Second)
		w.took("token-bob", "withdraw:  | ")

		w.say("g", "ann", "read at once")
		pass(time.Second)
		w.read("g", "bob")
		pass(5 * time.Second)
		w.took("token-bob")

		seq := w.say("g", "ann", "taken back")
		pass(time.Second)
		w.revoke("g", "ann", seq)
		pass(5 * time.Second)
		w.took("token-bob")

		for range 3 { // what changes no number is no news
			w.read("g", "bob")
			pass(3 * time.Second)
		}
		w.took("token-bob")
		w.finished()
		w.want("bob", "message phone 2 delivered", "withdraw phone 0 delivered", "message - 3 read", "message - 4 revoked")
	})
}

// Nothing old is told, though it be read from the log's start.
func TestNothingOld(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.sessions["g"].Seq = 100
		at := events.Millis(time.Now().Add(-MaxAge - time.Millisecond).UnixMilli())
		for i := range int64(100) {
			o := events.Outcome{Session: "g", Actor: events.Actor{User: "ann"}, Time: at, Result: events.Accepted{Seq: events.Seq(i + 1), Event: events.Sent{Index: events.Index(i + 1), Body: events.TextBody("x")}}}
			w.hand(follow.Outcome{Outcome: o, Offset: i})
			o.Time, o.Origin = events.Millis(time.Now().UnixMilli()), at // an import
			w.hand(follow.Outcome{Outcome: o, Offset: i})
		}
		pass(time.Minute)
		w.took("token-bob")
		w.finished()
		w.want("bob")
	})
}

// Whoever reads the log again tells nothing again.
func TestOnceOverRestarts(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		w.connect("cid", "laptop", false)
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: hello")
		w.took("token-cid")
		w.change(func() { w.states = nil }) // cid goes away: what was decided stands
		w.crash()
		w.hand(again)
		pass(3 * time.Second)
		w.took("token-bob")
		w.took("token-cid")
		w.finished()
		w.want("bob", "message phone 2 delivered")
		w.want("cid", "message - 2 user_active")
	})
}

// The view may be so far behind that it has a message, and not yet what was done about it before the hold ended.
func TestDoneWhileTheViewIsBehind(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		first := w.say("g", "ann", "one")
		second := w.say("g", "ann", "two")
		third := w.say("g", "ann", "three")
		pass(time.Second)
		w.happen("g", "bob", events.Read{Marker: first})
		w.happen("g", "ann", events.Revoked{Target: second})
		w.happen("g", "ann", events.Deleted{Target: third})
		pass(1500 * time.Millisecond)
		w.want("bob", "message - 2 read", "message - 3 revoked", "message - 4 deleted")
		w.want("cid", "message phone 2 delivered", "message - 3 revoked", "message - 4 deleted")
	})
}

// last is the outcome that was handed over last, as it would be read again.
func (w *world) last(s events.SessionID, by events.UserID, e events.Event) follow.Outcome {
	at := events.Millis(time.Now().UnixMilli())
	return follow.Outcome{Offset: w.offset, Outcome: events.Outcome{
		ID: events.NewID(at, "c", 0, w.offset-1), Session: s, Actor: events.Actor{User: by}, Time: at, Result: events.Accepted{Seq: w.sessions[s].Seq, Event: e},
	}}
}

// A message that was decided on, and not sent before the process ended, is sent by the next one, as is one of which nobody knows: under the
// same id, and counted.
func TestCrashBeforeSending(t *testing.T) {
	for _, called := range []bool{false, true} {
		test(t, func(w *world) {
			w.group("g", events.KindGroup, "ann", "bob")
			block := make(chan struct{})
			var ids []string
			w.fcm().answer = func(_ context.Context, l Letter) Answer {
				ids = append(ids, l.Note.ID)
				<-block
				return Answer{Result: Delivered}
			}
			if !called {
				// Left alone, so no call is made.
				w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(time.Minute))
			}
			w.say("g", "ann", "hello")
			again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
			pass(3 * time.Second)
			w.crashBefore(block)
			w.hand(again)
			pass(5 * time.Second)
			w.finished()
			w.want("bob", "message phone 2 delivered")
			log, _ := w.store.Log(t.Context(), "bob", 0, 10)
			want := Entry{Attempts: 1}
			if called {
				want = Entry{Attempts: 2, Repeats: 1}
			}
			if log[0].Attempts != want.Attempts || log[0].Repeats != want.Repeats || called && (len(ids) != 2 || ids[0] != ids[1]) {
				t.Errorf("called %v: %+v, ids %v", called, log[0], ids)
			}
		})
	}
}

// What a user gets none for, and why; and what breaks through.
func TestReasons(t *testing.T) {
	forever := events.Millis(1 << 50)
	quiet := func(r *Reach, set func(*events.Notifications)) { set(&r.Notifications) }
	sent := events.Sent{Index: 1, Body: events.TextBody("hello")}
	mention := sent
	mention.Refs.Mentions = []events.UserID{"bob"}
	call := events.Sent{Index: 1, Body: events.Body{Plain: events.Custom{Type: CallType, JSON: `{"video":true}`}}}
	now := time.Date(2000, 1, 1, 0, 0, 2, 0, time.UTC) // in a bubble, when the hold is over
	for name, c := range map[string]struct {
		set   func(w *world, r *Reach)
		event events.Event
		want  string
	}{
		"nothing against it": {func(*world, *Reach) {}, sent, "phone 2 delivered"},
		"mute":               {func(w *world, _ *Reach) { w.mutes["bob"] = map[events.SessionID]events.Millis{"g": forever} }, sent, "- 2 muted"},
		"mute that is over":  {func(w *world, _ *Reach) { w.mutes["bob"] = map[events.SessionID]events.Millis{"g": 5} }, sent, "phone 2 delivered"},
		"mute and mention":   {func(w *world, _ *Reach) { w.mutes["bob"] = map[events.SessionID]events.Millis{"g": forever} }, mention, "phone 2 delivered"},
		"pause":              {func(_ *world, r *Reach) { quiet(r, func(w *events.Notifications) { w.PauseUntil = forever }) }, mention, "- 2 paused"},
		"rest over midnight": {func(_ *world, r *Reach) {
			quiet(r, func(w *events.Notifications) { w.Rest = events.Rest{From: 22 * 60, To: 7 * 60, Zone: "UTC"} })
		}, sent, "- 2 resting"},
		"rest elsewhere": {func(_ *world, r *Reach) {
			quiet(r, func(w *events.Notifications) { w.Rest = events.Rest{From: 0, To: 7 * 60, Zone: "Asia/Shanghai"} })
		}, sent, "phone 2 delivered"},
		"rest here": {func(_ *world, r *Reach) {
			quiet(r, func(w *events.Notifications) { w.Rest = events.Rest{From: 8 * 60, To: 9 * 60, Zone: "Asia/Shanghai"} })
		}, sent, "- 2 resting"},
		"mentions only": {func(_ *world, r *Reach) {
			quiet(r, func(w *events.Notifications) { w.Messages = events.NotifyMentions })
		}, sent, "- 2 mentions_only"},
		"mentions only, and one": {func(_ *world, r *Reach) {
			quiet(r, func(w *events.Notifications) { w.Messages = events.NotifyMentions })
		}, mention, "phone 2 delivered"},
		"none":                 {func(_ *world, r *Reach) { quiet(r, func(w *events.Notifications) { w.Messages = events.NotifyNone }) }, mention, "- 2 wants_none"},
		"active on the laptop": {func(w *world, _ *Reach) { w.connect("bob", "laptop", false) }, sent, "- 2 user_active"},
		"away":                 {func(w *world, _ *Reach) { w.connect("bob", "phone", true) }, sent, "phone 2 delivered"},
		"active, others too": {func(w *world, r *Reach) {
			r.Notifications.Active = events.OthersWhileActive
			w.connect("bob", "laptop", false)
		}, sent, "phone 2 delivered"},
		"active there": {func(w *world, r *Reach) {
			r.Notifications.Active = events.OthersWhileActive
			w.connect("bob", "phone", false)
		}, sent, "phone 2 device_active"},
		"active, and a call":      {func(w *world, _ *Reach) { w.connect("bob", "laptop", false) }, call, "phone 2 delivered"},
		"banned":                  {func(_ *world, r *Reach) { r.Banned = true }, sent, "- 2 banned"},
		"closed":                  {func(_ *world, r *Reach) { r.Closed = true }, sent, "- 2 account_closed"},
		"hidden":                  {func(w *world, _ *Reach) { w.hidden["bob"] = 1 }, sent, "- 2 hidden"},
		"no token":                {func(w *world, _ *Reach) { w.register("bob", "phone", "fcm", "") }, sent, "phone 2 no_token"},
		"a service we don't have": {func(w *world, _ *Reach) { w.register("bob", "phone", "hms", "t") }, sent, "phone 2 not_configured"},
		"somebody else's token":   {func(w *world, _ *Reach) { w.register("eve", "phone", "fcm", "token-bob") }, sent, "phone 2 token_moved"},
		"one's own token, under another name": {func(w *world, r *Reach) {
			w.register("bob", "renamed", "fcm", "token-bob")
			delete(r.Devices, "renamed")
		}, sent, "phone 2 token_moved"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				w.group("g", events.KindGroup, "ann", "bob")
				if at := time.Now().Add(w.hold); !at.Equal(now) {
					t.Fatal(at)
				}
				c.set(w, w.reach["bob"])
				w.happen("g", "ann", c.event)
				pass(2100 * time.Millisecond)
				kind := Message
				if isCall(c.event.(events.Sent).Body) {
					kind = Call
				}
				w.want("bob", fmt.Sprintf("%s %s", kind, c.want))
				w.finished()
			})
		})
	}
}

// A call is told at once; contacts too are told of requests and of what came of them.
func TestOtherKinds(t *testing.T) {
	test(t, func(w *world) {
		w.group("d", events.KindDirect, "ann", "bob")
		w.happen("d", "ann", events.Sent{Index: 1, Body: events.Body{Plain: events.Custom{Type: CallType}}})
		pass(50 * time.Millisecond)
		w.took("token-bob", "call: Ann | Incoming call")
		w.change(func() { w.sessions["d"].Contact, w.sessions["d"].ContactBy = events.ContactAsked, "ann" })
		w.happen("d", "ann", events.ContactChanged{Step: events.ContactAsk, State: events.ContactAsked, Text: "it's\nme"})
		pass(3 * time.Second)
		w.took("token-bob", "contact: Ann | Ann wants to be your contact: it's me")
		w.change(func() { w.sessions["d"].Contact = events.Contacts })
		w.happen("d", "bob", events.ContactChanged{Step: events.ContactAccept, State: events.Contacts})
		pass(3 * time.Second)
		w.took("token-ann", "contact: bob | bob accepted your request")
		w.took("token-bob", "withdraw:  | ") // the request that he accepted elsewhere
		w.change(func() { w.sessions["d"].Contact = events.ContactAsked })
		w.happen("d", "ann", events.ContactChanged{Step: events.ContactAsk, State: events.ContactAsked})
		pass(time.Second)
		w.change(func() { w.sessions["d"].Contact = events.NoContacts })
		pass(3 * time.Second)
		w.took("token-bob")
		w.finished()
	})
}

// While the view is behind or away nothing is decided, and nothing lost; what waited too long is dropped.
func TestViewBehind(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "hello")
		w.change(func() { w.sessions["g"].Seq-- })
		pass(30 * time.Second)
		w.took("token-bob")
		w.change(func() {
			w.sessions["g"].Seq++
			w.down = fmt.Errorf("away")
		})
		pass(30 * time.Second)
		w.took("token-bob")
		w.change(func() {
			w.down = nil
		})
		pass(5 * time.Second)
		w.took("token-bob", "message: Club | Ann: hello")
		w.say("g", "ann", "too late")
		w.change(func() {
			w.down = fmt.Errorf("away")
		})
		pass(11 * time.Minute)
		w.change(func() {
			w.down = nil
		})
		pass(time.Minute)
		w.took("token-bob")
		w.finished()
	})
}

// However often a process is killed in the middle of a call, there are five calls.
func TestAttemptsOverCrashes(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = func(ctx context.Context, _ Letter) Answer {
			<-ctx.Done()
			return Answer{Result: Retry, Unsure: true}
		}
		w.say("g", "ann", "hello")
		again := w.last("g", "ann", events.Sent{Index: 1, Body: events.TextBody("hello")})
		for range 8 {
			pass(5 * time.Second)
			w.crash()
			w.hand(again)
		}
		pass(5 * time.Second)
		w.finished()
		w.want("bob", "message phone 2 too_many_attempts")
		if n := len(w.fcm().times()); n != MaxAttempts {
			t.Errorf("%d calls", n)
		}
	})
}
