package push

import (
	"context"
	"fmt"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// ofOwn is an outcome of a user's own session, the first there.
func ofOwn(u events.UserID, e events.Event) follow.Outcome {
	now := events.Millis(time.Now().UnixMilli())
	return follow.Outcome{Offset: 99, Outcome: events.Outcome{
		ID: events.NewID(now, "c", 0, 99), Session: events.NewSelfID(u), Actor: events.Actor{User: u}, Time: now, Result: events.Accepted{Seq: 1, Event: e},
	}}
}

// TestAnswered: who answers on another device has read what was said before.
func TestAnswered(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: hello")
		w.change(func() { w.members["g"][1].Marker, w.unread["bob"] = 3, 0 })
		w.happen("g", "bob", events.Sent{Index: 2, Body: events.TextBody("hi")})
		pass(10 * time.Second)
		w.took("token-bob", "withdraw:  | ")
	})
}

// TestAnsweredInTime: and is not told of it, though the view has the answer later.
func TestAnsweredInTime(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "hello")
		pass(time.Second)
		w.happen("g", "bob", events.Sent{Index: 2, Body: events.TextBody("hi")})
		w.change(func() { w.sessions["g"].Seq-- })
		pass(2 * time.Second)
		w.took("token-bob")
		w.want("bob", "message - 2 read")
	})
}

// TestMutedLate: the number is set right once the view has what a user set for a session, however long that takes.
func TestMutedLate(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "one")
		pass(5 * time.Second)
		w.took("token-bob", "message: Club | Ann: one")
		until := events.Millis(time.Now().Add(time.Hour).UnixMilli())
		w.hand(ofOwn("bob", events.SessionSet{Session: "g", Settings: events.SettingsChange{MuteUntil: &until}}))
		pass(30 * time.Second)
		w.change(func() { w.sessions[events.NewSelfID("bob")], w.unread["bob"] = &Session{Seq: 1}, 0 })
		pass(time.Minute)
		w.took("token-bob", "badge:  | ")
		w.finished()
	})
}

// TestHiddenWhileBrought: what a user hides from themselves while its call goes on is taken back, in whatever partition it happened.
func TestHiddenWhileBrought(t *testing.T) {
	for _, partition := range []int32{0, 1} {
		test(t, func(w *world) {
			w.group("g", events.KindGroup, "ann", "bob")
			w.fcm().answer = func(_ context.Context, l Letter) Answer {
				if l.Note.Kind == Message {
					<-time.After(8 * time.Second)
				}
				return Answer{Result: Delivered}
			}
			seq := w.say("g", "ann", "secret")
			pass(3 * time.Second)
			w.change(func() { w.hidden["bob"], w.unread["bob"], w.sessions[events.NewSelfID("bob")] = 1, 0, &Session{Seq: 1} })
			o := ofOwn("bob", events.Hidden{Session: "g", Messages: []events.Numbers{{Seq: seq, Index: 1}}})
			if err := w.projector.Handle(context.Background(), partition, []follow.Outcome{o}); err != nil {
				t.Fatal(err)
			}
			pass(time.Minute)
			w.took("token-bob", "message: Club | Ann: secret", "badge:  | ", "withdraw:  | ") // nobody knew what number the call would leave
			w.finished()
		})
	}
}

// TestRemovedAndBack: who is let in again keeps what was said since.
func TestRemovedAndBack(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "one")
		w.happen("g", "ann", events.Removed{Users: []events.UserID{"bob"}})
		w.happen("g", "ann", events.Added{})
		w.change(func() {
			w.members["g"][1].Stays = []events.Stay{{From: 1, To: 3}, {From: 4}}
			w.members["g"][1].Marker = 4
		})
		w.say("g", "ann", "two")
		pass(time.Minute)
		w.took("token-bob", "message: Club | Ann: two")
		w.finished()
	})
}

// TestRemovedLate: who was removed is not told, though the view has that later.
func TestRemovedLate(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.say("g", "ann", "secret")
		pass(time.Second)
		w.happen("g", "ann", events.Removed{Users: []events.UserID{"bob"}})
		w.change(func() { w.sessions["g"].Seq-- })
		pass(2 * time.Second)
		w.took("token-bob")
		w.want("bob", "message - 2 left")
	})
}

