// Package limitstest is the conformance suite of limits.Store: every implementation passes all of it.
package limitstest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/limits"
)

// Fixture is a store that has counted nothing.
type Fixture struct {
	limits.Store
	// Pass lets time pass for it.
	Pass func(t *testing.T, d time.Duration)
}

// Run runs the suite; open gives such a store each time.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{{"a burst, and then one by one", testBurst}, {"keys are apart", testKeys}, {"many at once", testMany}} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func take(t *testing.T, f Fixture, key string, r limits.Rate, n int) (granted int, wait time.Duration) {
	t.Helper()
	granted, wait, err := f.Take(t.Context(), key, r, n)
	if err != nil {
		t.Fatal(err)
	}
	if granted > n || granted < 0 || (granted == 0) != (wait > 0) {
		t.Errorf("of %d it grants %d, and to wait %v", n, granted, wait)
	}
	return granted, wait
}

func testBurst(t *testing.T, f Fixture) {
	r := limits.Rate{Burst: 5, Each: 400 * time.Millisecond}
	want := func(when string, n, granted int) time.Duration {
		t.Helper()
		got, wait := take(t, f, "user.write:ann", r, n)
		if got != granted {
			t.Errorf("%s: %d of %d are granted, want %d", when, got, n, granted)
		}
		return wait
	}
	want("at first", 2, 2)
	want("of what is left", 9, 3)
	wait := want("when all is taken", 1, 0)
	if wait > r.Each {
		t.Errorf("the next is there after %v, want %v at most", wait, r.Each)
	}
	f.Pass(t, wait)
	want("when that has passed", 9, 1)
	f.Pass(t, 7*r.Each)
	want("after a long time", 9, 5)
}

func testKeys(t *testing.T, f Fixture) {
	r := limits.Rate{Burst: 1, Each: time.Minute}
	for _, key := range []string{"user.write:ann", "user.write:bob", "user.read:ann", "address.connect:2001:db8::1", "device.connect:ann my 电话"} {
		if n, _ := take(t, f, key, r, 3); n != 1 {
			t.Errorf("%s is granted %d", key, n)
		}
		if n, _ := take(t, f, key, r, 3); n != 0 {
			t.Errorf("%s is granted %d more", key, n)
		}
	}
}

func testMany(t *testing.T, f Fixture) {
	r := limits.Rate{Burst: 100, Each: time.Hour}
	var granted atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				n, _, err := f.Take(t.Context(), "k", r, 3)
				if err != nil {
					t.Error(err)
				}
				granted.Add(int64(n))
			}
		})
	}
	wait.Wait()
	if n := granted.Load(); n != 100 {
		t.Errorf("%d were granted in all, want 100", n)
	}
}
