package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAsk(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else a server does not notice that the caller went
		switch r.URL.Path {
		case "/long":
			fmt.Fprint(w, strings.Repeat("x", 100))
		case "/moved":
			http.Redirect(w, r, "/stolen", http.StatusTemporaryRedirect)
		case "/stolen":
			seen = append(seen, r.URL.Path)
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/half":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/hang":
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	ask := func(ctx context.Context, url string) (Reply, *Answer) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("what"))
		if err != nil {
			t.Fatal(err)
		}
		return Ask(server.Client(), r, 10)
	}
	if reply, failed := ask(t.Context(), server.URL+"/long"); failed != nil || string(reply.Body) != strings.Repeat("x", 10) {
		t.Errorf("%+v %+v", reply, failed)
	}
	if reply, failed := ask(t.Context(), server.URL+"/moved"); failed != nil || reply.Status != http.StatusTemporaryRedirect || len(seen) != 0 {
		t.Errorf("%+v %+v, and followed to %v", reply, failed, seen)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, c := range []struct {
		what, url   string
		ctx         context.Context
		all, unsure bool
	}{
		{"cut", server.URL + "/cut", t.Context(), false, true}, {"half an answer", server.URL + "/half", t.Context(), false, true},
		{"no time", server.URL + "/hang", short, false, true}, {"nobody there", "http://127.0.0.1:1/", t.Context(), true, false},
	} {
		if _, failed := ask(c.ctx, c.url); failed == nil || failed.Result != Retry || failed.All != c.all || failed.Unsure != c.unsure || failed.Code != "" || failed.Text == "" {
			t.Errorf("%s: %+v", c.what, failed)
		}
	}
}

func TestAfter(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for said, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, " 5 ": 5 * time.Second, "-3": 0, "soon": 0, "99999999999": longestWait, "9999999999999999999999": 0,
		"Sat, 28 Nov 2026 12:01:30 GMT": 90 * time.Second, "Sat, 28 Nov 2026 11:00:00 GMT": 0, "Sat, 28 Nov 2099 11:00:00 GMT": longestWait,
	} {
		if got := (Reply{Header: http.Header{"Retry-After": {said}}}).After(now); got != want {
			t.Errorf("%q: %v, not %v", said, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	if got := Clip(strings.Repeat("世", 100)); got != strings.Repeat("世", 66) {
		t.Errorf("%q of %d bytes", got, len(got))
	}
	if got := Clip("short"); got != "short" {
		t.Errorf("%q", got)
	}
}

func TestFit(t *testing.T) {
	atMost := func(n int) func(string, string) bool {
		return func(title, body string) bool { return len(title)+len(body) <= n }
	}
	for _, c := range []struct {
		title, body, wantTitle, wantBody string
		most                             int
		ok                               bool
	}{
		{"Ann", "hello", "Ann", "hello", 8, true},
		{"Ann", "hello", "Ann", "h…", 7, true},
		{"Ann", "hello", "Ann", "", 5, true},
		{"Ann", "世界世界", "Ann", "世…", 11, true},
		{"Ann", "世界世界", "Ann", "世界…", 12, true},
		{"Ann Lee", "hello", "Ann…", "", 6, true},
		{"Ann", "", "", "", 2, true},
		{"Ann", "x", "", "", 0, true},
		{"Ann", "x", "", "", -1, false},
	} {
		title, body, ok := Fit(c.title, c.body, atMost(c.most))
		if title != c.wantTitle || body != c.wantBody || ok != c.ok {
			t.Errorf("%q %q in %d: %q %q %v", c.title, c.body, c.most, title, body, ok)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("Ann", "Hello, 世界 \U0001F600", 12)
	f.Fuzz(func(t *testing.T, title, body string, most int) {
		if !utf8.ValidString(title) || !utf8.ValidString(body) {
			return
		}
		shortTitle, shortBody, ok := Fit(title, body, func(a, b string) bool { return len(a)+len(b) <= most })
		if ok != (most >= 0) || ok && len(shortTitle)+len(shortBody) > most || !utf8.ValidString(shortTitle) || !utf8.ValidString(shortBody) {
			t.Errorf("%q %q", shortTitle, shortBody)
		}
	})
}

// What an answer that did not come says has the host and the cause, and nothing of path and query.
func TestAskTellsNoToken(t *testing.T) {
	const token = "0123abcd"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasPrefix(r.URL.Path, "/nowhere") {
			w.Header().Set("Location", "http://[1"+r.URL.RequestURI())
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for url, want := range map[string]string{
		server.URL + "/3/device/" + token + "?key=" + token: host + ": EOF",
		"http://127.0.0.1:1/3/device/" + token:              "127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused",
		server.URL + "/nowhere/" + token + "?key=" + token:  host + ": failed to parse Location header",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("what"))
		if err != nil {
			t.Fatal(err)
		}
		_, failed := Ask(server.Client(), r, 10)
		if failed == nil || !strings.HasPrefix(failed.Text, want) || strings.Contains(failed.Text, token) || strings.Contains(failed.Text, "device") {
			t.Errorf("%s: %+v", url, failed)
		}
	}
}

func TestOrigin(t *testing.T) {
	for address, want := range map[string]bool{
		"https://a.example": true, "http://127.0.0.1:8080": true, "ftp://a.example": false, "a.example": false, "https://": false, "https://a.example/": false,
		"https://a.example/b": false, "https://a.example?b": false, "https://a.example?": false, "https://a.example#b": false, "https://u:p@a.example": false, "": false, ":": false,
	} {
		if got := Origin(address, "http", "https"); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if Origin("http://a.example", "https") {
		t.Error("another scheme")
	}
}

func TestCodes(t *testing.T) {
	codes := map[int]Answer{1: {Result: Retry, All: true, After: time.Minute}, 2: {Result: Gone}}
	for _, c := range []struct {
		code int
		wait time.Duration
		want Answer
	}{
		{1, time.Second, Answer{Result: Retry, Code: "1", Text: "t", All: true, After: time.Minute}}, {1, time.Hour, Answer{Result: Retry, Code: "1", Text: "t", All: true, After: time.Hour}},
		{2, time.Hour, Answer{Result: Gone, Code: "2", Text: "t"}}, {3, time.Hour, Answer{Result: Refused, Code: "3", Text: "t"}},
	} {
		if got := Coded(codes, c.code, "t", c.wait); got != c.want {
			t.Errorf("%+v, must be %+v", got, c.want)
		}
	}
	header := http.Header{"Retry-After": {"7"}}
	for status, want := range map[int]Answer{
		401: {Result: Misconfigured}, 403: {Result: Misconfigured}, 404: {Result: Refused}, 400: {Result: Refused}, 302: {Result: Refused},
		429: {Result: Retry, All: true, After: 7 * time.Second}, 500: {Result: Retry, All: true, After: 7 * time.Second},
	} {
		want.Code, want.Text = fmt.Sprint(status), "said"
		if got := (Reply{Status: status, Header: header, Body: []byte("said")}).OfStatus(time.Now()); got != want {
			t.Errorf("%+v, must be %+v", got, want)
		}
	}
}
