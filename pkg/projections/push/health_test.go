package push

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"annal/pkg/events"
)

// metric gives a metric's value, summed over its labels.
func (w *world) metric(name string) (sum float64) {
	w.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

const (
	broken = "annal_push_service_broken"
	wrong  = "annal_push_misconfigured"
)

// always gives the same answer, to calls at once too.
func always(a Answer) func(context.Context, Letter) Answer {
	return func(context.Context, Letter) Answer { return a }
}

// crowd makes a session of ann and so many others.
func (w *world) crowd(s events.SessionID, n int) []events.UserID {
	users := []events.UserID{"ann"}
	for i := range n {
		users = append(users, events.UserID(fmt.Sprintf("u%03d", i)))
	}
	w.group(s, events.KindGroup, users...)
	return users
}

// logged are lines of a log.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// logging has the projector log, debugging left out, into what it gives.
func (w *world) logging() *logged {
	l := &logged{}
	w.projector.office.logger = slog.New(slog.NewJSONHandler(l, nil))
	return l
}

// lines gives those with a text, without the time.
func (l *logged) lines(t *testing.T, text string) (lines []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		var all map[string]any
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			t.Fatal(err)
		}
		if all["msg"] == text {
			delete(all, "msg")
			delete(all, "time")
			line, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(line))
		}
	}
	return lines
}

// A service that hangs is broken until a call works: an alarm that waits for five minutes of that would never go off if it were well while it is asked.
func TestBrokenWhileAsked(t *testing.T) {
	test(t, func(w *world) {
		w.crowd("g", 30)
		var up atomic.Bool
		w.fcm().answer = func(ctx context.Context, _ Letter) Answer {
			if !up.Load() {
				<-ctx.Done()
				return Answer{Result: Retry, Unsure: true}
			}
			return Answer{Result: Delivered}
		}
		w.say("g", "ann", "1")
		pass(time.Minute)
		for second := range 300 {
			if second%60 == 0 {
				w.say("g", "ann", "more")
			}
			if w.metric(broken) != 1 {
				t.Fatalf("after %d s it is not broken any more", second)
			}
			pass(time.Second)
		}
		up.Store(true)
		pass(25 * time.Second) // a call may have begun to hang before
		if w.metric(broken) != 0 {
			t.Error("it is well, and still broken")
		}
	})
}

// What is wrong with a service is over when nobody can see any more whether it is.
func TestTroubleEnds(t *testing.T) {
	refuses, fails := Answer{Result: Misconfigured, Code: "401"}, Answer{Result: Retry, All: true, Code: "503"}
	for name, c := range map[string]struct {
		answer Answer
		metric string
		change func(w *world)
		after  time.Duration
	}{
		"the app is removed, of one that refuses": {refuses, wrong, func(w *world) { delete(w.services, App{"fcm", "app"}) }, time.Minute},
		"the app is removed, of one that fails":   {fails, broken, func(w *world) { delete(w.services, App{"fcm", "app"}) }, time.Minute},
		"other credentials": {refuses, wrong, func(w *world) {
			w.vendor("fcm").answer = always(Answer{Result: Retry, Code: "500"})
		}, 35 * time.Second},
		"all expired, of one that refuses": {refuses, wrong, func(*world) {}, 10 * time.Minute},
		"all expired, of one that fails":   {fails, broken, func(*world) {}, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(w *world) {
				w.crowd("g", 30)
				w.fcm().answer = always(c.answer)
				w.say("g", "ann", "hello")
				pass(55 * time.Second)
				if w.metric(c.metric) != 1 {
					t.Fatal("nothing is wrong yet")
				}
				w.change(func() { c.change(w) })
				pass(c.after)
				if w.metric(c.metric) != 0 {
					t.Error("it never ends")
				}
			})
		})
	}
}

// The same, when the partition goes to another process.
func TestTroubleMoves(t *testing.T) {
	test(t, func(w *world) {
		w.crowd("g", 30)
		w.fcm().answer = always(Answer{Result: Misconfigured})
		w.say("g", "ann", "hello")
		pass(10 * time.Second)
		if w.metric(wrong) != 1 {
			t.Fatal("nothing is wrong yet")
		}
		w.projector.Finish(context.Background(), 0)
		pass(time.Minute)
		if w.metric(wrong) != 0 {
			t.Error("it is still misconfigured here")
		}
	})
}

