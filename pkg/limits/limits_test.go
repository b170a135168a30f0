package limits_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/limits"
	"annal/pkg/limits/limitstest"
)

func TestMemory(t *testing.T) {
	limitstest.Run(t, func(*testing.T) limitstest.Fixture {
		now := time.Unix(1_700_000_000, 0)
		return limitstest.Fixture{Store: limits.NewMemory(func() time.Time { return now }), Pass: func(_ *testing.T, d time.Duration) { now = now.Add(d) }}
	})
}

// counting counts how often it is asked, and fails when it is away.
type counting struct {
	limits.Store
	asked int
	away  bool
}

func (c *counting) Take(ctx context.Context, key string, r limits.Rate, n int) (int, time.Duration, error) {
	if c.asked++; c.away {
		return 0, 0, errors.New("away")
	}
	return c.Store.Take(ctx, key, r, n)
}

type world struct {
	*testing.T
	now   time.Time
	store *counting
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, now: time.Unix(1_700_000_000, 0)}
	w.store = &counting{Store: limits.NewMemory(w.clock)}
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) limiter(changes ...string) *limits.Limiter {
	w.Helper()
	table, err := limits.Table{}.With(changes...)
	if err != nil {
		w.Fatal(err)
	}
	return limits.New(table, w.store, w.clock, slog.New(slog.NewTextHandler(io.Discard, nil)), limits.NewMetrics(prometheus.NewRegistry()))
}

// allowed is how many of n in a row are.
func (w *world) allowed(l *limits.Limiter, c limits.Class, who limits.Who, n int) (allowed int) {
	w.Helper()
	for range n {
		if wait, ok := l.Allow(w.Context(), c, who); ok {
			allowed++
		} else if wait <= 0 {
			w.Errorf("refused, and to wait %v", wait)
		}
	}
	return allowed
}

var ann = limits.Who{User: "ann", Device: "phone", Address: "192.0.2.7"}

// Two gateways together allow what one does, but for what they keep in hand.
func TestOverAllGateways(t *testing.T) {
	w := newWorld(t)
	a, b := w.limiter("user.write=10/s:100"), w.limiter("user.write=10/s:100")
	got := 0
	for range 100 {
		got += w.allowed(a, limits.Write, ann, 1) + w.allowed(b, limits.Write, ann, 1)
	}
	if got != 100 {
		t.Errorf("of 200 at once %d were allowed, want the burst of 100", got)
	}
	if w.store.asked > 2*(100/5+1) {
		t.Errorf("the store was asked %d times for 200", w.store.asked)
	}
	before := w.store.asked
	if got := w.allowed(a, limits.Write, ann, 50); got != 0 || w.store.asked != before {
		t.Errorf("then %d were allowed, and the store was asked %d times", got, w.store.asked-before)
	}
	w.now = w.now.Add(time.Second)
	if got := w.allowed(a, limits.Write, ann, 50); got != 10 {
		t.Errorf("a second later %d were allowed, want 10", got)
	}
}

// What a gateway has in hand and does not use is no loss to whoever does little.
func TestLittleAtATime(t *testing.T) {
	for _, rate := range []string{"user.write=1/m:60", "user.write=50/s:1000"} {
		w := newWorld(t)
		l := w.limiter(rate)
		for range 200 {
			if w.allowed(l, limits.Write, ann, 1) != 1 {
				t.Fatalf("%s: one a minute is too often", rate)
			}
			w.now = w.now.Add(time.Minute)
		}
		table, err := limits.Table{}.With(rate)
		if err != nil {
			t.Fatal(err)
		}
		burst := table[limits.Kind{Scope: limits.User, Class: limits.Write}].Burst
		if got := w.allowed(l, limits.Write, ann, burst+1); got != burst {
			t.Errorf("%s: then %d are allowed at once, want %d", rate, got, burst)
		}
	}
}

