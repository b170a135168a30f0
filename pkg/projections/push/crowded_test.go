package push

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/events"
)

// slowly takes each call so long.
func slowly(d time.Duration) func(context.Context, Letter) Answer {
	return func(context.Context, Letter) Answer {
		<-time.After(d)
		return Answer{Result: Delivered}
	}
}

// What a big group says in a row waits for its service, more than there is room for: nobody is told nothing, each phone is called for few of it, and a direct message does not
// wait for all that.
func TestFlood(t *testing.T) {
	test(t, func(w *world) {
		const people, said, others = 1000, 40, 70_000
		users := []events.UserID{"ann"}
		for i := range people {
			users = append(users, events.UserID(fmt.Sprintf("u%04d", i)))
		}
		w.group("g", events.KindGroup, users...)
		w.group("s", events.KindDirect, "ann", "u0000")
		w.fcm().answer = slowly(100 * time.Millisecond)
		w.projector.office.queued.Add(others)
		w.projector.office.box(App{"fcm", "app"}, "").queued.Add(others)
		for range said {
			w.say("g", "ann", "chatter")
		}
		pass(3 * time.Second)
		w.say("s", "ann", "direct")
		pass(7 * time.Second)
		if got := w.fcm().took("token-u0000"); !slices.Contains(got, "message: Ann | direct") {
			t.Errorf("after 5 s there are %q", got)
		}
		pass(10 * time.Minute)
		w.finished()
		for _, u := range users[1:] {
			got := w.reasons(u)
			last := fmt.Sprint("message phone ", said+1, " delivered")
			if overload := func(r string) bool { return strings.HasSuffix(r, string(Overload)) }; !slices.Contains(got, last) || slices.ContainsFunc(got, overload) {
				t.Fatalf("%s: %q", u, got)
			}
		}
		if n := len(w.fcm().times()); n > 3*people {
			t.Errorf("%d calls for %d places", n, people)
		}
	})
}

// While nothing holds a service up, each message is told of, however many there are in a row.
func TestNoCrowd(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = slowly(2 * time.Millisecond)
		for range 500 {
			w.say("g", "ann", "more")
		}
		pass(10 * time.Second)
		if got := w.fcm().took("token-bob"); len(got) != 500 {
			t.Errorf("%d of 500 came", len(got))
		}
	})
}

// A letter that waited for long gives way to a newer one, but not while nobody knows whether the phone shows it.
func TestGivesWay(t *testing.T) {
	for _, unsure := range []bool{false, true} {
		test(t, func(w *world) {
			w.group("g", events.KindGroup, "ann", "bob")
			w.fcm().answer = answering(Answer{Result: Retry, Unsure: unsure}, Answer{Result: Delivered})
			w.say("g", "ann", "one")
			pass(2500 * time.Millisecond)
			w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(20 * time.Second))
			w.say("g", "ann", "two")
			w.say("g", "ann", "three")
			pass(30 * time.Second)
			w.finished()
			want := []string{"message phone 2 superseded", "message phone 3 superseded", "message phone 4 delivered"}
			if unsure {
				want[0] = "message phone 2 delivered"
			}
			w.want("bob", want...)
		})
	}
}

// What gave way to a newer one is brought if that is not: nobody is told nothing since what was said last is no more.
func TestGivesWayInVain(t *testing.T) {
	for name, after := range map[string]func(w *world, seq events.Seq){
		"revoked":   func(w *world, seq events.Seq) { w.revoke("g", "ann", seq) },
		"refused":   func(*world, events.Seq) {},
		"new token": func(w *world, _ events.Seq) { w.change(func() { w.register("bob", "phone", "fcm", "token-bob-2") }) },
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				w.group("g", events.KindGroup, "ann", "bob")
				w.fcm().answer = func(_ context.Context, l Letter) Answer {
					if name == "refused" && l.Note.Body == "Ann: three" {
						return Answer{Result: Refused}
					}
					return Answer{Result: Delivered}
				}
				o := w.projector.office
				box := o.box(App{"fcm", "app"}, "")
				box.pause(time.Now().Add(10 * time.Second))
				w.say("g", "ann", "one")
				w.say("g", "ann", "two")
				w.say("g", "ann", "three")
				pass(5 * time.Second)
				after(w, 4)
				pass(20 * time.Second)
				w.finished()
				token, want := "token-bob", []string{"message phone 2 superseded", "message phone 3 delivered", "message phone 4 " + name}
				if name == "new token" {
					token, want = "token-bob-2", []string{"message phone 2 superseded", "message phone 3 superseded", "message phone 4 delivered"}
				}
				if got := w.reasons("bob"); !slices.Equal(got, want) {
					t.Errorf("%q", got)
				}
				if got := w.fcm().took(token); len(got) == 0 || (name != "new token") != (got[len(got)-1] == "message: Club | Ann: two") {
					t.Errorf("%q", got)
				}
				if box.queued.Load() != 0 || o.queued.Load() != 0 || len(box.rooms.of) != 0 {
					t.Errorf("%d are queued", box.queued.Load())
				}
			})
		})
	}
}

