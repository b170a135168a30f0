package push

import (
	"context"
	"sync"
	"testing"
	"time"

	"annal/pkg/events"
)

// unsettling is a store to which nothing can be said to be settled until then.
type unsettling struct {
	Store
	until time.Time
}

func (s *unsettling) Settle(ctx context.Context, settled []Settled) ([]bool, error) {
	if time.Now().Before(s.until) {
		return nil, errDead
	}
	return s.Store.Settle(ctx, settled)
}

// TestReadWhileTheStoreIsAway: what is to be brought is asked anew after the store was away, also where it was another letter of the call that waited for it.
func TestReadWhileTheStoreIsAway(t *testing.T) {
	test(t, func(w *world) {
		w.fcm().can = Abilities{Batch: 10, AtOnce: 1, Badge: true, Withdraw: true}
		s := &unsettling{Store: w.store}
		w.mortal.Store = s
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		w.projector.office.box(App{"fcm", "app"}, "").pause(time.Now().Add(10 * time.Second))
		w.say("g", "ann", "one")
		pass(5 * time.Second)
		s.until = time.Now().Add(90 * time.Second)
		w.read("g", "bob")
		pass(10 * time.Second)
		w.read("g", "cid")
		pass(260 * time.Second)
		w.want("cid", "message phone 2 read")
		w.took("token-cid")
	})
}

// memberless is a view that fails to give members so often.
type memberless struct {
	View
	mu   sync.Mutex
	fail int
}

func (m *memberless) Member(ctx context.Context, s events.SessionID, u events.UserID) (Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return Member{}, errDead
	}
	return m.View.Member(ctx, s, u)
}

func (m *memberless) failing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fail > 0
}

// TestMovedWhileAsking: a letter goes to the lane of its token, also where asking failed after that was known.
func TestMovedWhileAsking(t *testing.T) {
	test(t, func(w *world) {
		w.parts = true
		v := &memberless{View: w, fail: 1}
		w.projector.office.view = v
		w.group("g", events.KindGroup, "ann", "bob")
		w.change(func() { w.register("bob", "phone", "fcm", "a-token") })
		a := w.projector.office.box(App{"fcm", "app"}, "a-token")
		a.pause(time.Now().Add(10 * time.Second))
		w.say("g", "ann", "one")
		pass(5 * time.Second)
		w.change(func() { w.register("bob", "phone", "fcm", "b-token") })
		for v.failing() {
			pass(100 * time.Millisecond)
		}
		a.pause(time.Now().Add(20 * time.Minute))
		pass(time.Minute)
		w.took("b-token", "message: Club | Ann: one")
		if n := a.queued.Load(); n != 0 {
			t.Errorf("%d wait for what has moved", n)
		}
	})
}

// TestHiddenAtTheLastMoment: what was hidden while its call went on is taken back, however little time was left to bring it.
func TestHiddenAtTheLastMoment(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob")
		w.fcm().answer = func(_ context.Context, l Letter) Answer {
			if l.Note.Kind == Message {
				<-time.After(4 * time.Second)
			}
			return Answer{Result: Delivered}
		}
		w.say("g", "ann", "one")
		began := time.Now()
		pass(time.Second)
		w.projector.office.box(App{"fcm", "app"}, "").pause(began.Add(MaxAge - 3*time.Second))
		pass(MaxAge - 3*time.Second) // it is in its call
		w.change(func() { w.hidden["bob"] = 1 })
		pass(10 * time.Minute)
		w.took("token-bob", "message: Club | Ann: one", "withdraw:  | ")
		w.finished()
	})
}
