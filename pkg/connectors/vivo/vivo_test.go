package vivo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	vivofake "annal/internal/devstack/pushfakes/vivo"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

// rig is the service before the vendor's fake.
type rig struct {
	*Service
	fake    *vivofake.Fake
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
	if r.fake, err = vivofake.New(r.phones, app, now); err != nil {
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
		Gone: "10302", Busy: "10072", Refuse: "10104", Wrong: "10094",
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
	return Config{Endpoint: s["endpoint"], AppID: s["app_id"], AppKey: s["app_key"], AppSecret: s["app_secret"]}
}

func (r *rig) fail(token, name string, times int) {
	r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name, Times: times})
}

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "vivo", Package: app, Token: token})
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

func TestPayload(t *testing.T) {
	r := open(t)
	now := *r.clock
	n := r.letter("Hello").Note
	for after, want := range map[time.Duration]int{time.Second: 60, 90*time.Second + 1: 91, 8 * 24 * time.Hour: 604800} {
		n.Expires = now.Add(after)
		if p := r.Service.payload(&n, now); p.TimeToLive != want {
			t.Errorf("%v: %d", after, p.TimeToLive)
		}
	}
	n.Expires = time.Time{}
	if p := r.Service.payload(&n, now); p.TimeToLive != 0 || p.Category != "IM" || p.SkipContent != "intent://chat.example/s/g-1?seq=7#Intent;scheme=https;package=com.example.chat;end" {
		t.Errorf("%+v", p)
	}
	n.Kind, n.Urgent = push.Call, false
	if p := r.Service.payload(&n, now); p.NotifyType != 4 {
		t.Errorf("%+v", p)
	}
	for body, want := range map[string]string{
		strings.Repeat("字", 50):                strings.Repeat("字", 50),
		strings.Repeat("字", 51):                strings.Repeat("字", 49) + "…",
		strings.Repeat("x", 100):               strings.Repeat("x", 100),
		strings.Repeat("x", 101):               strings.Repeat("x", 98) + "…",
		"x" + strings.Repeat("\U0001F600", 50): "x" + strings.Repeat("\U0001F600", 48) + "…",
	} {
		n.Body = body
		if p := r.Service.payload(&n, now); p.Content != want {
			t.Errorf("%q: %q", body, p.Content)
		}
	}
	n.Title = strings.Repeat("名", 21)
	if p := r.Service.payload(&n, now); p.Title != strings.Repeat("名", 19)+"…" {
		t.Errorf("%q", p.Title)
	}
}

