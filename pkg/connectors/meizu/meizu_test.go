package meizu

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	meizufake "annal/internal/devstack/pushfakes/meizu"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

// rig is the service before the vendor's fake.
type rig struct {
	*Service
	fake    *meizufake.Fake
	phones  *pushfakes.Phones
	server  *pushfakes.Server
	clock   *time.Time
	fixture pushtest.Fixture
}

func open(t *testing.T) *rig {
	t.Helper()
	r := &rig{phones: pushfakes.NewPhones(), clock: new(time.Time)}
	*r.clock = time.Now()
	now := func() time.Time { return *r.clock }
	var err error
	if r.fake, err = meizufake.New(r.phones, app, now); err != nil {
		t.Fatal(err)
	}
	if r.server, err = pushfakes.Serve(r.fake, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
	})
	if r.Service, err = New(app, r.config(), r.server.Client()); err != nil {
		t.Fatal(err)
	}
	r.now = now
	r.fixture = pushtest.Fixture{
		Service: r.Service, Package: app, Token: func() string { return r.fake.Token(r.server.URL) },
		Fail: func(token, name string) { r.fail(token, name, 1) },
		Gone: "110002", Busy: "1003", Refuse: "1005", Wrong: "110000",
		Screen: func(token string) (shown [][2]string, badge, came int) {
			s := r.screen(token)
			for _, n := range s.Shown {
				shown = append(shown, [2]string{n.Title, n.Body})
			}
			return shown, s.Badge, s.Came
		},
	}
	return r
}

func (r *rig) config() Config {
	s := r.fake.Settings(r.server.URL)
	return Config{Endpoint: s["endpoint"], AppID: s["app_id"], AppSecret: s["app_secret"]}
}

func (r *rig) fail(token, name string, times int) {
	r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name, Times: times})
}

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "meizu", Package: app, Token: token})
}

func (r *rig) letter(body string) push.Letter {
	return r.fixture.Letter(r.fixture.Token(), "Ann", body)
}

// same are letters of one message to several phones, each with a note, and a number at the icon, of its own.
func (r *rig) same(n int) []push.Letter {
	letters := []push.Letter{r.letter("the same")}
	for i := range n - 1 {
		l := letters[0]
		l.Token, l.Note.ID, l.Note.Badge = r.fixture.Token(), fmt.Sprint(l.Note.ID, "-", i), i
		letters = append(letters, l)
	}
	return letters
}

func (r *rig) one(t *testing.T, l push.Letter) push.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return r.Send(ctx, []push.Letter{l})[0]
}

func TestConformance(t *testing.T) {
	pushtest.Run(t, func(t *testing.T) pushtest.Fixture { return open(t).fixture })
}

func TestFields(t *testing.T) {
	r := open(t)
	l := r.letter("Hello")
	answer := r.one(t, l)
	got := r.screen(l.Token).Shown[0]
	if answer.VendorID == "" || got.Vendor != answer.VendorID || got.ID != l.Note.Data["event"] || got.Link != l.Note.Link || !got.Urgent || got.Collapse == "" {
		t.Errorf("%+v of %+v", got, answer)
	}
	if !maps.Equal(got.Data, l.Note.Data) {
		t.Errorf("%+v", got)
	}
	quiet := r.letter("Later")
	quiet.Note.Urgent, quiet.Note.Link = false, ""
	r.one(t, quiet)
	if got := r.screen(quiet.Token).Shown[0]; got.Urgent || got.Link != "" {
		t.Errorf("%+v", got)
	}
}

func TestMessage(t *testing.T) {
	r := open(t)
	now := *r.clock
	n := r.letter("Hello").Note
	for after, want := range map[time.Duration]pushTime{
		30 * time.Second: {}, time.Hour - 1: {}, time.Hour: {OffLine: 1, ValidTime: 1}, 119 * time.Minute: {OffLine: 1, ValidTime: 1}, 100 * time.Hour: {OffLine: 1, ValidTime: 72},
	} {
		n.Expires = now.Add(after)
		if m := newMessage(&n, now); m.PushTime != want {
			t.Errorf("%v: %+v", after, m.PushTime)
		}
	}
	n.Expires, n.Kind, n.Urgent = time.Time{}, push.Call, false
	if m := newMessage(&n, now); m.PushTime.ValidTime != 72 || m.Advance.Suspend != 1 || m.Advance.NotificationType.Sound != 1 || m.NoticeBar.NoticeMsgType != 1 || len(m.Advance.NotifyKey) != 8 {
		t.Errorf("%+v", m)
	}
	for body, want := range map[string]string{
		strings.Repeat("字", 100):         strings.Repeat("字", 100),
		strings.Repeat("字", 101):         strings.Repeat("字", 99) + "…",
		strings.Repeat("\U0001F600", 51): strings.Repeat("\U0001F600", 49) + "…",
	} {
		n.Body = body
		if m := newMessage(&n, now); m.NoticeBar.Content != want {
			t.Errorf("%q: %q", body, m.NoticeBar.Content)
		}
	}
	n.Title = strings.Repeat("名", 33)
	if m := newMessage(&n, now); m.NoticeBar.Title != strings.Repeat("名", 31)+"…" {
		t.Errorf("%q", m.NoticeBar.Title)
	}
}

