package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"annal/internal/devstack/pushfakes"
	fcmfake "annal/internal/devstack/pushfakes/fcm"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

// rig is a service, Google as the fake plays it, and their clocks.
type rig struct {
	pushtest.Fixture
	service *Service
	fake    *fcmfake.Fake
	server  *pushfakes.Server
	phones  *pushfakes.Phones
	// ours and theirs are how far the clocks are ahead.
	ours, theirs atomic.Int64
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ours.Load())) }

func open(t *testing.T) *rig {
	t.Helper()
	r := &rig{phones: pushfakes.NewPhones()}
	var err error
	if r.fake, err = fcmfake.New(r.phones, app, func() time.Time { return time.Now().Add(time.Duration(r.theirs.Load())) }); err != nil {
		t.Fatal(err)
	}
	if r.server, err = pushfakes.Serve(r.fake, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
	})
	if r.service, err = New(app, configOf(r.fake.Settings(r.server.URL)), r.server.Client()); err != nil {
		t.Fatal(err)
	}
	r.service.now, r.service.access.now = r.now, r.now
	r.Fixture = pushtest.Fixture{
		Service: r.service, Package: app,
		Token: func() string { return r.fake.Token(r.server.URL) },
		Fail:  func(token, name string) { r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name}) },
		Gone:  "UNREGISTERED", Busy: "UNAVAILABLE", Refuse: "SENDER_ID_MISMATCH", Wrong: "PERMISSION_DENIED",
		Screen: func(token string) ([][2]string, int, int) {
			s := r.screen(token)
			var shown [][2]string
			for _, n := range s.Shown {
				shown = append(shown, [2]string{n.Title, n.Body})
			}
			return shown, s.Badge, s.Came
		},
	}
	return r
}

func configOf(s map[string]string) Config {
	return Config{Credentials: s["credentials"], Endpoint: s["endpoint"], TokenEndpoint: s["token_endpoint"]}
}

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "fcm", Package: app, Token: token})
}

func (r *rig) one(t *testing.T, l push.Letter) push.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l.Note.Expires = r.now().Add(10 * time.Minute)
	return r.Send(ctx, []push.Letter{l})[0]
}

// asked counts requests to a path that ends so.
func (r *rig) asked(end string) int {
	n := 0
	for _, q := range r.fake.Requests.All() {
		if strings.HasSuffix(q.Path, end) {
			n++
		}
	}
	return n
}

func TestConformance(t *testing.T) {
	pushtest.Run(t, func(t *testing.T) pushtest.Fixture { return open(t).Fixture })
}

// TestAnswers: each of Google's words has the result that it is to have, with what it says beside it.
func TestAnswers(t *testing.T) {
	r := open(t)
	type meant struct {
		result push.Result
		after  time.Duration // where the answer does not say
		all    bool
	}
	known := map[string]bool{}
	for codes, want := range map[string]meant{
		"INVALID_ARGUMENT SENDER_ID_MISMATCH THIRD_PARTY_AUTH_ERROR NOT_FOUND 400 404 418 NEVER_SAID UNSPECIFIED_ERROR": {push.Refused, 0, false},
		"UNREGISTERED": {push.Gone, 0, false},
		"UNAUTHENTICATED PERMISSION_DENIED 401 403":          {push.Misconfigured, 0, false},
		"QUOTA_EXCEEDED RESOURCE_EXHAUSTED 429":              {push.Retry, time.Minute, true},
		"UNAVAILABLE INTERNAL DEADLINE_EXCEEDED 500 502 503": {push.Retry, time.Second, true},
	} {
		for code := range strings.FieldsSeq(codes) {
			known[code] = true
			for _, asks := range []time.Duration{0, 17 * time.Second} {
				token := r.Token()
				// Twice, since an access token is renewed once.
				r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: code, Times: 2, RetryAfter: asks})
				got := r.one(t, r.Letter(token, "Ann", "x"))
				expect := push.Answer{Result: want.result, Code: code, Text: got.Text, After: want.after, All: want.all}
				if code == "UNSPECIFIED_ERROR" {
					expect.Code = "UNKNOWN" // the word of all APIs says as little
				}
				if want.result == push.Retry && asks > 0 {
					expect.After = asks
				}
				if got != expect || got.Text == "" || len(got.Text) > 200 {
					t.Errorf("%s: %+v, want %+v", code, got, expect)
				}
				r.fake.Faults().Clear()
			}
		}
	}
	for _, code := range fcmfake.Codes() {
		if !known[code] {
			t.Errorf("%s is not in the test", code)
		}
	}
	if got := r.one(t, r.Letter("abc", "Ann", "x")); got.Result != push.Refused || got.Code != "INVALID_ARGUMENT" {
		t.Errorf("a token that is none: %+v", got)
	}
	if got := r.one(t, r.Letter(r.Token(), "Ann", "x")); got.Result != push.Delivered || !strings.HasPrefix(got.VendorID, "projects/myproject-b5ae1/messages/") {
		t.Errorf("delivered: %+v", got)
	}
}

