// Package pushtest is the conformance suite of push.Service: every vendor's connector passes all of it, over something that speaks
// the vendor's protocol.
package pushtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"annal/pkg/projections/push"
)

// Fixture is a service, and the phones behind it.
type Fixture struct {
	push.Service
	Package string
	// Token makes the token of a new phone.
	Token func() string
	// Fail has something fail, once if it does not say how often; Mend ends all of it.
	Fail func(Failure)
	Mend func()
	// Gone, Busy, Refuse and Wrong are names of the vendor's failures whose results are Gone, Retry with All, Refused and Misconfigured.
	Gone, Busy, Refuse, Wrong string
	// Screen gives what a phone shows: titles and bodies, the oldest first, the badge (negative for none), and how many notifications came.
	Screen func(token string) (shown [][2]string, badge, came int)
	// Sent is how many requests came to the vendor so far, but for those for access tokens.
	Sent func() int
	// Now is the time by which letters are made.
	Now func() time.Time
	// Nobody are services whose vendor is not there, nor anybody else.
	Nobody []push.Service
	// Once: the vendor knows a letter again, and brings it once.
	Once bool
	// Badges: a note that is shown sets the number at the icon, so that notes of other numbers say something else.
	Badges bool
	// Calls is how many requests one note to several phones is; 0: a batch is one, whatever it is of.
	Calls int
}

// Failure is what is to go wrong, as pushfakes.Fault has it.
type Failure struct {
	// Token is for whom; empty: whoever comes.
	Token string
	// Name is that of the vendor's own answer, or cut-before, cut-after (the letter was taken) or hang.
	Name string
	// Times is how often; 0: once.
	Times int
	// RetryAfter is what the answer asks to wait, Since when it says that the token went.
	RetryAfter time.Duration
	Since      time.Time
}

// Run runs the suite; open gives such a service each time.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"a letter is shown", testShown}, {"the place of the one before", testCollapse}, {"a batch", testBatch}, {"the same again", testAgain},
		{"results", testResults}, {"no answer", testNoAnswer}, {"some of a batch fail", testSome}, {"badges", testBadge}, {"withdrawing", testWithdraw},
		{"a body that is too long", testLong}, {"many at once", testMany}, {"nobody is there", testNobody}, {"no time", testNoTime},
		{"one note to several", testSame}, {"as many as it takes", testFull}, {"a call of several fails", testCallFails}, {"a call of several is cut", testCallCut},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

var made int

// Letter gives a letter that a projector could have written.
func (f *Fixture) Letter(token, title, body string) push.Letter {
	made++
	id := fmt.Sprintf("01890000-0000-7000-8000-%012x", made)
	return push.Letter{Token: token, Package: f.Package, Note: push.Note{
		ID: id, Kind: push.Message, Title: title, Body: body, Badge: 3,
		Collapse: fmt.Sprintf("c%031d", made), Thread: "g-1", Link: "https://chat.example/s/g-1?seq=7",
		Data: map[string]string{"kind": "message", "session": "g-1", "seq": "7", "event": id}, Urgent: true, Expires: f.Now().Add(10 * time.Minute),
	}}
}

// Note is one that has everything a note can have, the same each time.
func Note() push.Note {
	return push.Note{
		ID: "0189aaaa-0000-7000-8000-000000000001", Kind: push.Message, Title: "Ann", Body: "Hello <b>&</b>", Badge: 3, Collapse: "c-1_A", Thread: "g-1",
		Link: "https://chat.example/s/g-1?seq=7", Data: map[string]string{"kind": "message", "session": "g-1", "event": "01890000-0000-7000-8000-0000000000e1"}, Urgent: true,
	}
}

// Same gives letters of one message to several phones, each with a note of its own, and a number at the icon if the vendor has no place for it.
func (f *Fixture) Same(n int, body string) []push.Letter {
	letters := []push.Letter{f.Letter(f.Token(), "Ann", body)}
	for i := range n - 1 {
		l := letters[0]
		l.Token, l.Note.ID = f.Token(), fmt.Sprint(l.Note.ID, "-", i)
		if !f.Badges {
			l.Note.Badge = i
		}
		letters = append(letters, l)
	}
	return letters
}

