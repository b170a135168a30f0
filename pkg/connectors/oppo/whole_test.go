package oppo

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// TestWhole: a batch that the vendor refuses as a whole, for one letter, loses that one alone. Results are of the letter that is wrong.
func TestWhole(t *testing.T) {
	for code, want := range map[string]push.Result{"25": push.Refused, "40": push.Refused, "41": push.Refused, "99": push.Refused} {
		r := open(t)
		var letters []push.Letter
		for i := range 100 {
			letters = append(letters, r.letter(fmt.Sprint("number ", i)))
		}
		r.fail(letters[61].Token, code, -1)
		for i, a := range r.Send(t.Context(), letters) {
			if bad := i == 61; bad != (a.Result == want && a.Code == code) || !bad && a.Result != push.Delivered {
				t.Errorf("%s, letter %d: %+v", code, i, a)
			}
		}
		for i, l := range letters {
			if s := r.screen(l.Token); (s.Came == 1) != (i != 61) {
				t.Errorf("%s, letter %d came %d times", code, i, s.Came)
			}
		}
	}
}

// TestWholeStatus: so it is with a status, or a code of one letter that is said of all.
func TestWholeStatus(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   push.Answer
	}{
		{413, "too large", push.Answer{Result: push.Refused, Code: "413", Text: "too large"}},
		{400, "bad", push.Answer{Result: push.Refused, Code: "400", Text: "bad"}},
		{200, `{"code":10000,"message":"m"}`, push.Answer{Result: push.Gone, Code: "10000", Text: "m"}},
		{200, `{"code":32,"message":"m"}`, push.Answer{Result: push.Delivered, Code: "32", Text: "m"}},
	} {
		r := open(t)
		letters := []push.Letter{r.letter("1"), r.letter("2"), r.letter("3"), r.letter("4"), r.letter("5")}
		bad := letters[3]
		r.client = &http.Client{Transport: carrier(func(request *http.Request) (*http.Response, error) {
			if request.URL.Path == authPath {
				return r.server.Client().Do(request)
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return nil, err
			}
			if strings.Contains(string(body), bad.Token) {
				return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), Request: request}, nil
			}
			again := request.Clone(request.Context())
			again.Body = io.NopCloser(strings.NewReader(string(body)))
			return r.server.Client().Transport.RoundTrip(again)
		})}
		for i, a := range r.Send(t.Context(), letters) {
			if i == 3 && a != c.want || i != 3 && (a.Result != push.Delivered || a.Code != "0") {
				t.Errorf("%d %s, letter %d: %+v", c.status, c.body, i, a)
			}
		}
	}
}

// TestAllWrong: where every letter is refused, calls come to an end, and letters that had none alone are sent later. What is no letter's fault is asked once.
func TestAllWrong(t *testing.T) {
	for _, c := range []struct {
		body         string
		calls, later int
		want         push.Result
	}{
		{`{"code":41,"message":"m"}`, 32, 86, push.Refused},
		{`{"code":13,"message":"m"}`, 1, 0, push.Retry},
		{`{"code":28,"message":"m"}`, 1, 0, push.Misconfigured},
		{`<html>`, 1, 0, push.Retry},
	} {
		r := open(t)
		var asked atomic.Int32
		reply := answering(r, 200, "", c.body)
		r.client = &http.Client{Transport: carrier(func(request *http.Request) (*http.Response, error) {
			if request.URL.Path != authPath {
				asked.Add(1)
			}
			return reply(request)
		})}
		var letters []push.Letter
		for range 100 {
			letters = append(letters, r.letter("x"))
		}
		later := 0
		for i, a := range r.Send(t.Context(), letters) {
			switch {
			case a == (push.Answer{Result: push.Retry, Code: "LATER", Text: "refused with others, and not yet alone"}):
				later++
			case a.Result != c.want:
				t.Errorf("%s, letter %d: %+v", c.body, i, a)
			}
		}
		if int(asked.Load()) != c.calls || later != c.later {
			t.Errorf("%s: %d calls, %d later", c.body, asked.Load(), later)
		}
	}
}

// TestLongAnswer: of an answer that is longer than is read nobody knows what it says.
func TestLongAnswer(t *testing.T) {
	r := open(t)
	r.client = &http.Client{Transport: answering(r, 200, "", `{"code":0,"data":[],"message":"`+strings.Repeat("x", maxBody)+`"}`)}
	r.now = time.Now
	if a := r.one(t, r.letter("x")); a.Result != push.Retry || !a.Unsure {
		t.Errorf("%+v", a)
	}
}
