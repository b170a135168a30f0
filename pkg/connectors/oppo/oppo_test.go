package oppo

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	oppofake "annal/internal/devstack/pushfakes/oppo"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

// rig is the service before the vendor's fake.
type rig struct {
	*Service
	fake    *oppofake.Fake
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
	if r.fake, err = oppofake.New(r.phones, app, now); err != nil {
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
		Gone: "10000", Busy: "13", Refuse: "41", Wrong: "28",
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
	return Config{Endpoint: s["endpoint"], AppKey: s["app_key"], MasterSecret: s["master_secret"]}
}

func (r *rig) fail(token, name string, times int) {
	r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name, Times: times})
}

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "oppo", Package: app, Token: token})
}

func (r *rig) letter(body string) push.Letter {
	return r.fixture.Letter(r.fixture.Token(), "Ann", body)
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
	if !maps.Equal(got.Data, l.Note.Data) || r.screen(l.Token).Badge != 3 {
		t.Errorf("%+v", r.screen(l.Token))
	}
	quiet := r.letter("Later")
	quiet.Note.Urgent, quiet.Note.Badge, quiet.Note.Link = false, -1, ""
	r.one(t, quiet)
	if got := r.screen(quiet.Token); got.Shown[0].Urgent || got.Badge != -1 || got.Shown[0].Link != "" {
		t.Errorf("%+v", got)
	}
}

func TestMessage(t *testing.T) {
	r := open(t)
	r.Service.config.CallNotifyLevel, r.Service.config.ChannelID, r.Service.config.CallChannelID = 16, "messages", "calls"
	r.Service.config.TemplateID, r.Service.config.TitleParameter, r.Service.config.ContentParameter = "T1", "who", "what"
	l := r.letter("Hello")
	now := *r.clock
	l.Note.Expires = now.Add(90*time.Second + time.Millisecond)
	n := r.Service.message(&l, now).Notification
	if n.OffLineTTL != 91 || n.NotifyLevel != 2 || n.ChannelID != "messages" || n.Category != "IM" || n.Style != 1 || n.ClickActionType != 5 {
		t.Errorf("%+v", n)
	}
	if n.TemplateID != "T1" || n.TitleParameters != `{"who":"Ann"}` || n.ContentParameters != `{"what":"Hello"}` {
		t.Errorf("%+v", n)
	}
	l.Note.Kind, l.Note.Expires = push.Call, now.Add(30*24*time.Hour)
	if n := r.Service.message(&l, now).Notification; n.NotifyLevel != 16 || n.ChannelID != "calls" || n.OffLineTTL != 864000 {
		t.Errorf("%+v", n)
	}
	for _, c := range []struct {
		body  string
		style int
		want  string
	}{
		{strings.Repeat("字", 50), 1, strings.Repeat("字", 50)},
		{strings.Repeat("字", 51), 2, strings.Repeat("字", 51)},
		{strings.Repeat("字", 128), 2, strings.Repeat("字", 128)},
		{strings.Repeat("字", 129), 2, strings.Repeat("字", 127) + "…"},
		{strings.Repeat("\U0001F600", 65), 2, strings.Repeat("\U0001F600", 63) + "…"},
	} {
		l.Note.Body = c.body
		if n := r.Service.message(&l, now).Notification; n.Style != c.style || n.Content != c.want {
			t.Errorf("%q: style %d, %q", c.body, n.Style, n.Content)
		}
	}
}

func TestNotSent(t *testing.T) {
	r := open(t)
	r.fake.Faults().Add(pushfakes.Fault{Name: "-1", Times: -1}) // any call would say so
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
	if a := r.one(t, r.letter("on time")); a.Code != "-1" {
		t.Errorf("the fake is not asked for what is on time: %+v", a)
	}
}

func TestValidate(t *testing.T) {
	good := Config{AppKey: "k", MasterSecret: "s"}
	for want, c := range map[error]Config{
		nil:         good,
		ErrEndpoint: {AppKey: "k", MasterSecret: "s", Endpoint: "https://host/path"},
		ErrKey:      {MasterSecret: "s"},
		ErrSecret:   {AppKey: "k"},
		ErrLevel:    {AppKey: "k", MasterSecret: "s", CallNotifyLevel: 3},
		ErrTemplate: {AppKey: "k", MasterSecret: "s", TitleParameter: "who"},
	} {
		if _, err := New(app, c, http.DefaultClient); !errors.Is(err, want) {
			t.Errorf("%+v: %v, must %v", c, err, want)
		}
	}
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.endpoint != "https://api.push.oppomobile.com" {
		t.Errorf("%+v %v", s, err)
	}
}
