package pushtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"annal/pkg/projections/push"
)

// calls is how many requests notes to several phones, and notes to one, are together.
func (f *Fixture) calls(toSeveral, toOne int) int {
	if f.Calls == 0 {
		return 1
	}
	return toSeveral*f.Calls + toOne
}

// sending counts the requests that f makes.
func (f *Fixture) sending(t *testing.T, want int, do func()) {
	t.Helper()
	before := f.Sent()
	do()
	if n := f.Sent() - before; n != want {
		t.Errorf("%d requests, must be %d", n, want)
	}
}

// testSame: letters that say the same go together, and each has its own answer.
func testSame(t *testing.T, f Fixture) {
	if f.Abilities().Batch < 8 {
		return // one at a time
	}
	letters := f.Same(5, "the same")
	f.Fail(Failure{Token: letters[1].Token, Name: f.Gone})
	badge := f.Letter(f.Token(), "", "")
	badge.Note.Kind = push.Badge
	letters = append(letters, letters[0], f.Letter(f.Token(), "Ann", "else"), badge)
	want := map[int]push.Result{1: push.Gone, 7: push.Refused}
	f.sending(t, f.calls(1, 1), func() {
		for i, a := range f.send(t, letters...) {
			if want[i] == "" {
				want[i] = push.Delivered
			}
			if a.Result != want[i] || a.Result != push.Delivered && a.VendorID != "" {
				t.Errorf("letter %d: %+v", i, a)
			}
		}
	})
	for i, l := range letters[:7] {
		if shown, _, came := f.Screen(l.Token); (len(shown) == 1) != (i != 1) || f.Calls > 0 && came > 1 {
			t.Errorf("letter %d came %d times, and the phone shows %q", i, came, shown)
		}
	}
}

// testFull: as many letters as Send takes, of three notes and in any order, and of one, are no more calls than there are notes.
func testFull(t *testing.T, f Fixture) {
	each := f.Abilities().Batch / 3
	if each < 2 {
		return // one at a time
	}
	var letters []push.Letter
	for n := range 3 {
		letters = append(letters, f.Same(each, fmt.Sprint("note ", n))...)
	}
	rand.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	f.sending(t, f.calls(3, 0), func() { f.delivered(t, letters...) })
	f.sending(t, f.calls(1, 0), func() { f.delivered(t, f.Same(f.Abilities().Batch, "one note")...) })
}

// testCallFails: what is said of a call is said of all its letters.
func testCallFails(t *testing.T, f Fixture) {
	if f.Abilities().Batch < 3 {
		return // one at a time
	}
	for name, want := range map[string]push.Answer{f.Busy: {Result: push.Retry, All: true}, f.Wrong: {Result: push.Misconfigured}} {
		letters := f.Same(3, "fails")
		f.Fail(Failure{Token: letters[1].Token, Name: name})
		for i, a := range f.send(t, letters...) {
			if a.Result != want.Result || a.All != want.All || a.Unsure || a.Code == "" {
				t.Errorf("%s, letter %d: %+v", name, i, a)
			}
		}
		for _, l := range letters {
			f.shows(t, l.Token)
		}
	}
}

// testCallCut: what was on its way is in doubt, and no other. Sent again, none is shown twice.
func testCallCut(t *testing.T, f Fixture) {
	if f.Abilities().Batch < 12 {
		return // one at a time
	}
	var letters []push.Letter
	for n := range 4 {
		letters = append(letters, f.Same(3, fmt.Sprint("note ", n))...)
	}
	f.Fail(Failure{Token: letters[4].Token, Name: "cut-after"})
	for i, a := range f.send(t, letters...) {
		cut := i/3 == 1 || f.Calls == 0
		if cut != (a.Result == push.Retry && a.Unsure) || !cut && a.Result != push.Delivered || a.All {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	f.delivered(t, letters...)
	for _, l := range letters {
		f.shows(t, l.Token, [2]string{"Ann", l.Note.Body})
		if _, _, came := f.Screen(l.Token); f.Once && came != 1 {
			t.Errorf("came %d times", came)
		}
	}
}

// testNobody: what never had a connection was not taken, and neither would the next be.
func testNobody(t *testing.T, f Fixture) {
	for _, s := range f.Nobody {
		NoConnection(t, s, f.Letter(f.Token(), "Ann", "x"))
	}
}

// NoConnection checks what a service whose vendor is not there says of a letter.
func NoConnection(t *testing.T, s push.Service, l push.Letter) {
	t.Helper()
	a := s.Send(t.Context(), []push.Letter{l})[0]
	if a.Text == "" || len(a.Text) > 200 {
		t.Errorf("says %q", a.Text)
	}
	if a.Text = ""; a != (push.Answer{Result: push.Retry, All: true}) {
		t.Errorf("%+v", a)
	}
}

// testNoTime: where there is no time left nobody knows, and it is nobody else's affair.
func testNoTime(t *testing.T, f Fixture) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if a := f.Send(ended, []push.Letter{f.Letter(f.Token(), "Ann", "x")})[0]; a.Result != push.Retry || !a.Unsure || a.All {
		t.Errorf("%+v", a)
	}
}