// One sends one letter.
func (f *Fixture) One(t *testing.T, l push.Letter) push.Answer {
	t.Helper()
	return f.send(t, l)[0]
}

func (f *Fixture) send(t *testing.T, letters ...push.Letter) []push.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answers := f.Send(ctx, letters)
	if len(answers) != len(letters) {
		t.Fatalf("%d answers to %d letters", len(answers), len(letters))
	}
	return answers
}

func (f *Fixture) delivered(t *testing.T, letters ...push.Letter) {
	t.Helper()
	for i, a := range f.send(t, letters...) {
		if a.Result != push.Delivered {
			t.Fatalf("letter %d: %+v", i, a)
		}
	}
}

func (f *Fixture) shows(t *testing.T, token string, want ...[2]string) {
	t.Helper()
	shown, _, _ := f.Screen(token)
	if fmt.Sprint(shown) != fmt.Sprint(want) {
		t.Errorf("shows %q, must %q", shown, want)
	}
}

func testShown(t *testing.T, f Fixture) {
	a, b := f.Token(), f.Token()
	f.delivered(t, f.Letter(a, "Ann", "Hello, 世界 \"quoted\" & <b>so</b>\nsecond line"))
	f.shows(t, a, [2]string{"Ann", "Hello, 世界 \"quoted\" & <b>so</b>\nsecond line"})
	f.shows(t, b)
}

func testCollapse(t *testing.T, f Fixture) {
	token := f.Token()
	one, two, other := f.Letter(token, "Ann", "1"), f.Letter(token, "Ann", "2"), f.Letter(token, "Bob", "3")
	two.Note.Collapse = one.Note.Collapse
	f.delivered(t, one)
	f.delivered(t, other)
	f.delivered(t, two)
	f.shows(t, token, [2]string{"Bob", "3"}, [2]string{"Ann", "2"})
}

func testBatch(t *testing.T, f Fixture) {
	n := min(f.Abilities().Batch, 7)
	var letters []push.Letter
	for i := range n {
		l := f.Letter(f.Token(), "Ann", "the same for all")
		if i%3 == 2 {
			l = f.Letter(l.Token, "Bob", fmt.Sprint("number ", i))
		} else if i > 0 {
			l.Note.Collapse = letters[0].Note.Collapse
		}
		letters = append(letters, l)
	}
	f.delivered(t, letters...)
	for _, l := range letters {
		f.shows(t, l.Token, [2]string{l.Note.Title, l.Note.Body})
	}
}

// testAgain: a call that is made again since nobody knows what came of it shows one.
func testAgain(t *testing.T, f Fixture) {
	token := f.Token()
	l := f.Letter(token, "Ann", "once")
	f.delivered(t, l)
	f.delivered(t, l)
	f.shows(t, token, [2]string{"Ann", "once"})
	if _, _, came := f.Screen(token); f.Once && came != 1 {
		t.Errorf("came %d times", came)
	}
}

func testResults(t *testing.T, f Fixture) {
	// Wrong comes first: a service that accepted us may blame a token for what it says later.
	for _, c := range []struct {
		name string
		want push.Result
	}{{f.Wrong, push.Misconfigured}, {f.Gone, push.Gone}, {f.Busy, push.Retry}, {f.Refuse, push.Refused}} {
		token := f.Token()
		f.Fail(Failure{Token: token, Name: c.name})
		a := f.send(t, f.Letter(token, "Ann", "x"))[0]
		if a.Result != c.want || a.Code == "" || a.Unsure || a.All != (c.name == f.Busy) {
			t.Errorf("%s: %+v", c.name, a)
		}
		f.shows(t, token)
		f.delivered(t, f.Letter(token, "Ann", "after"))
	}
}

