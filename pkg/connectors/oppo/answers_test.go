package oppo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// TestAnswers has the vendor's codes, and what each must come to.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		codes  []int
		result push.Result
		after  time.Duration
	}{
		{[]int{-2, -1, 13, 55}, push.Retry, time.Second},
		{[]int{33}, push.Retry, time.Hour},
		{[]int{14, 15, 16, 17, 18, 19, 26, 27, 28, 29, 30, 54, 67}, push.Misconfigured, 0},
		{[]int{12, 20, 21, 22, 23, 24, 25, 31, 34, 40, 41, 51, 59}, push.Refused, 0},
		{[]int{32}, push.Delivered, 0},
		{[]int{10000}, push.Gone, 0},
		{[]int{99, 10001, 19999}, push.Refused, 0}, // on no page
	} {
		for _, code := range c.codes {
			r := open(t)
			l := r.letter("x")
			r.fail(l.Token, strconv.Itoa(code), 1)
			a := r.one(t, l)
			if a.Result != c.result || a.After != c.after || a.All != (c.result == push.Retry) || a.Unsure || a.Code != strconv.Itoa(code) || a.Since != 0 {
				t.Errorf("%d: %+v", code, a)
			}
		}
	}
}

// TestAuthAnswers: without an access token nothing is taken, whatever is said.
func TestAuthAnswers(t *testing.T) {
	for code, want := range map[string]push.Answer{
		"14": {Result: push.Misconfigured, Code: "14"}, "19": {Result: push.Misconfigured, Code: "19"}, "41": {Result: push.Misconfigured, Code: "41"},
		"-1": {Result: push.Retry, Code: "-1", After: time.Second, All: true}, "33": {Result: push.Retry, Code: "33", After: time.Hour, All: true},
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
		"14": func(c *Config) { c.AppKey = "other" },
		"16": func(c *Config) { c.MasterSecret = "other" },
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
		{200, "30", `{"code":13,"message":"m"}`, push.Answer{Result: push.Retry, Code: "13", Text: "m", After: 30 * time.Second, All: true}},
		{200, "", `<html>`, push.Answer{Result: push.Retry, Unsure: true, Text: "unreadable: <html>"}},
		{200, "", `{"message":"no code"}`, push.Answer{Result: push.Retry, Unsure: true, Text: `unreadable: {"message":"no code"}`}},
		{200, "", `{"code":0,"data":[]}`, push.Answer{Result: push.Retry, Unsure: true, Text: "the answer does not have this letter"}},
		{200, "", `{"code":0,"data":"x"}`, push.Answer{Result: push.Retry, Unsure: true, Text: "the answer does not have this letter"}},
	} {
		r := open(t)
		*r.clock = at
		s, err := New(app, r.config(), &http.Client{Transport: answering(r, c.status, c.retryAfter, c.body)})
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
	s, err := New(app, Config{Endpoint: "http://127.0.0.1:1", AppKey: "k", MasterSecret: "s"}, http.DefaultClient)
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

// TestCut: a call that is cut leaves all its letters in doubt, and sending them again shows none twice.
func TestCut(t *testing.T) {
	r := open(t)
	letters := []push.Letter{r.letter("1"), r.letter("2"), r.letter("3")}
	r.fail(letters[1].Token, "cut-after", 1)
	for i, a := range r.Send(t.Context(), letters) {
		if a.Result != push.Retry || !a.Unsure {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	for i, a := range r.Send(t.Context(), letters) {
		if a.Result != push.Delivered {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	for _, l := range letters {
		if s := r.screen(l.Token); s.Came != 1 {
			t.Errorf("came %d times", s.Came)
		}
	}
}

// TestSamePhone: several letters to one phone have each its own answer.
func TestSamePhone(t *testing.T) {
	r := open(t)
	token := r.fixture.Token()
	a, b := r.fixture.Letter(token, "Ann", "a"), r.fixture.Letter(token, "Bob", "b")
	r.fail(token, "10001", 1)
	answers := r.Send(t.Context(), []push.Letter{a, b})
	if answers[0].Code != "10001" || answers[1].Result != push.Delivered {
		t.Errorf("%+v", answers)
	}
	if s := r.screen(token); len(s.Shown) != 1 || s.Shown[0].Vendor != answers[1].VendorID {
		t.Errorf("%+v", s)
	}
}

// TestOneBad: what the vendor would refuse of one letter is kept from the others' call, which it would refuse too.
func TestOneBad(t *testing.T) {
	r := open(t)
	none, untitled, empty, far, much, good := r.letter("x"), r.letter("x"), r.letter(""), r.letter("x"), r.letter("x"), r.letter("x")
	long, odd, unseen, bare := r.letter("x"), r.letter("x"), r.letter("\u200b \ufeff\u3164"), r.letter("\ufe0f")
	long.Token, odd.Token, bare.Note.Title, bare.Note.Body = strings.Repeat("x", 257), odd.Token+"\n", " \t", "x"
	none.Token, untitled.Note.Title, far.Note.Link = "", "", "https://chat.example/"+strings.Repeat("x", 2000)
	much.Note.Data = map[string]string{"kind": strings.Repeat("x", 4000)}
	answers := r.Send(t.Context(), []push.Letter{none, untitled, empty, far, much, good, long, odd, unseen, bare})
	for i, want := range []push.Answer{
		{Result: push.Refused, Code: "BAD_TOKEN"}, {Result: push.Refused, Code: "40"}, {Result: push.Refused, Code: "40"}, {Result: push.Refused, Code: "41"},
		{Result: push.Refused, Code: "41"}, {Result: push.Delivered, Code: "0"}, {Result: push.Refused, Code: "BAD_TOKEN"}, {Result: push.Refused, Code: "BAD_TOKEN"},
		{Result: push.Refused, Code: "40"}, {Result: push.Refused, Code: "40"},
	} {
		if a := answers[i]; a.Result != want.Result || a.Code != want.Code {
			t.Errorf("%d: %+v", i, a)
		}
	}
}
