package vivo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// TestAnswers has the vendor's codes, and what each must come to.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		codes  []string
		result push.Result
		after  time.Duration
	}{
		{[]string{"10040", "10072", "10093"}, push.Retry, time.Second},
		{[]string{"10070", "10071", "10073", "10250", "10252"}, push.Retry, time.Hour},
		{[]string{"10094", "10200", "10201", "10202", "10203", "10204", "10205", "10206", "10207"}, push.Misconfigured, 0},
		{[]string{"10050", "10051", "10054", "10055", "10056", "10058", "10059", "10066", "10067", "10085", "10101", "10103", "10104"}, push.Refused, 0},
		{[]string{"10302", "user-1", "user-2", "user-3"}, push.Gone, 0},
		{[]string{"user-4"}, push.Refused, 0},
		{[]string{"10045", "19999"}, push.Refused, 0}, // on no page
		{[]string{"500"}, push.Retry, 0},
	} {
		for _, name := range c.codes {
			r := open(t)
			l := r.letter("x")
			r.fail(l.Token, name, 1)
			code := name
			if strings.HasPrefix(name, "user-") {
				code = "10302"
			}
			a := r.one(t, l)
			if a.Result != c.result || a.After != c.after || a.All != (c.result == push.Retry) || a.Unsure || a.Code != code || a.Since != 0 {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}

// TestAuthAnswers: without an access token nothing is taken, whatever is said.
func TestAuthAnswers(t *testing.T) {
	for code, want := range map[string]push.Answer{
		"10202": {Result: push.Misconfigured, Code: "10202"}, "10207": {Result: push.Misconfigured, Code: "10207"}, "10300": {Result: push.Misconfigured, Code: "10300"},
		"10093": {Result: push.Retry, Code: "10093", After: time.Second, All: true}, "500": {Result: push.Retry, Code: "500", All: true},
		"cut-before": {Result: push.Retry, All: true},
	} {
		r := open(t)
		r.fail("", code, 1)
		a := r.one(t, r.letter("x"))
		a.Text = ""
		if a != want {
			t.Errorf("%s: %+v", code, a)
		}
	}
}

func TestWrongCredentials(t *testing.T) {
	for code, change := range map[string]func(*Config){
		"10205": func(c *Config) { c.AppID = "1" },
		"10202": func(c *Config) { c.AppKey = "other" },
		"10206": func(c *Config) { c.AppSecret = "other" },
	} {
		r := open(t)
		c := r.config()
		change(&c)
		s, err := New(app, c, r.server.Client())
		if err != nil {
			t.Fatal(err)
		}
		if a := s.Send(t.Context(), []push.Letter{r.letter("x")})[0]; a.Result != push.Misconfigured || a.Code != code {
			t.Errorf("%s: %+v", code, a)
		}
	}
}

// carrier is a transport that answers by itself.
type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// answering gives a transport that lets calls for tokens through and answers others.
func answering(r *rig, status int, retryAfter, body string) carrier {
	return func(request *http.Request) (*http.Response, error) {
		if request.URL.Path == authPath {
			return r.server.Client().Do(request)
		}
		h := http.Header{}
		if retryAfter != "" {
			h.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
	}
}

func TestStatuses(t *testing.T) {
	at := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		status           int
		retryAfter, body string
		want             push.Answer
	}{
		{429, "17", "slow", push.Answer{Result: push.Retry, Code: "429", Text: "slow", After: 17 * time.Second, All: true}},
		{503, at.Add(time.Minute).UTC().Format(http.TimeFormat), "", push.Answer{Result: push.Retry, Code: "503", After: time.Minute, All: true}},
		{503, at.Add(-time.Minute).UTC().Format(http.TimeFormat), "", push.Answer{Result: push.Retry, Code: "503", All: true}},
		{500, "soon", "", push.Answer{Result: push.Retry, Code: "500", All: true}},
		{401, "", "", push.Answer{Result: push.Misconfigured, Code: "401"}},
		{403, "", "", push.Answer{Result: push.Misconfigured, Code: "403"}},
		{404, "", strings.Repeat("é", 150), push.Answer{Result: push.Refused, Code: "404", Text: strings.Repeat("é", 100)}},
		{200, "30", `{"result":10072,"desc":"m"}`, push.Answer{Result: push.Retry, Code: "10072", Text: "m", After: 30 * time.Second, All: true}},
		{200, "", `<html>`, push.Answer{Result: push.Retry, Unsure: true, Text: "unreadable: <html>"}},
		{200, "", `{"desc":"no code"}`, push.Answer{Result: push.Retry, Unsure: true, Text: `unreadable: {"desc":"no code"}`}},
		{200, "", `{"result":10302,"desc":"d","invalidUser":{"status":9,"userid":"me"}}`, push.Answer{Result: push.Refused, Code: "10302", Text: "status 9"}},
		{200, "", `{"result":10302,"desc":"d","invalidUser":{"status":1,"userid":"x"}}`, push.Answer{Result: push.Refused, Code: "10302", Text: "d"}},
		{200, "", `{"result":10302,"desc":"d","invalidUsers":[{"status":1,"userid":"x"},{"status":1,"userid":"me"}]}`, push.Answer{Result: push.Gone, Code: "10302", Text: "status 1"}},
		{200, "", `{"result":10302,"desc":"d"}`, push.Answer{Result: push.Gone, Code: "10302", Text: "d"}},
	} {
		r := open(t)
		*r.clock = at
		s, err := New(app, r.config(), &http.Client{Transport: answering(r, c.status, c.retryAfter, c.body)})
		if err != nil {
			t.Fatal(err)
		}
		s.now = r.now
		l := r.letter("x")
		l.Token, l.Note.Expires = "me", at.Add(time.Hour)
		if a := s.Send(t.Context(), []push.Letter{l})[0]; a != c.want {
			t.Errorf("%d %s: %+v, must %+v", c.status, c.body, a, c.want)
		}
	}
}

// TestUnreachable: what never had a connection was not taken, and neither would the next be.
func TestUnreachable(t *testing.T) {
	r := open(t)
	s, err := New(app, Config{Endpoint: "http://127.0.0.1:1", AppID: "1", AppKey: "k", AppSecret: "s"}, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.letter("x")})[0]; a.Result != push.Retry || a.Unsure || !a.All || a.Code != "" {
		t.Errorf("%+v", a)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if a := r.Send(ctx, []push.Letter{r.letter("x")})[0]; a.Result != push.Retry || !a.Unsure {
		t.Errorf("%+v", a)
	}
}

// TestCut: a letter whose call is cut is in doubt, and sent again it takes its own place. Others of the batch have their answers.
func TestCut(t *testing.T) {
	r := open(t)
	letters := []push.Letter{r.letter("1"), r.letter("2"), r.letter("3")}
	r.fail(letters[1].Token, "cut-after", 1)
	for i, a := range r.Send(t.Context(), letters) {
		if want := i == 1; a.Unsure != want || (a.Result == push.Retry) != want || a.All {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if a := r.one(t, letters[1]); a.Result != push.Delivered {
		t.Errorf("%+v", a)
	}
	for _, l := range letters {
		if s := r.screen(l.Token); len(s.Shown) != 1 {
			t.Errorf("shows %d", len(s.Shown))
		}
	}
}
