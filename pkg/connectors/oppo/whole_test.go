package oppo

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

// TestWhole: a batch that the vendor refuses as a whole, for one letter, loses that one alone. Results are of the letter that is wrong.
func TestWhole(t *testing.T) {
	for code, want := range map[string]push.Result{"25": push.Refused, "40": push.Refused, "41": push.Refused, "99": push.Refused} {
		r := vendor.Open(t)
		var letters []push.Letter
		for i := range 100 {
			letters = append(letters, r.Write(fmt.Sprint("number ", i)))
		}
		r.Fail(pushtest.Failure{Token: letters[61].Token, Name: code, Times: -1})
		for i, a := range r.Send(t.Context(), letters) {
			if bad := i == 61; bad != (a.Result == want && a.Code == code) || !bad && a.Result != push.Delivered {
				t.Errorf("%s, letter %d: %+v", code, i, a)
			}
		}
		for i, l := range letters {
			if s := r.Phone(l.Token); (s.Came == 1) != (i != 61) {
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
		r := vendor.Open(t)
		letters := []push.Letter{r.Write("1"), r.Write("2"), r.Write("3"), r.Write("4"), r.Write("5")}
		bad := letters[3]
		r.Instead = func(request *http.Request) *http.Response {
			body := new(strings.Builder)
			if sent, err := request.GetBody(); err != nil {
				t.Error(err)
			} else if _, err := io.Copy(body, sent); err != nil {
				t.Error(err)
			}
			if strings.Contains(body.String(), bad.Token) {
				return pushrig.Raw{Status: c.status, Body: c.body}.Answer(request)
			}
			return nil
		}
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
		r := vendor.Open(t)
		r.Instead = pushrig.Raw{Status: 200, Body: c.body}.Answer
		var letters []push.Letter
		for range 100 {
			letters = append(letters, r.Write("x"))
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
		if r.Sent() != c.calls || later != c.later {
			t.Errorf("%s: %d calls, %d later", c.body, r.Sent(), later)
		}
	}
}
