package vivo

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// counting counts the calls for access tokens.
func counting(r *rig) *atomic.Int32 {
	var asked atomic.Int32
	next := r.server.Client().Transport
	r.Service.client = &http.Client{Transport: carrier(func(request *http.Request) (*http.Response, error) {
		if request.URL.Path == authPath {
			asked.Add(1)
		}
		return next.RoundTrip(request)
	})}
	return &asked
}

func (r *rig) delivered(t *testing.T) {
	t.Helper()
	l := r.letter("x")
	l.Note.Expires = r.clock.Add(time.Hour)
	if a := r.one(t, l); a.Result != push.Delivered {
		t.Fatalf("%+v", a)
	}
}

// TestSign has the example of the vendor's document (doc/362), as users quote it (2026-11-28).
func TestSign(t *testing.T) {
	got := sign("10004", "25509283-3767-4b9e-83fe-b6e55ac6243e", "1501484120000", "7265f2a4-ebbb-44bf-88b9-b03e67dfdc21")
	if got != "fe3b46a2befc60334c2388676a752bd6" {
		t.Error(got)
	}
}

func TestRenewal(t *testing.T) {
	r := open(t)
	asked := counting(r)
	for _, c := range []struct {
		why   string
		after func()
		asked int32
	}{
		{"the first", func() {}, 1},
		{"kept", func() { *r.clock = r.clock.Add(114 * time.Minute) }, 1},
		{"renewed as the vendor wants it", func() { *r.clock = r.clock.Add(time.Minute) }, 2},
		{"renewed when the vendor has forgotten it", r.fake.Revoke, 3},
	} {
		c.after()
		r.delivered(t)
		if n := asked.Load(); n != c.asked {
			t.Errorf("%s: asked %d times", c.why, n)
		}
	}
	l := r.letter("x")
	l.Note.Expires = r.clock.Add(time.Hour)
	r.fail(l.Token, "10000", 2)
	if a := r.one(t, l); a.Result != push.Misconfigured || a.Code != "10000" || asked.Load() != 4 {
		t.Errorf("once within a call: %+v, asked %d times", a, asked.Load())
	}
}

// TestRenewalAtOnce: many calls whose token was forgotten ask for one new one.
func TestRenewalAtOnce(t *testing.T) {
	r := open(t)
	asked := counting(r)
	r.delivered(t)
	r.fake.Revoke()
	var all sync.WaitGroup
	for range 20 {
		l := r.letter("at once")
		all.Go(func() {
			if a := r.Send(t.Context(), []push.Letter{l})[0]; a.Result != push.Delivered {
				t.Errorf("%+v", a)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}
