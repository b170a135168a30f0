package vivo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes/pushrig"
	vivofake "annal/internal/devstack/pushfakes/vivo"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

var vendor = pushrig.Vendor[*vivofake.Fake, Config, *Service]{
	App: app, Fake: vivofake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now = now }, Access: authPath, Addresses: []string{"endpoint"},
	Gone: "10302", Busy: "10072", Refuse: "10104", Wrong: "10094", Calls: 2, // to keep it, and to send it
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

func TestCarried(t *testing.T) { vendor.Carried(t, pushrig.Lack{Thread: true}) }

func TestAccess(t *testing.T) {
	vendor.TestAccess(t, pushtest.Access{
		Life: 2 * time.Hour, NoGood: []string{"10000"}, // as the vendor wants it, though it is good for a day
		Denied: []pushtest.Said{
			{Names: "10202 10207", Want: push.Answer{Result: push.Misconfigured}},
			{Names: "10300", Want: push.Answer{Result: push.Misconfigured}}, // on no page
			{Names: "10093", Want: push.Answer{Result: push.Retry, All: true, After: time.Second}},
			{Names: "500", Want: push.Answer{Result: push.Retry, All: true}},
		},
	}, (*vivofake.Fake).Revoke)
}

// TestSign has the example of the vendor's document (doc/362), as users quote it (2026-11-28).
func TestSign(t *testing.T) {
	got := sign("10004", "25509283-3767-4b9e-83fe-b6e55ac6243e", "1501484120000", "7265f2a4-ebbb-44bf-88b9-b03e67dfdc21")
	if got != "fe3b46a2befc60334c2388676a752bd6" {
		t.Error(got)
	}
}

func TestWrongSettings(t *testing.T) {
	vendor.WrongSettings(t, []pushrig.Wrong{
		{Why: "the id", Code: "10205", Change: map[string]string{"app_id": "1"}},
		{Why: "the key", Code: "10202", Change: map[string]string{"app_key": "other"}},
		{Why: "the secret", Code: "10206", Change: map[string]string{"app_secret": "other"}},
	})
}

func TestNotSent(t *testing.T) {
	pushtest.NotSent(t, vendor.Open(t).Fixture,
		pushtest.Unsent{Why: "no token", Code: "BAD_TOKEN", Change: pushtest.ToToken("")},
		pushtest.Unsent{Why: "two tokens", Code: "BAD_TOKEN", Change: pushtest.ToToken("1,2")},
		pushtest.Unsent{Why: "a long token", Code: "BAD_TOKEN", Change: pushtest.ToToken(strings.Repeat("1", 513))},
	)
}

// TestOneOfSeveral: what is said of one phone is not said of the others, and the content is kept once.
func TestOneOfSeveral(t *testing.T) {
	r := vendor.Open(t)
	letters := r.Same(4, "the same")
	r.Fail(pushtest.Failure{Token: letters[1].Token, Name: "user-2"})
	r.Fail(pushtest.Failure{Token: letters[2].Token, Name: "user-4"})
	want := []push.Result{push.Delivered, push.Gone, push.Refused, push.Delivered}
	for i, a := range r.Send(t.Context(), letters) {
		if a.Result != want[i] || (a.VendorID != "") != (want[i] == push.Delivered) || r.Phone(letters[i].Token).Came != map[bool]int{true: 1}[want[i] == push.Delivered] {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if r.Asked(savePath) != 1 || r.Asked(listPath) != 1 || r.Asked(sendPath) != 0 {
		t.Errorf("kept %d times, sent %d times, and %d alone", r.Asked(savePath), r.Asked(listPath), r.Asked(sendPath))
	}
}

func TestPayload(t *testing.T) {
	r := vendor.Open(t)
	now := r.Now()
	n := r.Write("Hello").Note
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

// TestRequestID: a call that is made again has the id that it had, whatever the order, and one to others has another.
func TestRequestID(t *testing.T) {
	r := vendor.Open(t)
	letters := r.Same(3, "the same")
	back := []push.Letter{letters[2], letters[1], letters[0]}
	for _, sent := range [][]push.Letter{letters, back, letters[:2]} {
		r.Send(t.Context(), sent)
	}
	var ids []string
	for _, request := range r.Fake.Requests.All() {
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
		r := vendor.Open(t)
		r.One(t, r.Write("for the access token"))
		letters := r.Same(3, "the same")
		token := ""
		if c.of >= 0 {
			token = letters[c.of].Token
		}
		r.Fail(pushtest.Failure{Token: token, Name: c.name})
		for i, a := range r.Send(t.Context(), letters) {
			a.Text = ""
			if a != c.want {
				t.Errorf("%d %s, letter %d: %+v", c.of, c.name, i, a)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	good := Config{AppID: "1", AppKey: "k", AppSecret: "s"}
	vendor.Configs(t, good, map[error][]func(*Config){
		ErrEndpoint: {func(c *Config) { c.Endpoint = "host" }}, ErrID: {func(c *Config) { c.AppID = "" }}, ErrKey: {func(c *Config) { c.AppKey = "" }},
		ErrSecret: {func(c *Config) { c.AppSecret = "" }}, ErrMode: {func(c *Config) { c.PushMode = 2 }},
	})
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.endpoint != "https://api-push.vivo.com.cn" {
		t.Errorf("%+v %v", s, err)
	}
}