// TestSame: one content to several phones is kept once and goes in one call; other contents have calls of their own.
func TestSame(t *testing.T) {
	r := open(t)
	letters := append(r.same(5), r.letter("another"))
	letters = append(letters, letters[0])
	r.fail(letters[1].Token, "user-2", 1)
	r.fail(letters[2].Token, "user-4", 1)
	for i, a := range r.Send(t.Context(), letters) {
		want := map[int]push.Result{1: push.Gone, 2: push.Refused}[i]
		if want == "" {
			want = push.Delivered
		}
		if a.Result != want || (a.VendorID != "") != (want == push.Delivered) {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if calls, want := r.calls(), map[string]int{authPath: 1, savePath: 1, listPath: 1, sendPath: 1}; !maps.Equal(calls, want) {
		t.Errorf("%v", calls)
	}
	for i, want := range []int{1, 0, 0, 1, 1, 1} {
		if s := r.screen(letters[i].Token); s.Came != want {
			t.Errorf("letter %d came %d times", i, s.Came)
		}
	}
}

// calls are how many came to the vendor, by path.
func (r *rig) calls() map[string]int {
	calls := map[string]int{}
	for _, request := range r.fake.Requests.All() {
		calls[request.Path]++
	}
	return calls
}

// TestFull: three messages, each to a third of all phones that Send takes at once, are three calls.
func TestFull(t *testing.T) {
	r := open(t)
	var letters []push.Letter
	for range 3 {
		letters = append(letters, r.same(r.Abilities().Batch/3)...)
	}
	rand.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	for i, a := range r.Send(t.Context(), letters) {
		if a.Result != push.Delivered {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if calls, want := r.calls(), map[string]int{authPath: 1, savePath: 3, listPath: 3}; !maps.Equal(calls, want) {
		t.Errorf("%v", calls)
	}
	// Of one message, all are one.
	for i, a := range r.Send(t.Context(), r.same(r.Abilities().Batch)) {
		if a.Result != push.Delivered {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if calls := r.calls(); calls[savePath] != 4 || calls[listPath] != 4 || calls[sendPath] != 0 {
		t.Errorf("%v", calls)
	}
}

// TestRequestID: a call that is made again has the id that it had, whatever the order, and one to others has another.
func TestRequestID(t *testing.T) {
	r := open(t)
	letters := r.same(3)
	back := []push.Letter{letters[2], letters[1], letters[0]}
	for _, sent := range [][]push.Letter{letters, back, letters[:2]} {
		r.Send(t.Context(), sent)
	}
	var ids []string
	for _, request := range r.fake.Requests.All() {
		var call struct{ RequestID string }
		if request.Path != listPath {
			continue
		}
		if err := json.Unmarshal(request.Body, &call); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, call.RequestID)
	}
	if len(ids) != 3 || ids[0] == "" || len(ids[0]) > 64 || ids[1] != ids[0] || ids[2] == ids[0] {
		t.Errorf("%q", ids)
	}
}

// TestSameFails: what is said of the call is said of all its letters.
func TestSameFails(t *testing.T) {
	for _, c := range []struct {
		of   int // which phone's fault it is; -1: of the content that is kept
		name string
		want push.Answer
	}{
		{1, "10252", push.Answer{Result: push.Retry, Code: "10252", After: time.Hour, All: true}},
		{-1, "10252", push.Answer{Result: push.Retry, Code: "10252", After: time.Hour, All: true}},
		{-1, "10101", push.Answer{Result: push.Refused, Code: "10101"}},
		{1, "cut-after", push.Answer{Result: push.Retry, Unsure: true}},
		{-1, "cut-after", push.Answer{Result: push.Retry}}, // nobody was sent to
	} {
		r := open(t)
		r.one(t, r.letter("for the access token"))
		letters := r.same(3)
		token := ""
		if c.of >= 0 {
			token = letters[c.of].Token
		}
		r.fail(token, c.name, 1)
		for i, a := range r.Send(t.Context(), letters) {
			a.Text = ""
			if a != c.want {
				t.Errorf("%d %s, letter %d: %+v", c.of, c.name, i, a)
			}
		}
	}
}

func TestNotSent(t *testing.T) {
	r := open(t)
	r.fake.Faults().Add(pushfakes.Fault{Name: "10040", Times: -1}) // any call would say so
	late := r.letter("late")
	late.Note.Expires = *r.clock
	badge := r.letter("")
	badge.Note.Kind = push.Badge
	back := r.letter("")
	back.Note.Kind = push.Withdraw
	nobody, long, odd := r.letter("x"), r.letter("x"), r.letter("x")
	nobody.Token, long.Token, odd.Token = "", strings.Repeat("1", 513), "1,2"
	answers := r.Send(t.Context(), []push.Letter{late, badge, back, nobody, long, odd})
	for i, want := range []string{"EXPIRED", "UNSUPPORTED", "UNSUPPORTED", "BAD_TOKEN", "BAD_TOKEN", "BAD_TOKEN"} {
		if a := answers[i]; a.Result != push.Refused || a.Code != want {
			t.Errorf("%d: %+v", i, a)
		}
	}
	if a := r.one(t, r.letter("on time")); a.Code != "10040" {
		t.Errorf("the fake is not asked for what is on time: %+v", a)
	}
}

func TestValidate(t *testing.T) {
	good := Config{AppID: "1", AppKey: "k", AppSecret: "s"}
	for want, change := range map[error]func(*Config){
		nil: func(*Config) {}, ErrEndpoint: func(c *Config) { c.Endpoint = "host" }, ErrID: func(c *Config) { c.AppID = "" },
		ErrKey: func(c *Config) { c.AppKey = "" }, ErrSecret: func(c *Config) { c.AppSecret = "" }, ErrMode: func(c *Config) { c.PushMode = 2 },
	} {
		c := good
		change(&c)
		if _, err := New(app, c, http.DefaultClient); !errors.Is(err, want) {
			t.Errorf("%+v: %v, must %v", c, err, want)
		}
	}
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.endpoint != "https://api-push.vivo.com.cn" {
		t.Errorf("%+v %v", s, err)
	}
}