// TestAccessToken: it is asked for once, kept while it is good, renewed before it ends, and once when Google does not take it.
func TestAccessToken(t *testing.T) {
	r := open(t)
	send := func() {
		t.Helper()
		if a := r.one(t, r.Letter(r.Token(), "Ann", "x")); a.Result != push.Delivered {
			t.Fatalf("%+v", a)
		}
	}
	done := make(chan push.Answer, 20)
	for range cap(done) {
		l := r.Letter(r.Token(), "Ann", "x")
		go func() { done <- r.Send(context.WithoutCancel(t.Context()), []push.Letter{l})[0] }()
	}
	for range cap(done) {
		if a := <-done; a.Result != push.Delivered {
			t.Errorf("%+v", a)
		}
	}
	for _, c := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {54 * time.Minute, 1}, {56 * time.Minute, 2}} {
		r.ours.Store(int64(c.after))
		r.theirs.Store(int64(c.after))
		send()
		if n := r.asked("/token"); n != c.asked {
			t.Errorf("after %v: asked %d times for a token, must %d", c.after, n, c.asked)
		}
	}
	// For Google it has ended, and by our clock none can be had that is good.
	r.theirs.Store(int64(3 * time.Hour))
	if a := r.one(t, r.Letter(r.Token(), "Ann", "x")); a.Result != push.Misconfigured || a.Code != "invalid_grant" || r.asked("/token") != 3 {
		t.Errorf("hours late: %+v", a)
	}
	r.ours.Store(r.theirs.Load())
	send()
	for _, name := range []string{"UNAUTHENTICATED", "401"} {
		token := r.Token()
		r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name})
		asked, sent := r.asked("/token"), r.asked(":send")
		if a := r.one(t, r.Letter(token, "Ann", "x")); a.Result != push.Delivered || r.asked("/token") != asked+1 || r.asked(":send") != sent+2 {
			t.Errorf("%s: %+v, asked for %d tokens and sent %d times", name, a, r.asked("/token")-asked, r.asked(":send")-sent)
		}
	}
}

// TestNoAccess: without an access token no letter was sent, and what comes of them is that of the request for it.
func TestNoAccess(t *testing.T) {
	for name, want := range map[string]push.Answer{
		"invalid_grant": {Result: push.Misconfigured, Code: "invalid_grant"}, "unauthorized_client": {Result: push.Misconfigured, Code: "unauthorized_client"},
		"503": {Result: push.Retry, Code: "503", All: true, After: 9 * time.Second}, "429": {Result: push.Retry, Code: "429", All: true, After: 9 * time.Second},
		pushfakes.CutBefore: {Result: push.Retry, All: true},
	} {
		r := open(t)
		r.fake.Faults().Add(pushfakes.Fault{Name: name, RetryAfter: 9 * time.Second})
		l := r.Letter(r.Token(), "Ann", "x")
		got := r.one(t, l)
		want.Text = got.Text
		if got != want || r.asked(":send") != 0 {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if a := r.one(t, l); a.Result != push.Delivered {
			t.Errorf("after %s: %+v", name, a)
		}
	}
	r := open(t)
	r.fake.Faults().Add(pushfakes.Fault{Name: pushfakes.Hang})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	l := r.Letter(r.Token(), "Ann", "x")
	answers := make(chan push.Answer, 2)
	for range cap(answers) { // one asks, the other waits for it
		go func() { answers <- r.Send(ctx, []push.Letter{l})[0] }()
	}
	for range cap(answers) {
		if a := <-answers; a.Result != push.Retry || !a.Unsure {
			t.Errorf("hanging: %+v", a)
		}
	}
}

func TestWrongCredentials(t *testing.T) {
	r, other := open(t), open(t)
	s, err := New(app, configOf(other.fake.Settings(r.server.URL)), r.server.Client())
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]; a.Result != push.Misconfigured || a.Code != "invalid_grant" {
		t.Errorf("another's key: %+v", a)
	}
	config := configOf(r.fake.Settings(r.server.URL))
	config.Credentials = strings.ReplaceAll(config.Credentials, `"project_id":"myproject-b5ae1"`, `"project_id":"another"`)
	if s, err = New(app, config, r.server.Client()); err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]; a.Result != push.Misconfigured || a.Code != "PERMISSION_DENIED" {
		t.Errorf("another project: %+v", a)
	}
	if s, err = New("com.example.other", configOf(r.fake.Settings(r.server.URL)), r.server.Client()); err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]; a.Result != push.Refused || a.Code != "INVALID_ARGUMENT" {
		t.Errorf("another app: %+v", a)
	}
}

