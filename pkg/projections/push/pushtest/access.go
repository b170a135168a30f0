package pushtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// Access is a Fixture of a vendor that knows us by an access token, which is asked for.
type Access struct {
	Fixture
	// Life is for how long one is used.
	Life time.Duration
	// Asked is how many requests for one came so far.
	Asked func() int
	// Pass has time pass, for both.
	Pass func(time.Duration)
	// Revoke ends all that were given, before their time.
	Revoke func()
	// NoGood are names of failures by which the vendor says that one is no good.
	NoGood []string
	// Denied is what the vendor can say to who asks for one. Results that are not Retry are Misconfigured, whatever they are of letters.
	Denied []Said
}

// RunAccess checks how a service keeps its access token; open gives one each time, with none.
func RunAccess(t *testing.T, open func(t *testing.T) Access) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Access)
	}{
		{"asked for once by many", testAccessOnce}, {"renewed before it ends", testAccessRenewed}, {"one that is no good", testAccessNoGood},
		{"renewing it fails", testAccessOutage}, {"the request for it is cut", testAccessCut}, {"no answer", testAccessHangs},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
	for _, s := range open(t).Denied {
		for name := range strings.FieldsSeq(s.Names) {
			t.Run("denied "+name, func(t *testing.T) { testAccessDenied(t, open, name, s) })
		}
	}
}

// many sends letters at once, after which the token was asked for so often.
func (a *Access) many(t *testing.T, asked int) {
	t.Helper()
	answers := make(chan push.Answer)
	const calls = 20
	for range calls {
		l := a.Letter(a.Token(), "Ann", "at once")
		go func() { answers <- a.Send(context.WithoutCancel(t.Context()), []push.Letter{l})[0] }()
	}
	for range calls {
		if got := <-answers; got.Result != push.Delivered {
			t.Errorf("%+v", got)
		}
	}
	if n := a.Asked(); n != asked {
		t.Errorf("asked %d times, must be %d", n, asked)
	}
}

func testAccessOnce(t *testing.T, a Access) {
	a.many(t, 1)
	a.many(t, 1)
	a.Revoke()
	a.many(t, 2)
}

func testAccessRenewed(t *testing.T, a Access) {
	a.many(t, 1)
	a.Pass(a.Life - 5*time.Minute - time.Second)
	a.many(t, 1)
	a.Pass(2 * time.Second)
	a.many(t, 2)
	a.Pass(a.Life + time.Hour)
	a.many(t, 3)
}

// testAccessNoGood: another one is asked for once, and a letter for which that is no good either is no reason to go on asking.
func testAccessNoGood(t *testing.T, a Access) {
	a.many(t, 1)
	for i, name := range a.NoGood {
		token := a.Token()
		a.Fail(Failure{Token: token, Name: name})
		a.sending(t, 2, func() { a.delivered(t, a.Letter(token, "Ann", "x")) })
		if n := a.Asked(); n != 2+2*i {
			t.Errorf("%s once: asked %d times", name, n)
		}
		a.Fail(Failure{Token: token, Name: name, Times: 2})
		a.sending(t, 2, func() {
			if got := a.One(t, a.Letter(token, "Ann", "x")); got.Result != push.Misconfigured || got.Code != name {
				t.Errorf("%+v", got)
			}
		})
		if n := a.Asked(); n != 3+2*i {
			t.Errorf("%s twice: asked %d times", name, n)
		}
	}
}

// testAccessOutage: while the old one is good, letters go on, and another one is not asked for again at once.
func testAccessOutage(t *testing.T, a Access) {
	a.many(t, 1)
	a.Pass(a.Life - 4*time.Minute)
	for i := range 3 {
		a.Fail(Failure{Name: "cut-before"})
		a.delivered(t, a.Letter(a.Token(), "Ann", "x"))
		a.many(t, 2+i)
		a.Pass(30 * time.Second)
	}
	a.many(t, 5)
}

// testAccessCut: no letter was on its way.
func testAccessCut(t *testing.T, a Access) {
	a.Fail(Failure{Name: "cut-before"})
	l := a.Letter(a.Token(), "Ann", "x")
	a.sending(t, 0, func() { NoConnection(t, a, l) })
	a.delivered(t, l)
}

// testAccessHangs: one asks and the other waits for it, until there is no time left.
func testAccessHangs(t *testing.T, a Access) {
	a.Fail(Failure{Name: "hang"})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	l := a.Letter(a.Token(), "Ann", "x")
	answers := make(chan push.Answer, 2)
	for range cap(answers) {
		go func() { answers <- a.Send(ctx, []push.Letter{l})[0] }()
	}
	for range cap(answers) {
		if got := <-answers; got.Result != push.Retry || !got.Unsure {
			t.Errorf("%+v", got)
		}
	}
}

// testAccessDenied: without one no letter is sent, and what comes of it is what was said to who asked.
func testAccessDenied(t *testing.T, open func(t *testing.T) Access, name string, s Said) {
	for _, wait := range asked {
		a := open(t)
		a.Fail(Failure{Name: name, RetryAfter: wait})
		l := a.Letter(a.Token(), "Ann", "x")
		a.sending(t, 0, func() { s.is(t, name, wait, a.One(t, l)) })
		a.delivered(t, l)
	}
}
