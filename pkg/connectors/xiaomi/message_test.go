package xiaomi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

// TestOfNoEvent: what is not of an event goes by its own id.
func TestOfNoEvent(t *testing.T) {
	r := vendor.Open(t)
	one := r.Write("Hello")
	one.Note.Data = nil
	two := one
	two.Note.ID = "another"
	if a := r.Send(t.Context(), []push.Letter{one, two, one}); a[0].Result != push.Delivered || a[1].Result != push.Delivered || r.Phone(one.Token).Came != 2 {
		t.Errorf("%+v, came %d times", a, r.Phone(one.Token).Came)
	}
}

// TestTemplate: what a private channel shows is its template, filled with what it takes.
func TestTemplate(t *testing.T) {
	r := vendor.Open(t)
	s := r.Serve(r.Fake.Private())
	for _, c := range []struct{ title, body, wantTitle, wantBody string }{
		{"Ann", "hello", "Chat: Ann", "hello"},
		{"Ann \U0001F600", "two\nlines ☎ and \U0001F468\u200D\U0001F469\u200D\U0001F467", "Chat: Ann", "two lines  and"},
		{"\U0001F600", "\U0001F600\U0001F600", "Chat: …", "…"},
		{"\U0001F44D\U0001F3FD", "I \u2764\ufe0f 1\ufe0f\u20e3 \U0001F44B\U0001F3FB", "Chat: …", "I  1"},
		{"`a^b` été", "\u2764\ufe0f", "Chat: `a^b` été", "…"},
		{"Ann", strings.Repeat("世", 200), "Chat: Ann", strings.Repeat("世", 127) + "…"},
	} {
		l := r.Write("")
		l.Note.Title, l.Note.Body = c.title, c.body
		a := s.Send(t.Context(), []push.Letter{l})[0]
		shown := r.Phone(l.Token).Shown
		if a.Result != push.Delivered || len(shown) != 1 || shown[0].Title != c.wantTitle || shown[0].Body != c.wantBody {
			t.Errorf("%q: %+v, %+v", c.body, a, shown)
		}
	}
}

func TestCompose(t *testing.T) {
	r := vendor.Open(t)
	s := r.Serve(map[string]string{"call_channel_id": "calls", "call_template_id": "T", "title_keyword": "sender"})
	for _, c := range []struct {
		what        string
		change      func(*push.Note)
		left        time.Duration
		field, want string
	}{
		{"time", func(*push.Note) {}, 1500 * time.Millisecond, "time_to_live", "1500"},
		{"nearly over", func(*push.Note) {}, time.Millisecond, "time_to_live", "1000"},
		{"for very long", func(*push.Note) {}, 1000 * time.Hour, "time_to_live", "864000000"},
		{"the channel", func(*push.Note) {}, time.Minute, "extra.channel_id", "100001"},
		{"no template", func(*push.Note) {}, time.Minute, "extra.template_id", ""},
		{"of calls", func(n *push.Note) { n.Kind = push.Call }, time.Minute, "extra.channel_id", "calls"},
		{"and the template", func(n *push.Note) { n.Kind = push.Call }, time.Minute, "extra.template_id", "T"},
		{"with its keyword", func(n *push.Note) { n.Kind = push.Call }, time.Minute, "extra.template_param", `{"sender":"Ann"}`},
		{"49 characters", func(n *push.Note) { n.Title = strings.Repeat("名", 49) }, time.Minute, "title", strings.Repeat("名", 49)},
		{"50 characters", func(n *push.Note) { n.Title = strings.Repeat("名", 50) }, time.Minute, "title", strings.Repeat("名", 48) + "…"},
		{"pairs", func(n *push.Note) { n.Body = strings.Repeat("\U0001F600", 64) }, time.Minute, "description", strings.Repeat("\U0001F600", 63) + "…"},
		{"no body", func(n *push.Note) { n.Body = "" }, time.Minute, "description", "Ann"},
		{"no title", func(n *push.Note) { n.Title = " " }, time.Minute, "title", "Hello <b>&</b>"},
		{"a link", func(*push.Note) {}, time.Minute, "extra.intent_uri", "intent://chat.example/s/g-1?seq=7#Intent;scheme=https;package=example.chat;launchFlags=0x4000000;end"},
		{"which is an intent", func(*push.Note) {}, time.Minute, "extra.notify_effect", "2"},
		{"no link", func(n *push.Note) { n.Link = "" }, time.Minute, "extra.notify_effect", "1"},
		{"a link that is too long", func(n *push.Note) { n.Link += strings.Repeat("x", 500) }, time.Minute, "extra.notify_effect", "1"},
	} {
		n := pushtest.Note()
		c.change(&n)
		form, bad := s.compose(&n, c.left)
		if bad != nil || form.Get(c.field) != c.want {
			t.Errorf("%s: %q, not %q; %v", c.what, form.Get(c.field), c.want, bad)
		}
	}
}

// TestJobKey: a jobkey has what Mi Push takes, and begins with no underscore.
func TestJobKey(t *testing.T) {
	keys := map[string]bool{}
	for i := range 1000 {
		n := push.Note{Kind: push.Message, Data: map[string]string{"event": fmt.Sprint("e", i)}}
		key := jobKey(&n)
		if len(key) == 0 || len(key) > 20 || strings.Trim(key, "0123456789abcdef") != "" {
			t.Errorf("%q", key)
		}
		keys[key] = true
	}
	if len(keys) != 1000 {
		t.Errorf("%d of 1000 differ", len(keys))
	}
}

func TestConfig(t *testing.T) {
	good := Config{AppSecret: "s"}
	vendor.Configs(t, good, map[error][]func(*Config){
		ErrSecret:   {func(c *Config) { c.AppSecret = "" }, func(c *Config) { c.AppSecret = "a\nb" }},
		ErrTemplate: {func(c *Config) { c.TemplateID = "T" }, func(c *Config) { c.CallTemplateID, c.ChannelID = "T", "1" }},
		ErrEndpoint: {func(c *Config) { c.Endpoint = "http://x" }, func(c *Config) { c.Endpoint = "https://x/y" }},
	})
	if _, err := New("", good, http.DefaultClient); !errors.Is(err, ErrApp) {
		t.Error(err)
	}
}
