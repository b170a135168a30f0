package apnsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

// listing is a request or an answer as Apple prints it: fields of the header, with = or : behind their names, then the payload.
type listing struct {
	header map[string]string
	body   string
}

func listingOf(t *testing.T, name string) listing {
	t.Helper()
	head, body, _ := strings.Cut(printed.Sample(t, name+".txt"), "DATA\n")
	l, last := listing{header: map[string]string{}}, ""
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		name, value, is := strings.Cut(line, " = ")
		if !is {
			name, value, is = strings.Cut(line, ": ")
		}
		switch {
		case is:
			last, l.header[name] = name, value
		case last != "":
			l.header[last] += line // a long value goes on
		}
	}
	l.body = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(body), "+ END_STREAM"))
	return l
}

// TestPrinted: the request that Apple prints is taken with the answer that it prints, and for the device in it, which is none of the fake's, refused with the other.
func TestPrinted(t *testing.T) {
	r := open(t)
	for name, change := range map[string]func(*asked){
		"taken": func(*asked) {}, "refused": func(a *asked) { a.path = listingOf(t, "request").header[":path"] },
	} {
		a, want := r.good(t), listingOf(t, name)
		change(a)
		a.client = r.server.Client()
		got, body := r.send(t, a)
		if strconv.Itoa(got.StatusCode) != want.header[":status"] || got.Header.Get("apns-id") != a.header.Get("apns-id") ||
			got.Header.Get("content-type") != want.header["content-type"] {
			t.Errorf("%s: %d %v, must %v", name, got.StatusCode, got.Header, want.header)
		}
		if want.header["apns-id"] != "<a_UUID>" && want.header["apns-id"] != a.header.Get("apns-id") {
			t.Errorf("%s: Apple's own is of %s", name, want.header["apns-id"])
		}
		var said, must struct{ Reason string }
		if _, _ = json.Unmarshal(body, &said), json.Unmarshal([]byte(want.body), &must); said != must || !slices.Equal(pushfakes.Shape(string(body)), pushfakes.Shape(want.body)) {
			t.Errorf("%s: %s, must %s", name, body, want.body)
		}
	}
}

// TestPrintedToken: a provider token with the header and the claims that Apple prints is taken when they were made, and not when an hour has gone since.
func TestPrintedToken(t *testing.T) {
	r := open(t)
	var header struct{ Alg, Kid string }
	var claims jwt.MapClaims
	d := json.NewDecoder(strings.NewReader(printed.Sample(t, "token.txt")))
	if err := d.Decode(&header); err != nil || header.Alg != "ES256" {
		t.Fatalf("%+v, %v", header, err)
	}
	if err := d.Decode(&claims); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatal("there is more")
	}
	made, err := claims.GetIssuedAt()
	if err != nil || made == nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]int{0: http.StatusOK, time.Hour + time.Second: http.StatusForbidden} {
		r.clock = made.Add(after)
		a := r.good(t)
		a.client = r.server.Client()
		a.header.Set("authorization", r.signed(t, r.fake.key, header.Kid, claims))
		if status, reason, _ := r.do(t, a); status != want {
			t.Errorf("after %v: %d %s", after, status, reason)
		}
	}
}

// TestSamples: the payloads that Apple prints are shown as it says.
func TestSamples(t *testing.T) {
	r := open(t)
	for _, c := range []struct {
		name, kind  string
		shown       int
		title, body string
		data        map[string]string
		badge       int
	}{
		{"request", "alert", 1, "", "Hello", nil, -1}, {"game", "alert", 2, "Game Request", "Bob wants to play poker", map[string]string{"gameID": "12345678"}, -1},
		{"badge", "alert", 2, "Game Request", "Bob wants to play poker", nil, 9}, {"localized", "alert", 3, "", "", nil, 9}, {"background", "background", 3, "", "", nil, 9},
	} {
		a := r.good(t)
		a.client = r.server.Client()
		a.header.Del("apns-id")
		a.header.Set("apns-push-type", c.kind)
		if c.name != "request" {
			a.body = printed.Sample(t, c.name+".json")
		}
		if c.kind == "background" {
			a.header.Set("apns-priority", "5")
		}
		if status, reason, _ := r.do(t, a); status != 200 {
			t.Fatalf("%s: %d %s", c.name, status, reason)
		}
		s := r.screen()
		if len(s.Shown) != c.shown || s.Badge != c.badge {
			t.Fatalf("%s: %+v", c.name, s)
		}
		if n := s.Shown[len(s.Shown)-1]; n.Title != c.title || n.Body != c.body || c.data != nil && n.Data["gameID"] != c.data["gameID"] || n.Vendor == "" {
			t.Errorf("%s: %+v", c.name, n)
		}
	}
}