// TestSame: one content to several phones goes in one call; other contents have calls of their own.
func TestSame(t *testing.T) {
	r := open(t)
	letters := append(r.same(5), r.letter("another"))
	letters = append(letters, letters[0])
	r.fail(letters[1].Token, "110003", 1)
	r.fail(letters[2].Token, "520", 1)
	for i, a := range r.Send(t.Context(), letters) {
		want := map[int]push.Result{1: push.Gone, 2: push.Retry}[i]
		if want == "" {
			want = push.Delivered
		}
		if a.Result != want || a.All || (a.VendorID != "") != (want == push.Delivered) {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if n := len(r.fake.Requests.All()); n != 2 {
		t.Errorf("%d calls", n)
	}
	for i, want := range []int{1, 0, 0, 1, 1, 1} {
		if s := r.screen(letters[i].Token); s.Came != want {
			t.Errorf("letter %d came %d times", i, s.Came)
		}
	}
}

// TestFull: two messages, each to half of all phones that Send takes at once, are two calls, and one to all of them is one.
func TestFull(t *testing.T) {
	r := open(t)
	batch := r.Abilities().Batch
	halves := append(r.same(batch/2), r.same(batch/2)...)
	rand.Shuffle(len(halves), func(i, j int) { halves[i], halves[j] = halves[j], halves[i] })
	calls := 0
	for want, letters := range map[int][]push.Letter{2: halves, 1: r.same(batch)} {
		for i, a := range r.Send(t.Context(), letters) {
			if a.Result != push.Delivered {
				t.Errorf("letter %d: %+v", i, a)
			}
		}
		if calls += want; len(r.fake.Requests.All()) != calls {
			t.Errorf("%d calls, not %d", len(r.fake.Requests.All()), calls)
		}
	}
}

// TestSameFails: what is said of the call, or not said at all, is so for all its letters.
func TestSameFails(t *testing.T) {
	for name, want := range map[string]push.Answer{
		"110010":    {Result: push.Retry, Code: "110010", After: time.Second, All: true},
		"1006":      {Result: push.Misconfigured, Code: "1006"},
		"cut-after": {Result: push.Retry, Unsure: true},
	} {
		r := open(t)
		letters := r.same(3)
		r.fail(letters[1].Token, name, 1)
		for i, a := range r.Send(t.Context(), letters) {
			a.Text = ""
			if a != want {
				t.Errorf("%s, letter %d: %+v", name, i, a)
			}
		}
	}
}

// TestComma: pushIds are listed with commas, so a token with one would be two phones, whosever they are.
func TestComma(t *testing.T) {
	r := open(t)
	mine, other := r.letter("x"), r.fixture.Token()
	mine.Token += "," + other
	empty, long := mine, mine
	empty.Token, long.Token = "", strings.Repeat("x", 513)
	for i, a := range r.Send(t.Context(), []push.Letter{mine, empty, long}) {
		if a.Result != push.Refused || a.Code != "BAD_TOKEN" {
			t.Errorf("%d: %+v", i, a)
		}
	}
	if n := len(r.fake.Requests.All()); n != 0 {
		t.Errorf("%d calls", n)
	}
	if s := r.screen(other); s.Came != 0 {
		t.Errorf("%+v", s)
	}
}

// TestSign has the example of the vendor's page, "接口签名规范" of https://github.com/MEIZUPUSH/PushAPI (2026-11-28). The page prints the string to be summed with spaces
// that its code has not: the sum is of the one without.
func TestSign(t *testing.T) {
	got := sign(map[string]string{
		"appId": "10000", "pushIds": "RA50c6348036344485d01776773577c64740465480a6b",
		"messageJson": `{"title":"title","content":"content","pushTimeInfo":{"offLine":1,"validTime":24}}`,
	}, "<APP_SECRET>")
	if got != "ac076ff25d9900015a681cb5172aa53b" {
		t.Error(got)
	}
}

func TestNotSent(t *testing.T) {
	r := open(t)
	r.fake.Faults().Add(pushfakes.Fault{Name: "1001", Times: -1}) // any call would say so
	late := r.letter("late")
	late.Note.Expires = *r.clock
	badge := r.letter("")
	badge.Note.Kind = push.Badge
	back := r.letter("")
	back.Note.Kind = push.Withdraw
	answers := r.Send(t.Context(), []push.Letter{late, badge, back})
	for i, want := range []string{"EXPIRED", "UNSUPPORTED", "UNSUPPORTED"} {
		if a := answers[i]; a.Result != push.Refused || a.Code != want {
			t.Errorf("%d: %+v", i, a)
		}
	}
	if a := r.one(t, r.letter("on time")); a.Code != "1001" {
		t.Errorf("the fake is not asked for what is on time: %+v", a)
	}
}

func TestValidate(t *testing.T) {
	good := Config{AppID: "1", AppSecret: "s"}
	for want, change := range map[error]func(*Config){
		nil: func(*Config) {}, ErrEndpoint: func(c *Config) { c.Endpoint = "host" }, ErrID: func(c *Config) { c.AppID = "" },
		ErrSecret: func(c *Config) { c.AppSecret = "" },
	} {
		c := good
		change(&c)
		if _, err := New(app, c, http.DefaultClient); !errors.Is(err, want) {
			t.Errorf("%+v: %v, must %v", c, err, want)
		}
	}
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.endpoint != "https://server-api-push.meizu.com" {
		t.Errorf("%+v %v", s, err)
	}
}
