package huawei

import (
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// TestAccess: a token is asked for once, by one for all, again before it ends, and again when Huawei says that it is no good.
func TestAccess(t *testing.T) {
	r := newRig(t)
	many := func(want int, what string) {
		t.Helper()
		answers := make(chan push.Answer)
		const calls = 20
		for range calls {
			l := letter(r.token())
			go func() { answers <- r.Send(t.Context(), []push.Letter{l})[0] }()
		}
		for range calls {
			if a := <-answers; a.Result != push.Delivered {
				t.Errorf("%s: %+v", what, a)
			}
		}
		if n := r.times(tokenPath); n != want {
			t.Errorf("%s: asked for %d tokens, not %d", what, n, want)
		}
	}
	many(1, "the first")
	many(1, "with it")
	r.mu.Lock()
	r.ahead = 2 * time.Hour
	r.mu.Unlock()
	many(2, "ended in the middle, by Huawei's clock")
	r.fake.Revoke()
	many(3, "revoked")
	ours := time.Duration(0)
	r.access.now = func() time.Time { return time.Now().Add(ours) }
	ours = 54 * time.Minute
	many(3, "six minutes before its end")
	ours = 56 * time.Minute
	many(4, "four minutes before its end")
	ours += 56 * time.Minute
	r.fail("", "503", -1)
	// The service of tokens has a fault, and so has Push Kit then: the token that is still good was used.
	if a := r.send(letter(r.token())); a.Code != "503" || r.times(sendPath) == 0 {
		t.Errorf("%+v", a)
	}
	r.fake.Faults().Clear()
	before := r.times(tokenPath)
	if a := r.send(letter(r.token())); a.Result != push.Delivered || r.times(tokenPath) != before {
		t.Errorf("%+v, after %d tokens, not %d", a, r.times(tokenPath), before)
	}
	ours += 30 * time.Second
	many(before+1, "half a minute after renewing it failed")
}

// TestNoAccess: what comes of it when no token is given.
func TestNoAccess(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault string
		with  map[string]string
		want  push.Answer
	}{
		{"a wrong secret", "", map[string]string{"app_secret": "x"}, push.Answer{Result: push.Misconfigured, Code: "1101/12304"}},
		{"a wrong app", "", map[string]string{"app_id": "1"}, push.Answer{Result: push.Misconfigured, Code: "1101/20003"}},
		{"no such address", "", map[string]string{"token_endpoint": "/none"}, push.Answer{Result: push.Misconfigured, Code: "404"}},
		{"as they say", "1101/20171", nil, push.Answer{Result: push.Misconfigured, Code: "1101/20171"}},
		{"forbidden", "403", nil, push.Answer{Result: push.Misconfigured, Code: "403", After: time.Minute}},
		{"too many", "503", nil, push.Answer{Result: push.Retry, Code: "503", All: true, After: time.Minute}},
		{"an error of theirs", "590", nil, push.Answer{Result: push.Retry, Code: "590", All: true, After: time.Minute}},
		{"cut", "cut-before", nil, push.Answer{Result: push.Retry, All: true}},
	} {
		r := newRig(t)
		if at := c.with["token_endpoint"]; at != "" {
			c.with["token_endpoint"] = r.server.URL + at
		}
		if c.fault != "" {
			r.fail("", c.fault, 1)
		}
		got := r.serve(c.with).Send(t.Context(), []push.Letter{letter(r.token())})[0]
		got.Text = ""
		if got != c.want || r.times(sendPath) != 0 {
			t.Errorf("%s: %+v, not %+v", c.name, got, c.want)
		}
	}
}

// TestAnotherAppsAccess: a token that Huawei refuses although it is new is no reason to go on asking.
func TestAnotherAppsAccess(t *testing.T) {
	r := newRig(t)
	token := r.token()
	r.fail(token, codeBadAccess, -1)
	if a := r.send(letter(token)); a.Result != push.Misconfigured || r.times(tokenPath) != 2 || r.times(sendPath) != 2 {
		t.Errorf("%+v after %v", a, r.asked)
	}
}