// TestBlocked: nothing more comes of whom one blocks, neither what waits nor what is shown.
func TestBlocked(t *testing.T) {
	block := events.ContactChanged{Step: events.ContactBlock, State: events.Contacts}
	test(t, func(w *world) {
		w.group("s", events.KindDirect, "ann", "bob")
		w.say("s", "ann", "insult")
		pass(time.Second)
		w.happen("s", "bob", block)
		w.change(func() { w.sessions["s"].Seq-- })
		pass(2 * time.Second)
		w.took("token-bob")
		w.want("bob", "message - 2 blocked")
	})
	test(t, func(w *world) {
		w.group("s", events.KindDirect, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Retry, After: 20 * time.Second}, Answer{Result: Delivered})
		w.say("s", "ann", "insult")
		pass(3 * time.Second)
		w.change(func() { w.sessions["s"].Blocked = true })
		w.happen("s", "bob", block)
		pass(time.Minute)
		w.took("token-bob", "badge:  | ") // nobody knows what number the first try left
		w.want("bob", "message phone 2 blocked", "badge phone 0 delivered")
	})
	test(t, func(w *world) {
		w.group("s", events.KindDirect, "ann", "bob")
		w.say("s", "ann", "insult")
		pass(3 * time.Second)
		w.change(func() { w.sessions["s"].Blocked = true })
		w.happen("s", "bob", block)
		pass(time.Minute)
		w.took("token-bob", "message: Ann | insult", "withdraw:  | ")
	})
}

// TestSessionOutOfSight: of a session that a user hid only mentions are told, as of one that is muted.
func TestSessionOutOfSight(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.change(func() { w.reach["bob"].Hidden = true })
		w.say("g", "ann", "one")
		w.happen("g", "ann", events.Sent{Index: 2, Body: events.TextBody("two"), Refs: events.Refs{Mentions: []events.UserID{"bob"}}})
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann mentioned you: two")
	})
}

// distant is a view that takes a moment for each call.
type distant struct{ *world }

func (d distant) Session(ctx context.Context, s events.SessionID) (Session, error) {
	<-time.After(time.Millisecond)
	return d.world.Session(ctx, s)
}

func (d distant) Member(ctx context.Context, s events.SessionID, u events.UserID) (Member, error) {
	<-time.After(time.Millisecond)
	return d.world.Member(ctx, s, u)
}

func (d distant) Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]Reach, error) {
	<-time.After(time.Millisecond)
	return d.world.Reach(ctx, s, users)
}

func crowd(w *world, n int) (users []events.UserID) {
	for i := range n {
		users = append(users, events.UserID(fmt.Sprintf("u%05d", i)))
	}
	w.group("g", events.KindGroup, append(users[:n:n], "ann")...)
	w.change(func() {
		w.sessions["g"].Seq = 2
		for i := range w.members["g"] {
			w.members["g"][i].Marker = 2
		}
	})
	return users
}

// TestManyRead: that many read something holds up neither what is said there nor other sessions.
func TestManyRead(t *testing.T) {
	test(t, func(w *world) {
		w.group("s", events.KindDirect, "ann", "bob")
		users := crowd(w, 8000)
		w.projector.opts.View = distant{w}
		for _, u := range users {
			w.happen("g", u, events.Read{Marker: 2})
		}
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		began := time.Now()
		for i := range 4000 {
			w.happen("g", users[i], events.Read{Marker: 2})
		}
		w.say("s", "ann", "direct")
		if took := time.Since(began); took > time.Second {
			w.Errorf("the log was read on after %s", took)
		}
		pass(5 * time.Second)
		w.took("token-bob", "message: Ann | direct")
		w.took("token-u00001", "message: Club | Ann: hello")
		w.finished()
	})
}

// TestLogAhead: a log whose clock is an hour ahead keeps nothing open for longer than another one.
func TestLogAhead(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = answering(Answer{Result: Misconfigured})
		at := events.Millis(time.Now().Add(time.Hour).UnixMilli())
		w.change(func() { w.sessions["g"].Seq = 2 })
		w.hand(follow.Outcome{Offset: 1, Outcome: events.Outcome{
			ID: events.NewID(at, "c", 0, 1), Session: "g", Actor: events.Actor{User: "ann"}, Time: at,
			Result: events.Accepted{Seq: 2, Event: events.Sent{Index: 1, Body: events.TextBody("x")}},
		}})
		pass(11 * time.Minute)
		w.finished()
	})
}

// TestCloseWaits: nothing of a projector goes on once it is closed, decisions neither.
func TestCloseWaits(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		slow := make(chan struct{})
		w.projector.opts.View = stuck{w, slow}
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		closed := make(chan struct{})
		go func() {
			w.projector.Close()
			close(closed)
		}()
		pass(time.Minute)
		select {
		case <-closed:
			w.Error("it was closed while it was deciding")
		default:
		}
		close(slow)
		<-closed
	})
}

// stuck is a view that answers late, whatever its caller does.
type stuck struct {
	*world
	until chan struct{}
}

func (s stuck) Session(ctx context.Context, id events.SessionID) (Session, error) {
	<-s.until
	return s.world.Session(ctx, id)
}

func BenchmarkTakeBack(b *testing.B) {
	d := &desk{flying: map[events.SessionID]*flight{"g": {}}}
	for i := range 100_000 {
		d.flying["g"].add(&letter{kind: Message, person: person{user: events.UserID(fmt.Sprint(i))}, entry: Entry{Seq: 5}})
	}
	for b.Loop() {
		d.wait(&item{matter: &matter{touch: &touch{of: "g", upTo: 5}}}, []events.UserID{"nobody"})
	}
}