func testNoAnswer(t *testing.T, f Fixture) {
	token := f.Token()
	l := f.Letter(token, "Ann", "x")
	for _, name := range []string{"cut-before", "cut-after"} {
		f.Fail(Failure{Token: token, Name: name})
		if a := f.send(t, l)[0]; a.Result != push.Retry || !a.Unsure {
			t.Errorf("%s: %+v", name, a)
		}
	}
	f.delivered(t, l)
	f.shows(t, token, [2]string{"Ann", "x"})
	f.Fail(Failure{Token: token, Name: "hang"})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if a := f.Send(ctx, []push.Letter{l}); len(a) != 1 || a[0].Result != push.Retry || !a[0].Unsure {
		t.Errorf("hang: %+v", a)
	}
}

func testSome(t *testing.T, f Fixture) {
	n := min(f.Abilities().Batch, 6)
	if n < 3 {
		return // one at a time: testResults is all there is to it
	}
	var letters []push.Letter
	for range n {
		l := f.Letter(f.Token(), "Ann", "some")
		if len(letters) > 0 {
			l.Note.Collapse = letters[0].Note.Collapse
		}
		letters = append(letters, l)
	}
	f.Fail(Failure{Token: letters[1].Token, Name: f.Gone})
	for i, a := range f.send(t, letters...) {
		if want := map[bool]push.Result{true: push.Gone, false: push.Delivered}[i == 1]; a.Result != want {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
}

func testBadge(t *testing.T, f Fixture) {
	token := f.Token()
	l := f.Letter(token, "", "")
	l.Note.Kind, l.Note.Badge, l.Note.Link, l.Note.Data = push.Badge, 5, "", map[string]string{"kind": "badge"}
	answer := f.send(t, l)[0]
	if !f.Abilities().Badge {
		if answer.Result != push.Refused {
			t.Errorf("cannot, and says %+v", answer)
		}
		return
	}
	if _, badge, came := f.Screen(token); answer.Result != push.Delivered || badge != 5 || came != 0 {
		t.Errorf("%+v: badge %d, %d shown", answer, badge, came)
	}
}

func testWithdraw(t *testing.T, f Fixture) {
	token := f.Token()
	gone, stays := f.Letter(token, "Ann", "gone"), f.Letter(token, "Bob", "stays")
	f.delivered(t, stays)
	brought := f.send(t, gone)[0]
	l := f.Letter(token, "", "")
	l.Note.Kind, l.Note.Badge, l.Note.Collapse, l.Note.Brought = push.Withdraw, 0, gone.Note.Collapse, brought.VendorID
	l.Note.Data = map[string]string{"kind": "withdraw", "session": "g-1"}
	answer := f.send(t, l)[0]
	if !f.Abilities().Withdraw {
		if answer.Result != push.Refused {
			t.Errorf("cannot, and says %+v", answer)
		}
		return
	}
	if answer.Result != push.Delivered {
		t.Errorf("%+v", answer)
	}
	f.shows(t, token, [2]string{"Bob", "stays"})
}

func testLong(t *testing.T, f Fixture) {
	token := f.Token()
	text := strings.Repeat("長い文\U0001F600\"\\", 6000)
	f.delivered(t, f.Letter(token, strings.Repeat("名", 100), text))
	shown, _, _ := f.Screen(token)
	if len(shown) != 1 {
		t.Fatalf("shows %d", len(shown))
	}
	body := strings.TrimSuffix(shown[0][1], "…")
	if body == "" || !utf8.ValidString(body) || !strings.HasPrefix(text, body) {
		t.Errorf("the body is %q", body)
	}
}

func testMany(t *testing.T, f Fixture) {
	const calls = 40
	failed := make(chan push.Answer, calls)
	var letters []push.Letter
	for range calls {
		letters = append(letters, f.Letter(f.Token(), "Ann", "at once"))
	}
	room := make(chan struct{}, f.Abilities().AtOnce)
	for _, l := range letters {
		room <- struct{}{}
		go func() {
			defer func() { <-room }()
			failed <- f.Send(context.WithoutCancel(t.Context()), []push.Letter{l})[0]
		}()
	}
	for range calls {
		if a := <-failed; a.Result != push.Delivered {
			t.Errorf("%+v", a)
		}
	}
}