// Trouble is told where it begins and where it ends, and of which part of a service it is.
func TestTroubleIsLogged(t *testing.T) {
	test(t, func(w *world) {
		lines := w.logging()
		w.change(func() {
			w.parts = true
			for i := range 20 {
				w.register(events.UserID(fmt.Sprintf("u%03d", i)), "phone", "fcm", fmt.Sprintf("x%d", i))
			}
		})
		w.crowd("g", 20)
		w.group("h", events.KindGroup, "ann", "bob")
		var up atomic.Bool
		w.fcm().answer = func(_ context.Context, l Letter) Answer {
			switch {
			case l.Token == "token-bob":
				return Answer{Result: Misconfigured, Code: "403", Text: "no"}
			case up.Load():
				return Answer{Result: Delivered}
			}
			return Answer{Result: Retry, All: true, Code: "503", Text: "too hot"}
		}
		w.say("g", "ann", "hello")
		pass(time.Minute)
		const fails, well = "push: a service fails and is left alone", "push: a service is well again"
		if got := lines.lines(t, fails); len(got) != 1 || !strings.HasPrefix(got[0], `{"calls":5,"code":"503","level":"WARN","package":"app","part":"x","seconds":`) ||
			!strings.HasSuffix(got[0], `,"service":"fcm","text":"too hot"}`) {
			t.Errorf("%q", got)
		}
		if got := lines.lines(t, well); len(got) != 0 {
			t.Errorf("%q", got)
		}
		up.Store(true)
		pass(30 * time.Second)
		if got := lines.lines(t, well); len(got) != 1 || !strings.Contains(got[0], `"part":"x","seconds":`) {
			t.Errorf("%q", got)
		}
		w.say("h", "ann", "hello")
		pass(3 * time.Second)
		want := []string{`{"code":"403","level":"ERROR","package":"app","part":"t","service":"fcm","text":"no"}`}
		if got := lines.lines(t, "push: a service does not accept us"); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// A service that refuses what is to each of many tokens, and has taken nothing, is the wrong one for them; that it refuses one token says nothing.
func TestWrongOfRefused(t *testing.T) {
	refused := Answer{Result: Refused, Code: "BadDeviceToken"}
	test(t, func(w *world) {
		users := w.crowd("g", 100)
		var right atomic.Bool
		w.fcm().answer = func(context.Context, Letter) Answer {
			if right.Load() {
				return Answer{Result: Delivered}
			}
			return refused
		}
		w.say("g", "ann", "hello")
		pass(time.Minute)
		if w.metric(wrong) != 1 {
			t.Error("nobody is told")
		}
		right.Store(true)
		pass(time.Minute)
		n := 0
		for _, u := range users[1:] {
			if slices.Equal(w.reasons(u), []string{"message phone 2 delivered"}) {
				n++
			}
		}
		if n < 100-mostGone {
			t.Errorf("%d of 100 were told once it was put right", n)
		}
		if w.metric(wrong) != 0 {
			t.Error("it is still misconfigured")
		}
	})
	for _, answer := range []Answer{refused, {Result: Gone}} {
		test(t, func(w *world) {
			w.group("g", events.KindGroup, "ann", "bob")
			w.fcm().answer = always(answer)
			for range 3 * mostGone {
				w.change(func() { w.register("bob", "phone", "fcm", "token-bob") })
				w.say("g", "ann", "hello")
				pass(3 * time.Second)
			}
			if n := len(w.fcm().times()); n != 3*mostGone || w.metric(wrong) != 0 {
				t.Errorf("one odd token, which was called %d times, stops the service", n)
			}
		})
	}
}

// Services that fail don't fill the process, and leave room for another: as much as each of them has.
func TestRoom(t *testing.T) {
	for _, failing := range []int{1, 2, 3, 10, 100, 1000} {
		queued, all := make([]int64, failing), int64(0)
		for full := false; !full; {
			full = true
			for i := range queued {
				if room(queued[i], all) {
					queued[i]++
					all++
					full = false
				}
			}
		}
		another := int64(0)
		for room(another, all+another) {
			another++
		}
		if all > MaxQueuedInAll || queued[0] > MaxQueued || all < min(MaxQueued, MaxQueuedInAll/2) {
			t.Errorf("%d services have %d letters, one of them %d", failing, all, queued[0])
		}
		if least := int64(MaxQueuedInAll / (failing + 1) / 2); another < min(MaxQueued, least) {
			t.Errorf("beside %d services that have %d letters another has room for %d", failing, all, another)
		}
	}
}

// What there is no room for is said to be so, and forgotten; another service's letters are brought.
func TestNoRoom(t *testing.T) {
	test(t, func(w *world) {
		w.group("g", events.KindGroup, "ann", "bob", "cid")
		apns := w.vendor("apns")
		w.change(func() { w.register("cid", "phone", "apns", "token-cid") })
		o := w.projector.office
		box := o.box(App{"fcm", "app"}, "token-bob")
		box.queued.Store(80_000) // and as many in each of others
		o.queued.Store(240_000)
		w.say("g", "ann", "hello")
		pass(3 * time.Second)
		w.want("bob", "message phone 2 overload")
		w.want("cid", "message phone 2 delivered")
		if got := apns.took("token-cid"); len(got) != 1 || o.queued.Load() != 240_000 || box.queued.Load() != 80_000 {
			t.Errorf("%q; %d are queued", got, o.queued.Load())
		}
		box.queued.Store(50_000)
		w.say("g", "ann", "again")
		pass(3 * time.Second)
		w.took("token-bob", "message: Club | Ann: again")
		synctest.Wait()
		if o.queued.Load() != 240_000 || box.queued.Load() != 50_000 {
			t.Errorf("%d are queued", o.queued.Load())
		}
	})
}
