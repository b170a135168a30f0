package oppo

import (
	"net/http"
	"strings"
	"testing"
	"time"

	oppofake "annal/internal/devstack/pushfakes/oppo"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

var vendor = pushrig.Vendor[*oppofake.Fake, Config, *Service]{
	App: app, Fake: oppofake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now = now }, Access: authPath, Addresses: []string{"endpoint"},
	Gone: "10000", Busy: "13", Refuse: "41", Wrong: "28", Once: true, Badges: true,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

func TestCarried(t *testing.T) { vendor.Carried(t, pushrig.Lack{Thread: true}) }

func TestAccess(t *testing.T) {
	vendor.TestAccess(t, pushtest.Access{
		Life: 24 * time.Hour, NoGood: []string{"11"},
		Denied: []pushtest.Said{
			{Names: "14 19 41", Want: push.Answer{Result: push.Misconfigured}},
			{Names: "-1", Want: push.Answer{Result: push.Retry, All: true, After: time.Second}},
			{Names: "33", Want: push.Answer{Result: push.Retry, All: true, After: time.Hour}},
		},
	}, (*oppofake.Fake).Revoke)
}

func TestWrongSettings(t *testing.T) {
	vendor.WrongSettings(t, []pushrig.Wrong{
		{Why: "the key", Code: "14", Change: map[string]string{"app_key": "other"}},
		{Why: "the secret", Code: "16", Change: map[string]string{"master_secret": "other"}},
	})
}

// TestNotSent: what the vendor would refuse of one letter is kept from the others' call, which it would refuse too.
func TestNotSent(t *testing.T) {
	text := func(title, body string) func(*push.Letter) {
		return func(l *push.Letter) { l.Note.Title, l.Note.Body = title, body }
	}
	pushtest.NotSent(t, vendor.Open(t).Fixture,
		pushtest.Unsent{Why: "no token", Code: "BAD_TOKEN", Change: pushtest.ToToken("")},
		pushtest.Unsent{Why: "a long token", Code: "BAD_TOKEN", Change: pushtest.ToToken(strings.Repeat("x", 257))},
		pushtest.Unsent{Why: "a line", Code: "BAD_TOKEN", Change: func(l *push.Letter) { l.Token += "\n" }},
		pushtest.Unsent{Why: "no title", Code: "40", Change: text("", "x")}, pushtest.Unsent{Why: "no body", Code: "40", Change: text("Ann", "")},
		pushtest.Unsent{Why: "blanks", Code: "40", Change: text(" \t", "x")}, pushtest.Unsent{Why: "nothing to be seen", Code: "40", Change: text("Ann", "\u200b \ufeff\u3164")},
		pushtest.Unsent{Why: "a bare selector", Code: "40", Change: text("Ann", "\ufe0f")},
		pushtest.Unsent{Why: "a long link", Code: "41", Change: func(l *push.Letter) { l.Note.Link = "https://chat.example/" + strings.Repeat("x", 2000) }},
		pushtest.Unsent{Why: "much data", Code: "41", Change: func(l *push.Letter) { l.Note.Data = map[string]string{"kind": strings.Repeat("x", 4000)} }},
	)
}

func TestMessage(t *testing.T) {
	r := vendor.Open(t)
	r.Service.config.CallNotifyLevel, r.Service.config.ChannelID, r.Service.config.CallChannelID = 16, "messages", "calls"
	r.Service.config.TemplateID, r.Service.config.TitleParameter, r.Service.config.ContentParameter = "T1", "who", "what"
	l := r.Write("Hello")
	now := r.Now()
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

func TestConfig(t *testing.T) {
	good := Config{AppKey: "k", MasterSecret: "s"}
	vendor.Configs(t, good, map[error][]func(*Config){
		ErrEndpoint: {func(c *Config) { c.Endpoint = "https://host/path" }}, ErrKey: {func(c *Config) { c.AppKey = "" }}, ErrSecret: {func(c *Config) { c.MasterSecret = "" }},
		ErrLevel: {func(c *Config) { c.CallNotifyLevel = 3 }}, ErrTemplate: {func(c *Config) { c.TitleParameter = "who" }},
	})
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.endpoint != "https://api.push.oppomobile.com" {
		t.Errorf("%+v %v", s, err)
	}
}