// But not while the newer one may be there.
func TestGivesWayToWhatMayBeThere(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = always(Answer{Result: Retry, Unsure: true})
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(10 * time.Second))
		w.say("g", "ann", "one")
		w.say("g", "ann", "two")
		pass(11 * time.Minute)
		w.finished()
		w.want("bob", "message phone 2 superseded", "message phone 3 too_many_attempts")
		if got := w.fcm().took("token-bob"); slices.Contains(got, "message: Club | Ann: one") {
			t.Errorf("%q", got)
		}
	})
}

// What gave way is over when it would be if it waited itself, so it holds up no commit.
func TestGivesWayAndExpires(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.projector.office.box(App{"fcm", "app"}, "").queued.Add(2 * manyWait)
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(MaxAge))
		w.say("g", "ann", "one")
		pass(5 * time.Minute)
		w.say("g", "ann", "two")
		pass(4 * time.Minute)
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(MaxAge))
		pass(2 * time.Minute)
		w.want("bob", "message phone 2 expired", "message phone 3 sending")
	})
}

// What there is no room for takes the place of what gives way to it.
func TestReplacedWithoutRoom(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		o := w.projector.office
		box := o.box(App{"fcm", "app"}, "")
		box.pause(time.Now().Add(10 * time.Second))
		o.queued.Add(2 * manyWait)
		box.queued.Add(2 * manyWait)
		w.say("g", "ann", "zero")
		w.say("g", "ann", "one")
		pass(3 * time.Second)
		w.want("bob", "message phone 2 sending", "message phone 3 sending")
		o.queued.Add(MaxQueued - 2*manyWait)
		box.queued.Add(MaxQueued - 2*manyWait)
		w.say("g", "ann", "two")
		pass(3 * time.Second)
		w.want("bob", "message phone 2 superseded", "message phone 3 superseded", "message phone 4 sending")
		pass(20 * time.Second)
		w.took("token-bob", "message: Club | Ann: two")
		w.finished()
		if left := box.queued.Load() - MaxQueued; left != 0 || o.queued.Load() != MaxQueued || len(box.rooms.of) != 0 {
			t.Errorf("%d are counted as queued, and of sessions %v", left, box.rooms.of)
		}
	})
}

// One session has no more than half of the room, and groups leave some to direct messages.
func TestShare(t *testing.T) {
	fill := func(mine, ofSession int64, direct bool) (n int64) {
		for share(mine+n, MaxQueued, ofSession+n, direct) && room(mine+n, mine+n) {
			n++
		}
		return n
	}
	one := fill(0, 0, false)
	other := fill(one, 0, false)
	third := fill(one+other, 0, false)
	direct := fill(one+other+third, 0, true)
	if one != MaxQueued/2 || other != MaxQueued*4/10 || third != 0 || direct != MaxQueued/10 {
		t.Errorf("there is room for %d, %d, %d, and %d direct ones", one, other, third, direct)
	}
}