// Each scope counts by itself, and a service's doings are its own.
func TestScopes(t *testing.T) {
	w := newWorld(t)
	l := w.limiter("user.write=1/m:8", "device.write=1/m:5", "address.write=1/m:20", "service.write=1/m:3", "user.read=1/m:1")
	want := func(what string, who limits.Who, n, allowed int) {
		t.Helper()
		if got := w.allowed(l, limits.Write, who, n); got != allowed {
			t.Errorf("%s: %d of %d were allowed, want %d", what, got, n, allowed)
		}
	}
	want("of a device", ann, 9, 5)
	laptop := ann
	laptop.Device = "laptop"
	want("of the user's other one", laptop, 9, 3) // what the first one was refused counts for neither
	bob := limits.Who{User: "bob", Device: "phone", Address: ann.Address}
	want("of another at the same address", bob, 9, 5)
	dan := limits.Who{User: "dan", Device: "phone", Address: ann.Address}
	want("of a third one there", dan, 9, 5)
	eve := limits.Who{User: "eve", Device: "phone", Address: ann.Address}
	want("of one for whom the address has little left", eve, 9, 2)
	eve.Address = "192.0.2.9"
	want("of the same elsewhere: what was refused there counts for nothing", eve, 9, 3)
	bot := limits.Who{User: "carol", Device: "phone", Address: "192.0.2.8", Service: "bot"}
	want("of a service", bot, 9, 3)
	bot.Service = ""
	want("of whom it did that for", bot, 9, 5)
	if got := w.allowed(l, limits.Read, ann, 3); got != 1 {
		t.Errorf("%d reads were allowed, want 1", got)
	}
	if got := w.allowed(l, limits.Connect, ann, 50); got != 50 {
		t.Errorf("%d of 50 were allowed of what has no rate", got)
	}
}

// However many want something of one key at once, the store is asked by one of them, and nothing of what it granted is lost.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	l := w.limiter("address.connect=5/s:200")
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 6 {
				if _, ok := l.Allow(t.Context(), limits.Connect, limits.Who{Address: "192.0.2.7"}); ok {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n != 200 || w.store.asked > 21 {
		t.Errorf("of 300 at once %d were allowed, want 200, and the store was asked %d times", n, w.store.asked)
	}
}

// While the store is away a gateway counts by itself, and asks now and then.
func TestTheStoreIsAway(t *testing.T) {
	w := newWorld(t)
	l := w.limiter("user.write=10/s:100")
	w.store.away = true
	if got := w.allowed(l, limits.Write, ann, 300); got != 100 || w.store.asked != 1 {
		t.Errorf("%d were allowed, want 100, and the store was asked %d times", got, w.store.asked)
	}
	w.store.away = false
	w.now = w.now.Add(2 * time.Second)
	if got := w.allowed(l, limits.Write, ann, 300); got != 100 {
		t.Errorf("once it is back %d were allowed, want what it has", got)
	}
}

func TestTables(t *testing.T) {
	table, err := limits.Defaults().With("user.write=3/m:7", "address.connect=off")
	if err != nil {
		t.Fatal(err)
	}
	if r := table[limits.Kind{Scope: limits.User, Class: limits.Write}]; r != (limits.Rate{Burst: 7, Each: 20 * time.Second}) {
		t.Errorf("3/m:7 is %+v", r)
	}
	if _, there := table[limits.Kind{Scope: limits.Address, Class: limits.Connect}]; there || len(table) != len(limits.Defaults())-1 {
		t.Errorf("the table is %+v", table)
	}
	for _, wrong := range []string{
		"", "user.write", "user.write=", "write=1/s:1", "user.write=1:1", "user.write=1/h:1", "user.write=0/s:1", "user.write=1/s", "user.write=1/s:0",
		"user.write=-1/s:1", "user.write=1/s:99999999", "user.write=9999999/s:1", "user.write=1/m:1000000", "me.write=1/s:1", "user.all=1/s:1", "user.write=1/s:1:1",
	} {
		if _, err := limits.Defaults().With(wrong); !errors.Is(err, limits.ErrTable) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.5": "203.0.113.5", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::ffff:203.0.113.5": "::ffff:203.0.113.5", "": "", "x": "x",
	} {
		if got := limits.Network(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
