package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProxies(t *testing.T) {
	p, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "::1", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer    string
		headers []string
		want    string
	}{
		{"10.1.2.3:99", []string{"203.0.113.5"}, "203.0.113.5:0"},
		{"10.1.2.3:99", []string{"1.1.1.1, 203.0.113.5, 10.9.9.9"}, "203.0.113.5:0"},
		{"10.1.2.3:99", []string{"1.1.1.1", "203.0.113.5", "192.0.2.7"}, "203.0.113.5:0"},
		{"[::1]:99", []string{"2001:db8::5, 2001:db9::7"}, "[2001:db9::7]:0"},
		{"[::ffff:10.1.2.3]:99", []string{"::ffff:203.0.113.5"}, "203.0.113.5:0"},
		{"10.1.2.3:99", []string{"203.0.113.5:4711, 10.9.9.9:80"}, "203.0.113.5:0"},
		{"10.1.2.3:99", []string{"[2001:db9::7]:4711"}, "[2001:db9::7]:0"},
		{"10.1.2.3:99", nil, "10.1.2.3:99"},
		{"10.1.2.3:99", []string{"10.9.9.9"}, "10.1.2.3:99"},
		{"10.1.2.3:99", []string{"203.0.113.5, nonsense"}, "10.1.2.3:99"},
		{"10.1.2.3:99", []string{"\r\nX: y"}, "10.1.2.3:99"},
		{"203.0.113.9:99", []string{"1.1.1.1"}, "203.0.113.9:99"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.peer, c.headers
		got := ""
		p.through(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("from %s by %q: %s, want %s", c.peer, c.headers, got, c.want)
		}
	}
	for _, bad := range []string{"", "x", "10.0.0.0/99", "host.example"} {
		if _, err := ParseProxies([]string{bad}); !errors.Is(err, ErrProxies) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