// A letter that another one to the same phone has overtaken has its number counted anew.
func TestOvertakenNumber(t *testing.T) {
	test(t, func(w *world) {
		w.fcm().can = Abilities{Batch: 1, AtOnce: 1, Badge: true, Withdraw: true}
		w.group("g", events.KindGroup, "ann", "bob")
		w.group("s", events.KindDirect, "ann", "bob")
		w.fcm().answer = slowly(200 * time.Millisecond)
		w.say("g", "ann", "one")
		w.say("g", "ann", "two")
		w.say("g", "ann", "three")
		pass(100 * time.Millisecond)
		w.say("s", "ann", "direct")
		pass(1950 * time.Millisecond) // the first is in its call, the last waits with a number of before
		w.change(func() { w.unread["bob"] = 1 })
		pass(time.Minute)
		w.finished()
		w.number("token-bob", 1)
	})
}

// A queue gives all that it is given, what is to one place in order, and sessions in turn.
func TestQueue(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var q queue
		waiting := map[*letter]bool{}
		last := map[events.SessionID]map[slotKey]events.Seq{}
		now := time.Now()
		seq := events.Seq(0)
		for step := range 400 {
			if r.IntN(3) > 0 && step < 300 {
				seq++
				kind := []Kind{Message, Message, Badge}[r.IntN(3)]
				x := &letter{desk: &desk{}, kind: kind, session: events.SessionID(fmt.Sprint("g", r.IntN(3))), entry: Entry{Seq: seq}, due: now, deadline: now.Add(time.Hour), unsure: r.IntN(4) == 0}
				x.person.push.Token, x.call = fmt.Sprint("t", r.IntN(5)), r.IntN(4) == 0
				waiting[x] = true
				var old *letter
				if r.IntN(5) == 0 {
					old = q.replace(x)
				}
				if old == nil {
					q.add(x)
				}
				if old != nil {
					for _, of := range append(slices.Clone(old.gave.letters), old) {
						delete(waiting, of)
					}
				}
				continue
			}
			batch := q.take(1+r.IntN(4), r.IntN(2) == 0, now)
			if len(batch) == 0 && q.n > 0 {
				t.Fatalf("seed %d: nothing of %d is given", seed, q.n)
			}
			devices := map[string]bool{}
			for _, x := range batch {
				if !x.kind.Shown() && len(x.gave.letters) > 0 {
					t.Fatalf("seed %d: something gave way to what shows nothing", seed)
				}
				for _, of := range append(slices.Clone(x.gave.letters), x) {
					if !waiting[of] || of.entry.Seq > x.entry.Seq {
						t.Fatalf("seed %d: one is given, or gave way, that does not wait, or is newer", seed)
					}
					delete(waiting, of)
				}
			}
			for _, x := range batch {
				if last[x.session] == nil {
					last[x.session] = map[slotKey]events.Seq{}
				}
				if devices[x.person.push.Token] || last[x.session][x.slotKey()] > x.entry.Seq {
					t.Fatalf("seed %d: two to a device, or out of order", seed)
				}
				devices[x.person.push.Token], last[x.session][x.slotKey()] = true, x.entry.Seq
			}
			if held := q.n + heldBy(&q); held != len(waiting) {
				t.Fatalf("seed %d: %d wait, and %d are counted", seed, len(waiting), held)
			}
		}
		odd := func(x *letter) bool { return x.entry.Seq%2 == 1 }
		for _, x := range q.drop(odd) {
			if !odd(x) || !waiting[x] {
				t.Fatalf("seed %d: one is dropped that is not over", seed)
			}
			for _, of := range append(slices.Clone(x.gave.letters), x) {
				delete(waiting, of)
			}
		}
		for q.n > 0 {
			batch := q.take(100, false, now)
			for _, x := range batch {
				for _, of := range append(slices.Clone(x.gave.letters), x) {
					if odd(of) || !waiting[of] {
						t.Fatalf("seed %d: one is over, and not dropped", seed)
					}
					delete(waiting, of)
				}
			}
		}
		if len(waiting) > 0 || len(q.sessions) > 0 || q.turn.n > 0 {
			t.Fatalf("seed %d: %d are lost; %d sessions are left", seed, len(waiting), len(q.sessions))
		}
	}
}

