// Package pushrig puts a connector of push before its vendor's fake, for the connector's tests: what they share beside pushtest. F is the fake, C the
// connector's Config, S its Service.
package pushrig

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"annal/internal/devstack/pushfakes"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

// Vendor is a fake and its connector.
type Vendor[F pushfakes.Fake, C any, S push.Service] struct {
	App  string
	Fake func(phones *pushfakes.Phones, app string, now func() time.Time) (F, error)
	New  func(app string, config C, client *http.Client) (S, error)
	// Clock gives the service a clock; nil if it has none of its own.
	Clock func(service S, now func() time.Time)
	// Access is where access tokens are asked for; empty if there are none.
	Access string
	// Addresses are the settings that say where the vendor is.
	Addresses []string
	// These are as in pushtest.Fixture.
	Gone, Busy, Refuse, Wrong string
	Once, Badges              bool
	Calls                     int
}

// Rig is a service before its vendor.
type Rig[F pushfakes.Fake, C any, S push.Service] struct {
	pushtest.Fixture
	Service S
	Fake    F
	Server  *pushfakes.Server
	Phones  *pushfakes.Phones
	// Client is the service's. It counts, and has Instead answer.
	Client *http.Client
	// Instead answers in the vendor's place, but for access tokens. It may be nil, or give nil: the vendor answers then.
	Instead func(*http.Request) *http.Response

	t      *testing.T
	vendor *Vendor[F, C, S]
	counts counts
	// began is when both clocks stood still; passed and drift are how far ours has moved since, and how far the vendor's is before it.
	began         time.Time
	passed, drift atomic.Int64
}

// Open makes a service and a vendor of its own.
func (v Vendor[F, C, S]) Open(t *testing.T) *Rig[F, C, S] {
	t.Helper()
	r := &Rig[F, C, S]{Phones: pushfakes.NewPhones(), t: t, vendor: &v, began: time.Now(), counts: counts{all: map[string]int{}}}
	var err error
	if r.Fake, err = v.Fake(r.Phones, v.App, func() time.Time { return r.now().Add(time.Duration(r.drift.Load())) }); err != nil {
		t.Fatal(err)
	}
	if r.Server, err = pushfakes.Serve(r.Fake, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Server.Close(); err != nil {
			t.Error(err)
		}
	})
	r.Client = &http.Client{Transport: &wire{r.Server.Client().Transport.(*http.Transport), &r.counts, r.instead}}
	r.Service = r.Serve(nil)
	r.Fixture = r.fixture()
	return r
}

func (r *Rig[F, C, S]) fixture() pushtest.Fixture {
	v := r.vendor
	f := pushtest.Fixture{
		Service: r.Service, Package: v.App, Token: func() string { return r.Fake.Token(r.Server.URL) },
		Fail: func(f pushtest.Failure) { r.Fake.Faults().Add(pushfakes.Fault(f)) }, Mend: func() { r.Fake.Faults().Clear() },
		Gone: v.Gone, Busy: v.Busy, Refuse: v.Refuse, Wrong: v.Wrong, Once: v.Once, Badges: v.Badges, Calls: v.Calls,
		Screen: func(token string) (shown [][2]string, badge, came int) {
			s := r.Phone(token)
			for _, n := range s.Shown {
				shown = append(shown, [2]string{n.Title, n.Body})
			}
			return shown, s.Badge, s.Came
		},
		Sent: func() int { return r.counts.sum() - r.Asked(v.Access) }, Now: r.now,
	}
	for _, name := range v.Addresses {
		f.Nobody = append(f.Nobody, r.Serve(map[string]string{name: Nobody}))
	}
	return f
}

// Nobody is where nobody is: tcpmux, which no machine has any more.
const Nobody = "https://127.0.0.1:1"

// Serve makes a service with the fake's settings, some of them changed; $URL in one is where the fake is.
func (r *Rig[F, C, S]) Serve(change map[string]string) S {
	r.t.Helper()
	s, err := r.vendor.New(r.vendor.App, r.Config(change), r.Client)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.vendor.Clock != nil {
		r.vendor.Clock(s, r.now)
	}
	return s
}

// Config is what Serve makes one with: settings as they are read from a file.
func (r *Rig[F, C, S]) Config(change map[string]string) (c C) {
	r.t.Helper()
	settings := r.Fake.Settings(r.Server.URL)
	for name, value := range change {
		settings[name] = strings.ReplaceAll(value, "$URL", r.Server.URL)
	}
	written, err := yaml.Marshal(settings)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := yaml.Unmarshal(written, &c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *Rig[F, C, S]) now() time.Time { return r.began.Add(time.Duration(r.passed.Load())) }

// Pass has time pass, for both.
func (r *Rig[F, C, S]) Pass(d time.Duration) { r.passed.Add(int64(d)) }

// Drift has the vendor's clock be so far before ours.
func (r *Rig[F, C, S]) Drift(d time.Duration) { r.drift.Store(int64(d)) }

// Asked is how many requests came for a path.
func (r *Rig[F, C, S]) Asked(path string) int { return r.counts.of(path) }

// Phone is what a phone shows.
func (r *Rig[F, C, S]) Phone(token string) pushfakes.Screen {
	return r.Phones.Screen(pushfakes.Phone{Service: r.Fake.Name(), Package: r.vendor.App, Token: token})
}

// Write makes a letter to a phone that is new.
func (r *Rig[F, C, S]) Write(body string) push.Letter {
	return r.Letter(r.Token(), "Ann", body)
}

// Conformance runs pushtest.Run.
func (v Vendor[F, C, S]) Conformance(t *testing.T) {
	pushtest.Run(t, func(t *testing.T) pushtest.Fixture { return v.Open(t).Fixture })
}

// TestAccess runs pushtest.RunAccess with a fixture's rest; revoke ends the fake's access tokens.
func (v Vendor[F, C, S]) TestAccess(t *testing.T, how pushtest.Access, revoke func(F)) {
	pushtest.RunAccess(t, func(t *testing.T) pushtest.Access {
		r, a := v.Open(t), how
		a.Fixture, a.Asked, a.Pass, a.Revoke = r.Fixture, func() int { return r.Asked(v.Access) }, r.Pass, func() { revoke(r.Fake) }
		return a
	})
}
