package meizu

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
		all    bool
	}{
		{[]string{"500", "1001", "1003", "110010", "518", "519"}, push.Retry, time.Second, true},
		{[]string{"110019", "110051"}, push.Retry, time.Hour, true},
		{[]string{"300", "1006", "110000", "110001", "110009", "110031", "110033"}, push.Misconfigured, 0, false},
		{[]string{"1005", "110004", "110032", "110053", "201", "value-110010"}, push.Refused, 0, false},
		{[]string{"110002", "110003"}, push.Gone, 0, false},
		{[]string{"501", "513"}, push.Retry, time.Second, false},
		{[]string{"520"}, push.Retry, time.Minute, false},
		{[]string{"110011"}, push.Retry, time.Hour, false},
		{[]string{"110099", "value-110099"}, push.Refused, 0, false}, // on no page
	} {
		for _, name := range c.codes {
			r := open(t)
			l := r.letter("x")
			r.fail(l.Token, name, 1)
			a := r.one(t, l)
			if a.Result != c.result || a.After != c.after || a.All != c.all || a.Unsure || a.Code != strings.TrimPrefix(name, "value-") || a.Since != 0 {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}

func TestWrongCredentials(t *testing.T) {
	for code, change := range map[string]func(*Config){
		"110000": func(c *Config) { c.AppID = "1" },
		"1006":   func(c *Config) { c.AppSecret = "other" },
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

// answering gives a transport that answers all calls.
func answering(status int, retryAfter, body string) carrier {
	return func(request *http.Request) (*http.Response, error) {
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
		{200, "30", `{"code":"1003","message":"m","value":""}`, push.Answer{Result: push.Retry, Code: "1003", Text: "m", After: 30 * time.Second, All: true}},
		{200, "", `<html>`, push.Answer{Result: push.Retry, Unsure: true, Text: "unreadable: <html>"}},
		{200, "", `{"message":"x"}`, push.Answer{Result: push.Retry, Unsure: true, Text: `unreadable: {"message":"x"}`}},
		{200, "", `{"code":"200","value":[1]}`, push.Answer{Result: push.Retry, Unsure: true, Text: `unreadable: {"code":"200","value":[1]}`}},
		{200, "", `{"code":"200","value":"","msgId":"M"}`, push.Answer{Result: push.Delivered, Code: "200", VendorID: "M"}},
		{200, "", `{"code":200,"msgId":"M"}`, push.Answer{Result: push.Delivered, Code: "200", VendorID: "M"}},
	} {
		r := open(t)
		*r.clock = at
		s, err := New(app, r.config(), &http.Client{Transport: answering(c.status, c.retryAfter, c.body)})
		if err != nil {
			t.Fatal(err)
		}
		s.now = r.now
		l := r.letter("x")
		l.Note.Expires = at.Add(time.Hour)
		if a := s.Send(t.Context(), []push.Letter{l})[0]; a != c.want {
			t.Errorf("%d %s: %+v, must %+v", c.status, c.body, a, c.want)
		}
	}
}

// TestUnreachable: what never had a connection was not taken, and neither would the next be.
func TestUnreachable(t *testing.T) {
	r := open(t)
	s, err := New(app, Config{Endpoint: "http://127.0.0.1:1", AppID: "1", AppSecret: "s"}, http.DefaultClient)
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
