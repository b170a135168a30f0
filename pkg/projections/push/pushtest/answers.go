package pushtest

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// Said is what a vendor can say to a letter, and what that comes to.
type Said struct {
	// Names are those of the failures that have it said, separated by blanks.
	Names string
	// Want is the answer where the vendor does not ask to wait. An empty Code is the failure's name; Text is the vendor's own.
	Want push.Answer
	// Bare: it says nothing beside its code.
	Bare bool
	// Obeyed: what it asks to wait counts although it is shorter than what is waited otherwise.
	Obeyed bool
}

// asked is what vendors ask to wait, shorter and longer than what is waited otherwise.
var asked = []time.Duration{0, 17 * time.Second, 3 * time.Hour}

// Answers checks all that a vendor is documented to say; documented are names that have to be among those of said.
func Answers(t *testing.T, f Fixture, said []Said, documented ...string) {
	tried := map[string]bool{}
	for _, s := range said {
		for name := range strings.FieldsSeq(s.Names) {
			tried[name] = true
			t.Run(name, func(t *testing.T) {
				for _, wait := range asked {
					token := f.Token()
					// Twice, since what is wrong with an access token is mended by another one.
					f.Fail(Failure{Token: token, Name: name, Times: 2, RetryAfter: wait, Since: time.UnixMilli(int64(Since))})
					s.is(t, name, wait, f.One(t, f.Letter(token, "Ann", "x")))
					f.Mend()
				}
			})
		}
	}
	if i := slices.IndexFunc(documented, func(name string) bool { return !tried[name] }); i >= 0 {
		t.Errorf("%s is documented, and is not tried", documented[i])
	}
}

// Since is when tokens went in Answers, where the vendor says so.
const Since events.Millis = 1_700_000_000_123

// is checks what an answer was made of that came by that name.
func (s *Said) is(t *testing.T, name string, wait time.Duration, got push.Answer) {
	t.Helper()
	want := s.Want
	if want.Code == "" {
		want.Code = name
	}
	if want.Result == push.Retry {
		want.After = max(want.After, wait)
		if s.Obeyed && wait > 0 {
			want.After = wait
		}
	}
	if s.Bare != (got.Text == "") || len(got.Text) > 200 {
		t.Errorf("says %q", got.Text)
	}
	if want.Text = got.Text; want.Result == push.Delivered {
		want.VendorID = got.VendorID
	}
	if got != want {
		t.Errorf("asked to wait %v: %+v, must be %+v", wait, got, want)
	}
}

// Unsent is a letter that the service refuses by itself, and the code that it gives.
type Unsent struct {
	Why, Code string
	Change    func(*push.Letter)
}

// ToToken changes nothing but where the letter goes.
func ToToken(token string) func(*push.Letter) { return func(l *push.Letter) { l.Token = token } }

// NotSent checks that what can't be taken costs no call, alone and among others, and those beside it come all the same.
func NotSent(t *testing.T, f Fixture, unsent ...Unsent) {
	able, now := f.Abilities(), f.Now()
	expires := func(at time.Time) func(*push.Letter) { return func(l *push.Letter) { l.Note.Expires = at } }
	unsent = append(unsent, Unsent{"it is over", "EXPIRED", expires(now.Add(-time.Second))}, Unsent{"it is over now", "EXPIRED", expires(now)})
	if !able.Badge {
		unsent = append(unsent, Unsent{"a badge", "UNSUPPORTED", func(l *push.Letter) { l.Note.Kind = push.Badge }})
	}
	if !able.Withdraw {
		unsent = append(unsent, Unsent{"a withdrawal", "UNSUPPORTED", func(l *push.Letter) { l.Note.Kind = push.Withdraw }})
	}
	var letters []push.Letter
	for _, u := range unsent {
		l := f.Letter(f.Token(), "Ann", "x")
		u.Change(&l)
		letters = append(letters, l)
		t.Run(u.Why, func(t *testing.T) {
			f.sending(t, 0, func() {
				if a := f.One(t, l); a.Result != push.Refused || a.Code != u.Code {
					t.Errorf("%+v, must be %s", a, u.Code)
				}
			})
		})
	}
	if len(letters) < able.Batch {
		t.Run("among others", func(t *testing.T) {
			f.sending(t, f.calls(0, 1), func() {
				for i, a := range f.send(t, append(letters, f.Letter(f.Token(), "Bob", "good"))...) {
					if i < len(unsent) && (a.Result != push.Refused || a.Code != unsent[i].Code) || i == len(unsent) && a.Result != push.Delivered {
						t.Errorf("letter %d: %+v", i, a)
					}
				}
			})
		})
	}
}

// Fits checks that what a note is made of keeps to a limit in bytes, uses it, and is cut between characters, whatever is too long. compose gives its size and
// what is shown of it.
func Fits(t *testing.T, limit int, compose func(push.Note) (size int, title, body string)) {
	for _, c := range []struct{ title, body string }{
		{"Ann", strings.Repeat("x", 10_000)}, {"Ann", strings.Repeat("\"\\\n", 5000)}, {"Ann", strings.Repeat("長\U0001F600", 3000)},
		{strings.Repeat("名", 3000), "body"}, {strings.Repeat("名", 3000), ""}, {"", strings.Repeat("\x01", 3000)},
	} {
		n := Note()
		n.Title, n.Body = c.title, c.body
		size, title, body := compose(n)
		if size > limit || size < limit-16 {
			t.Errorf("%.10q, %.10q: %d bytes", c.title, c.body, size)
		}
		if !strings.HasPrefix(c.title, strings.TrimSuffix(title, "…")) || !strings.HasPrefix(c.body, strings.TrimSuffix(body, "…")) || !utf8.ValidString(title+body) {
			t.Errorf("%.10q, %.10q became %q, %q", c.title, c.body, title, body)
		}
	}
}
