package webpush

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

func TestAnswers(t *testing.T) {
	pushtest.Answers(t, vendor.Open(t).Fixture, []pushtest.Said{
		{Names: "400 413 418 307", Want: push.Answer{Result: push.Refused}},
		{Names: "401 403 BadJwtToken VapidPkHashMismatch", Want: push.Answer{Result: push.Misconfigured}},
		{Names: "404 410", Want: push.Answer{Result: push.Gone}},
		{Names: "406 429 500 502 503 504 599", Want: push.Answer{Result: push.Retry, All: true}},
		{Names: "appthrottled", Want: push.Answer{Result: push.Retry, Code: "406", All: true}},
		{Names: "channelthrottled", Want: push.Answer{Result: push.Retry, Code: "406"}},
	})
	for status, want := range map[int]push.Result{201: push.Delivered, 202: push.Delivered, 200: push.Delivered} {
		reply := push.Reply{Status: status, Header: http.Header{"Location": {"https://push.example/m/1"}}}
		if got := verdict(reply, false, time.Now()); got.Result != want || got.VendorID != "https://push.example/m/1" || got.Code != fmt.Sprint(status) {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

// TestForeignSubscription: a user who registers a subscription for another page's key holds up nobody but themself.
func TestForeignSubscription(t *testing.T) {
	r := vendor.Open(t)
	token := r.Token()
	for _, name := range []string{"401", "403", "VapidPkHashMismatch", "BadJwtToken"} {
		s := r.Serve(nil)
		for _, want := range []push.Result{push.Misconfigured, push.Delivered, push.Refused} {
			if want != push.Delivered {
				r.Fail(pushtest.Failure{Token: token, Name: name})
			}
			if a := s.Send(t.Context(), []push.Letter{r.Letter(token, "Ann", "x")})[0]; a.Result != want {
				t.Errorf("%s: %+v, not %s", name, a, want)
			}
		}
	}
}

// TestWrongKey: a key that browsers did not subscribe with.
func TestWrongKey(t *testing.T) {
	other := vendor.Open(t).Config(nil)
	vendor.WrongSettings(t, []pushrig.Wrong{
		{Why: "another's key", Code: "403", Change: map[string]string{"public_key": other.PublicKey, "private_key": other.PrivateKey}},
	})
}

func TestNotSent(t *testing.T) {
	r := vendor.Open(t)
	good := r.Token()
	endpoint := func(url string) func(*push.Letter) { return pushtest.ToToken(at(t, good, url)) }
	pushtest.NotSent(t, r.Fixture,
		pushtest.Unsent{Why: "no JSON", Code: "BAD_SUBSCRIPTION", Change: func(l *push.Letter) { l.Token = "x" }},
		pushtest.Unsent{Why: "a long token", Code: "BAD_SUBSCRIPTION", Change: func(l *push.Letter) { l.Token = good + strings.Repeat(" ", maxSubscription) }},
		pushtest.Unsent{Why: "a bad point", Code: "BAD_SUBSCRIPTION", Change: func(l *push.Letter) { l.Token = strings.Replace(good, `"p256dh":"B`, `"p256dh":"C`, 1) }},
		pushtest.Unsent{Why: "a short secret", Code: "BAD_SUBSCRIPTION", Change: func(l *push.Letter) { l.Token = strings.Replace(good, `"auth":"`, `"auth":"AAAA`, 1) }},
		pushtest.Unsent{Why: "much data", Code: "TOO_BIG", Change: func(l *push.Letter) { l.Note.Data = map[string]string{"x": strings.Repeat("x", 4000)} }},
		pushtest.Unsent{Why: "inside", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint("https://10.0.0.1/wpush/v2/a")},
		pushtest.Unsent{Why: "metadata", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint("http://169.254.169.254/latest/meta-data/")},
		pushtest.Unsent{Why: "plain", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint(strings.Replace(r.Server.URL, "https", "http", 1) + "/wpush/v2/a")},
		pushtest.Unsent{Why: "another path", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint(r.Server.URL + "/admin")},
		pushtest.Unsent{Why: "a path with dots", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint(r.Server.URL + "/wpush/v2/../../admin")},
		pushtest.Unsent{Why: "with encoded dots", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint(r.Server.URL + "/wpush/v2/%2e%2e/admin")},
		pushtest.Unsent{Why: "with a user", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint(strings.Replace(r.Server.URL, "https://", "https://a:b@", 1) + "/wpush/v2/a")},
		pushtest.Unsent{Why: "another port", Code: "ENDPOINT_NOT_ALLOWED", Change: endpoint("https://127.0.0.1:22/wpush/v2/a")},
	)
	if s := r.Phone(good); s.Came != 0 {
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
	r := vendor.Open(t)
	s := r.Serve(map[string]string{"hosts": strings.TrimPrefix(outside.URL, "https://")})
	s.client = outside.Client()
	a := s.Send(t.Context(), []push.Letter{r.Letter(strings.Replace(r.Token(), r.Server.URL, outside.URL, 1), "Ann", "x")})[0]
	if a.Result != push.Refused || a.Code != "307" || reached != 0 {
		t.Errorf("%+v; reached %d times", a, reached)
	}
}

// TestNobody: no connection is of all letters, and of none that may have been taken.
func TestNobody(t *testing.T) {
	r := vendor.Open(t)
	s := r.Serve(map[string]string{"hosts": strings.TrimPrefix(pushrig.Nobody, "https://")})
	pushtest.NoConnection(t, s, r.Letter(strings.Replace(r.Token(), r.Server.URL, pushrig.Nobody, 1), "Ann", "x"))
}
