package webpush

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/pkg/projections/push"
)

func TestAnswers(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name string
		want push.Answer
	}{
		{"400", push.Answer{Result: push.Refused}}, {"401", push.Answer{Result: push.Misconfigured}}, {"403", push.Answer{Result: push.Misconfigured}},
		{"404", push.Answer{Result: push.Gone}}, {"410", push.Answer{Result: push.Gone}}, {"413", push.Answer{Result: push.Refused}},
		{"406", push.Answer{Result: push.Retry, All: true, After: minute}}, {"appthrottled", push.Answer{Result: push.Retry, Code: "406", All: true, After: minute}},
		{"channelthrottled", push.Answer{Result: push.Retry, Code: "406", After: minute}},
		{"429", push.Answer{Result: push.Retry, All: true, After: minute}}, {"500", push.Answer{Result: push.Retry, All: true, After: minute}},
		{"502", push.Answer{Result: push.Retry, All: true, After: minute}}, {"503", push.Answer{Result: push.Retry, All: true, After: minute}},
		{"504", push.Answer{Result: push.Retry, All: true, After: minute}}, {"599", push.Answer{Result: push.Retry, All: true, After: minute}},
		{"418", push.Answer{Result: push.Refused}}, {"307", push.Answer{Result: push.Refused}},
		{"BadJwtToken", push.Answer{Result: push.Misconfigured}}, {"VapidPkHashMismatch", push.Answer{Result: push.Misconfigured}},
	} {
		r := newRig(t)
		token := r.token()
		fault := pushfakes.Fault{Token: token, Name: c.name}
		if c.want.After > 0 {
			fault.RetryAfter = c.want.After
		}
		r.fake.Faults().Add(fault)
		got := r.Send(t.Context(), []push.Letter{letter(token)})[0]
		if got.Text == "" {
			t.Errorf("%s: no text", c.name)
		}
		got.Text = ""
		if c.want.Code == "" {
			c.want.Code = c.name
		}
		if got != c.want {
			t.Errorf("%s: %+v, not %+v", c.name, got, c.want)
		}
	}
	for status, want := range map[int]push.Result{201: push.Delivered, 202: push.Delivered, 200: push.Delivered} {
		reply := push.Reply{Status: status, Header: http.Header{"Location": {"https://push.example/m/1"}}}
		if got := verdict(reply, false, time.Now()); got.Result != want || got.VendorID != "https://push.example/m/1" || got.Code != fmt.Sprint(status) {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

// TestForeignSubscription: a user who registers a subscription for another page's key holds up nobody but themself.
func TestForeignSubscription(t *testing.T) {
	r := newRig(t)
	token := r.token()
	for _, name := range []string{"401", "403", "VapidPkHashMismatch", "BadJwtToken"} {
		s := r.serve(nil)
		for _, want := range []push.Result{push.Misconfigured, push.Delivered, push.Refused} {
			if want != push.Delivered {
				r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name})
			}
			if a := s.Send(t.Context(), []push.Letter{letter(token)})[0]; a.Result != want {
				t.Errorf("%s: %+v, not %s", name, a, want)
			}
		}
	}
}

// TestWrongKey: a key that browsers did not subscribe with.
func TestWrongKey(t *testing.T) {
	r, other := newRig(t), newRig(t).fake.Settings("https://x")
	s := r.serve(map[string]string{"public_key": other["public_key"], "private_key": other["private_key"]})
	if a := s.Send(t.Context(), []push.Letter{letter(r.token())})[0]; a.Result != push.Misconfigured || a.Code != "403" {
		t.Errorf("%+v", a)
	}
}