// heldBy counts those that gave way to what waits.
func heldBy(q *queue) (n int) {
	for i := range q.turn.n {
		b := *q.turn.at(i)
		for j := range b.turn.n {
			s := *b.turn.at(j)
			for k := range s.letters.n {
				n += len((*s.letters.at(k)).gave.letters)
			}
		}
	}
	return n
}

// What gives way does so to what takes its place: not to a number that waits between the two, which is brought for itself.
func TestGivesWayPastANumber(t *testing.T) {
	begin := func(w *world) *outbox {
		w.group("g", events.KindGroup, "ann", "bob")
		w.group("s", events.KindDirect, "ann", "bob")
		w.say("s", "ann", "hi")
		pass(5 * time.Second)
		w.took("token-bob", "message: Ann | hi")
		box := w.projector.office.box(App{"fcm", "app"}, "")
		box.pause(time.Now().Add(20 * time.Second))
		w.say("g", "ann", "two")
		pass(3 * time.Second)
		return box
	}
	empty := func(w *world, box *outbox) {
		w.finished()
		if box.queued.Load() != 0 || len(box.rooms.of) != 0 {
			w.Errorf("%d are queued, %v", box.queued.Load(), box.rooms.of)
		}
	}
	test(t, func(w *world) { // the number is what it was
		box := begin(w)
		w.readOne("g", 0)
		pass(3 * time.Second)
		w.say("g", "ann", "three")
		pass(20 * time.Minute)
		empty(w, box)
	})
	test(t, func(w *world) { // the number is brought, and what took the place of the message is not
		box := begin(w)
		w.change(func() { w.sessions[events.NewSelfID("bob")] = &Session{Seq: 1} })
		w.hand(ofOwn("bob", events.Hidden{Session: "g", Messages: []events.Numbers{{Seq: 1, Index: 9}}}))
		pass(3 * time.Second)
		w.say("g", "ann", "three")
		pass(5 * time.Second)
		w.revoke("g", "ann", 3)
		w.change(func() { w.unread["bob"] = 7 })
		pass(5 * time.Minute)
		if took := w.fcm().took("token-bob"); !slices.Contains(took, "message: Club | Ann: two") {
			w.Error(took, w.reasons("bob"))
		}
		empty(w, box)
	})
}

// settling counts how often it is said what came of letters.
type settling struct {
	Store
	calls atomic.Int64
}

func (s *settling) Settle(ctx context.Context, settled []Settled) ([]bool, error) {
	s.calls.Add(1)
	return s.Store.Settle(ctx, settled)
}

// A flood that gave way unwinds in one go where the reason holds for all of it.
func TestFloodOfOneWhoHasGone(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		box := w.projector.office.box(App{"fcm", "app"}, "")
		box.pause(time.Now().Add(time.Minute))
		s := &settling{Store: w.store}
		w.mortal.Store = s
		for range 300 {
			w.say("g", "ann", "more")
		}
		pass(30 * time.Second)
		w.change(func() { w.reach["bob"].Devices = map[string]Device{} })
		pass(31 * time.Second)
		w.finished()
		for _, is := range w.reasons("bob") {
			if !strings.HasSuffix(is, " no_device") {
				w.Error(is)
			}
		}
		if calls := len(w.fcm().took("token-bob")); calls > 0 || box.queued.Load() != 0 || s.calls.Load() > 2 {
			w.Errorf("%d calls, %d are queued; it was noted by %d calls", calls, box.queued.Load(), s.calls.Load())
		}
	})
}

// Sessions are in turn: what there is much of is no longer in front of others than one call.
func TestQueueInTurn(t *testing.T) {
	var q queue
	now := time.Now()
	add := func(s events.SessionID, token string) *letter {
		x := &letter{desk: &desk{}, kind: Message, session: s, due: now}
		x.person.push.Token = token
		q.add(x)
		return x
	}
	for i := range 1000 {
		add("g", fmt.Sprint("t", i))
	}
	q.take(1, false, now)
	direct := add("s", "t7")
	first := q.take(1, false, now)
	second := q.take(1, false, now)
	if first[0] != direct && second[0] != direct {
		t.Error("it waits behind the group")
	}
	batch := q.take(100, false, now)
	if len(batch) != 100 {
		t.Errorf("%d in a call of 100", len(batch))
	}
}