// TestNoConnection: where there is nobody nothing was sent, so nothing is unsure.
func TestNoConnection(t *testing.T) {
	r := open(t)
	config := configOf(r.fake.Settings(r.server.URL))
	nobody := "https://127.0.0.1:1" // tcpmux, which nobody has
	for name, change := range map[string]func(*Config){"token": func(c *Config) { c.TokenEndpoint = nobody }, "messages": func(c *Config) { c.Endpoint = nobody }} {
		c := config
		change(&c)
		s, err := New(app, c, r.server.Client())
		if err != nil {
			t.Fatal(err)
		}
		if a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]; a.Result != push.Retry || a.Unsure || !a.All || a.Text == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestRequest: what a letter is on the wire, and on the phone.
func TestRequest(t *testing.T) {
	r := open(t)
	token := r.Token()
	l, call, withdraw := r.Letter(token, "Ann", "Hello <b>& you</b>"), r.Letter(token, "Bob", "calls"), r.Letter(token, "", "")
	call.Note.Kind, call.Note.Urgent, call.Note.Badge, call.Note.Expires = push.Call, false, 0, time.Time{}
	withdraw.Note.Kind, withdraw.Note.Collapse, withdraw.Note.Badge, withdraw.Note.Link, withdraw.Note.Urgent = push.Withdraw, l.Note.Collapse, 2, "", false
	now := l.Note.Expires.Add(-time.Hour - time.Millisecond)
	withdraw.Note.Expires = now.Add(90 * 24 * time.Hour)
	data := `"event":"%s","kind":"message","link":"https://chat.example/s/g-1?seq=7","seq":"7","session":"g-1","thread":"g-1"`
	for i, c := range []struct {
		letter push.Letter
		want   string
	}{
		{l, `"notification":{"title":"Ann","body":"Hello <b>& you</b>"},"data":{` + fmt.Sprintf(data, l.Note.ID) + `},"android":{` +
			`"priority":"HIGH","ttl":"3600s","restricted_package_name":"com.example.chat","notification":{"tag":"` + l.Note.Collapse + `","channel_id":"message","default_sound":true,"notification_count":3}}`},
		{call, `"notification":{"title":"Bob","body":"calls"},"data":{` + fmt.Sprintf(data, call.Note.ID) + `},"android":{` +
			`"priority":"HIGH","restricted_package_name":"com.example.chat","notification":{"tag":"` + call.Note.Collapse + `","channel_id":"call","notification_priority":"PRIORITY_MAX"}}`},
		{withdraw, `"data":{"badge":"2","event":"` + withdraw.Note.ID + `","kind":"message","seq":"7","session":"g-1","thread":"g-1","withdraw":"` + l.Note.Collapse + `"},"android":{` +
			`"priority":"NORMAL","ttl":"2419200s","restricted_package_name":"com.example.chat"}`},
	} {
		want := `{"message":{"token":"` + token + `",` + c.want + `}}`
		got, err := body(app, c.letter, now)
		if err != nil || string(got) != want {
			t.Errorf("%d: %v\n%s\nmust be\n%s", i, err, got, want)
		}
		if a := r.one(t, c.letter); a.Result != push.Delivered {
			t.Fatalf("%d: %+v", i, a)
		}
	}
	s := r.screen(token)
	if len(s.Shown) != 1 || s.Badge != 2 {
		t.Fatalf("%+v", s)
	}
	if n := s.Shown[0]; n.ID != call.Note.ID || n.Vendor == "" || n.Thread != "g-1" || n.Link != call.Note.Link || n.Data["session"] != "g-1" || !n.Urgent {
		t.Errorf("%+v", n)
	}
}

func TestExpired(t *testing.T) {
	r := open(t)
	l := r.Letter(r.Token(), "Ann", "x")
	r.ours.Store(int64(time.Hour))
	if a := r.Send(t.Context(), []push.Letter{l})[0]; a.Result != push.Refused || a.Code != "EXPIRED" || len(r.fake.Requests.All()) != 0 {
		t.Errorf("%+v", a)
	}
}

// TestBadToken: what can't be a token costs no call, of messages or for access.
func TestBadToken(t *testing.T) {
	r := open(t)
	for _, token := range []string{"", "a b", "a\n", strings.Repeat("a", 1001), "é"} {
		if a := r.one(t, r.Letter(token, "Ann", "x")); a.Result != push.Refused || a.Code != "BAD_TOKEN" {
			t.Errorf("%.20q: %+v", token, a)
		}
	}
	if n := len(r.fake.Requests.All()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if a := r.one(t, r.Letter(strings.Repeat("a", 1000), "Ann", "x")); a.Code != "INVALID_ARGUMENT" {
		t.Errorf("%+v", a)
	}
}

// TestPayloadFits: whatever is to be cut, the message keeps to the limit, uses it, and is cut between characters.
func TestPayloadFits(t *testing.T) {
	n := push.Note{ID: "01890000-0000-7000-8000-000000000001", Kind: push.Message, Badge: 1, Thread: "g-1", Data: map[string]string{"kind": "message", "session": "g-1"}}
	for _, c := range []struct{ title, body string }{
		{"Ann", strings.Repeat("x", 10_000)}, {"Ann", strings.Repeat("\"\\\n", 5000)}, {"Ann", strings.Repeat("長\U0001F600", 3000)},
		{strings.Repeat("名", 3000), "body"}, {strings.Repeat("名", 3000), ""}, {"", strings.Repeat("\x01", 3000)},
	} {
		n.Title, n.Body = c.title, c.body
		b, err := body(app, push.Letter{Note: n}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if size := len(b) - len(`{"message":}`); size > maxPayload || size < maxPayload-16 {
			t.Errorf("%.10q, %.10q: %d bytes", c.title, c.body, size)
		}
		var got struct{ Message message }
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		a := got.Message.Notification
		if !strings.HasPrefix(c.title, strings.TrimSuffix(a.Title, "…")) || !strings.HasPrefix(c.body, strings.TrimSuffix(a.Body, "…")) || !utf8.ValidString(a.Title+a.Body) {
			t.Errorf("%.10q, %.10q became %q, %q", c.title, c.body, a.Title, a.Body)
		}
	}
}

func TestConfig(t *testing.T) {
	fake, err := fcmfake.New(pushfakes.NewPhones(), app, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	good := configOf(fake.Settings(Production))
	for want, change := range map[error]func(*Config){
		ErrCredentials:   func(c *Config) { c.Credentials = `{"type":"authorized_user"}` },
		ErrKey:           func(c *Config) { c.Credentials = strings.ReplaceAll(c.Credentials, "BEGIN PRIVATE", "BEGIN") },
		ErrEndpoint:      func(c *Config) { c.Endpoint = "http://fcm.googleapis.com" },
		ErrTokenEndpoint: func(c *Config) { c.TokenEndpoint = "ftp://oauth2.googleapis.com/token" },
		nil:              func(c *Config) { c.Endpoint, c.TokenEndpoint = "", "" },
	} {
		c := good
		change(&c)
		if got := c.Validate(); !errors.Is(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if _, err := New(app, c, http.DefaultClient); !errors.Is(err, want) {
			t.Errorf("New: %v, want %v", err, want)
		}
	}
}