func TestNotSent(t *testing.T) {
	r := newRig(t)
	good := r.token()
	with := func(change func(*push.Letter)) push.Letter {
		l := letter(good)
		change(&l)
		return l
	}
	endpoint := func(url string) push.Letter { return letter(at(t, good, url)) }
	for name, c := range map[string]struct {
		letter push.Letter
		code   string
	}{
		"badge":             {with(func(l *push.Letter) { l.Note.Kind = push.Badge }), "UNSUPPORTED"},
		"withdrawal":        {with(func(l *push.Letter) { l.Note.Kind = push.Withdraw }), "UNSUPPORTED"},
		"expired":           {with(func(l *push.Letter) { l.Note.Expires = time.Now().Add(-time.Second) }), "EXPIRED"},
		"no JSON":           {with(func(l *push.Letter) { l.Token = "x" }), "BAD_SUBSCRIPTION"},
		"a long token":      {with(func(l *push.Letter) { l.Token = good + strings.Repeat(" ", maxSubscription) }), "BAD_SUBSCRIPTION"},
		"a bad point":       {with(func(l *push.Letter) { l.Token = strings.Replace(good, `"p256dh":"B`, `"p256dh":"C`, 1) }), "BAD_SUBSCRIPTION"},
		"a short secret":    {with(func(l *push.Letter) { l.Token = strings.Replace(good, `"auth":"`, `"auth":"AAAA`, 1) }), "BAD_SUBSCRIPTION"},
		"much data":         {with(func(l *push.Letter) { l.Note.Data = map[string]string{"x": strings.Repeat("x", 4000)} }), "TOO_BIG"},
		"inside":            {endpoint("https://10.0.0.1/wpush/v2/a"), "ENDPOINT_NOT_ALLOWED"},
		"metadata":          {endpoint("http://169.254.169.254/latest/meta-data/"), "ENDPOINT_NOT_ALLOWED"},
		"plain":             {endpoint(strings.Replace(r.server.URL, "https", "http", 1) + "/wpush/v2/a"), "ENDPOINT_NOT_ALLOWED"},
		"another path":      {endpoint(r.server.URL + "/admin"), "ENDPOINT_NOT_ALLOWED"},
		"a path with dots":  {endpoint(r.server.URL + "/wpush/v2/../../admin"), "ENDPOINT_NOT_ALLOWED"},
		"with encoded dots": {endpoint(r.server.URL + "/wpush/v2/%2e%2e/admin"), "ENDPOINT_NOT_ALLOWED"},
		"with a user":       {endpoint(strings.Replace(r.server.URL, "https://", "https://a:b@", 1) + "/wpush/v2/a"), "ENDPOINT_NOT_ALLOWED"},
		"another port":      {endpoint("https://127.0.0.1:22/wpush/v2/a"), "ENDPOINT_NOT_ALLOWED"},
	} {
		if a := r.Send(t.Context(), []push.Letter{c.letter})[0]; a.Result != push.Refused || a.Code != c.code {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if s := r.screen(good); s.Came != 0 {
		t.Errorf("%d came", s.Came)
	}
}

// TestRedirection: what a push service says of another place is not followed there.
func TestRedirection(t *testing.T) {
	reached := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer inside.Close()
	outside := httptest.NewTLSServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer outside.Close()
	r := newRig(t)
	s := r.serve(map[string]string{"hosts": strings.TrimPrefix(outside.URL, "https://")})
	s.client = outside.Client()
	a := s.Send(t.Context(), []push.Letter{letter(strings.Replace(r.token(), r.server.URL, outside.URL, 1))})[0]
	if a.Result != push.Refused || a.Code != "307" || reached != 0 {
		t.Errorf("%+v; reached %d times", a, reached)
	}
}

// TestNobody: no connection is of all letters, and of none that may have been taken.
func TestNobody(t *testing.T) {
	r := newRig(t)
	const nobody = "https://127.0.0.1:1"
	s := r.serve(map[string]string{"hosts": strings.TrimPrefix(nobody, "https://")})
	token := strings.Replace(r.token(), r.server.URL, nobody, 1)
	if a := s.Send(t.Context(), []push.Letter{letter(token)})[0]; a.Result != push.Retry || !a.All || a.Unsure {
		t.Errorf("%+v", a)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if a := s.Send(ended, []push.Letter{letter(token)})[0]; a.Result != push.Retry || a.All || !a.Unsure {
		t.Errorf("%+v", a)
	}
}
