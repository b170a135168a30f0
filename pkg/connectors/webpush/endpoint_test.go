package webpush

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"annal/pkg/projections/push"
)

// at is a subscription with another endpoint.
func at(t *testing.T, token, endpoint string) string {
	t.Helper()
	var sub map[string]any
	if err := json.Unmarshal([]byte(token), &sub); err != nil {
		t.Fatal(err)
	}
	sub["endpoint"] = endpoint
	b, err := json.Marshal(sub)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// origin is a push service that knows what it is called, and takes letters for itself alone.
type origin string

func (o origin) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: http.NoBody, Request: r}
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	var claims struct{ Aud string }
	said, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(said, &claims); err != nil {
		return nil, err
	}
	if claims.Aud != string(o) {
		w.StatusCode, w.Body = http.StatusForbidden, io.NopCloser(strings.NewReader(`{"reason":"BadJwtToken"}`))
	}
	return w, nil
}

// TestSpelling: however a user spells where their subscription is, the token is for the origin.
func TestSpelling(t *testing.T) {
	r := vendor.Open(t)
	for _, endpoint := range []string{
		"https://web.push.apple.com/Qx", "https://WEB.push.Apple.com/Qx", "https://web.push.apple.com:443/Qx", "https://web.push.apple.com:/Qx", "HTTPS://WEB.PUSH.APPLE.COM:443/Qx",
	} {
		s := r.Serve(map[string]string{"hosts": ""})
		s.client = &http.Client{Transport: origin("https://web.push.apple.com")}
		if a := s.Send(t.Context(), []push.Letter{r.Letter(at(t, r.Token(), endpoint), "Ann", "x")})[0]; a.Result != push.Delivered {
			t.Errorf("%s: %+v", endpoint, a)
		}
	}
	named := strings.Replace(r.Server.URL, "127.0.0.1", "localhost", 1)
	shouted := strings.Replace(named, "localhost", "LocalHost", 1)
	token := r.Fake.Token(named)
	s := r.Serve(map[string]string{"hosts": strings.TrimPrefix(named, "https://") + "/wpush/v2/"})
	if a := s.Send(t.Context(), []push.Letter{r.Letter(strings.Replace(token, named, shouted, 1), "Ann", "x")})[0]; a.Result != push.Delivered || r.Phone(token).Came != 1 {
		t.Errorf("%+v; %d came", a, r.Phone(token).Came)
	}
}

// TestNamesBelow: what users say of names below a host holds up nobody but themselves.
func TestNamesBelow(t *testing.T) {
	r := vendor.Open(t)
	missing, refuses := &net.DNSError{Err: "no such host", IsNotFound: true}, errors.New("connection refused")
	const below, named = "https://nope.notify.windows.com/w/?token=a", "https://updates.push.services.mozilla.com/wpush/v2/a"
	for _, c := range []struct {
		endpoint string
		fails    error
		want     push.Answer
	}{
		{below, missing, push.Answer{Result: push.Refused, Code: "NO_SUCH_HOST"}},
		{below, &net.DNSError{Err: "server misbehaving", IsTemporary: true}, push.Answer{Result: push.Retry}},
		{below, refuses, push.Answer{Result: push.Retry}},
		{named, missing, push.Answer{Result: push.Retry, All: true}},
		{named, refuses, push.Answer{Result: push.Retry, All: true}},
	} {
		s := r.Serve(map[string]string{"hosts": ""})
		s.client = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, c.fails }}}
		got := s.Send(t.Context(), []push.Letter{r.Letter(at(t, r.Token(), c.endpoint), "Ann", "x")})[0]
		if got.Text == "" {
			t.Errorf("%s: no text", c.endpoint)
		}
		if got.Text = ""; got != c.want {
			t.Errorf("%s, %v: %+v, not %+v", c.endpoint, c.fails, got, c.want)
		}
	}
	for _, endpoint := range []string{
		"https://" + strings.Repeat("a", 64) + ".push.apple.com/x", "https://-a.push.apple.com/x", "https://a..push.apple.com/x", "https://.push.apple.com/x",
		"https://wéb.push.apple.com/x", "https://web.push.apple.com./x", "https://a_b.push.apple.com/x",
	} {
		s := r.Serve(map[string]string{"hosts": ""})
		if a := s.Send(t.Context(), []push.Letter{r.Letter(at(t, r.Token(), endpoint), "Ann", "x")})[0]; a.Result != push.Refused || a.Code != "ENDPOINT_NOT_ALLOWED" {
			t.Errorf("%s: %+v", endpoint, a)
		}
	}
}
