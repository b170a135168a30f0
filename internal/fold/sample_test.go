package fold_test

import (
	"math/rand/v2"
	"testing"

	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/pkg/events"
)

// TestSample: of twelve sessions three are looked at, each as likely as any other, and what is wrong with one is told when it is
// among them, and only then.
func TestSample(t *testing.T) {
	const sessions, sample, tries = 12, 3, 120
	a := newAuthor(t)
	var altered events.SessionID
	for i := range sessions {
		s := a.open(0, "bob")
		for range i { // long ones are no likelier
			a.must(s, "ann", events.Send{Body: events.TextBody("hello")})
		}
		if i == sessions/2 {
			altered = s
		}
	}
	server, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k := newKept(t, server.Addr(), true, a.said)
	k.do("HSET", k.key(altered, "head"), "title", "another")
	found := 0
	for seed := range uint64(tries) {
		var report fold.Report
		err := fold.Verify(t.Context(), fold.Options{
			Log: k.log, Hot: k.store.Reader(), Window: window, Sample: sample, Dice: rand.New(rand.NewPCG(seed, 0)),
		}, &report)
		if err != nil {
			t.Fatal(err)
		}
		if report.Sessions != sample {
			t.Errorf("seed %d: looked at %d sessions, want %d", seed, report.Sessions, sample)
		}
		for _, d := range report.Differences {
			if d.Session != altered {
				t.Errorf("seed %d: %+v", seed, d)
			}
		}
		if len(report.Differences) > 0 {
			found++
		}
	}
	if want := tries * sample / sessions; found < want/2 || found > 2*want {
		t.Errorf("it was found %d times of %d, want about %d", found, tries, want)
	}
}
