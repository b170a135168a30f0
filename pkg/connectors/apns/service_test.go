package apns

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
	apnsfake "annal/internal/devstack/pushfakes/apns"
	"annal/pkg/events"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

// rig is a service, Apple as the fake plays it, and a clock that both have.
type rig struct {
	pushtest.Fixture
	service *Service
	fake    *apnsfake.Fake
	server  *pushfakes.Server
	phones  *pushfakes.Phones
	late    atomic.Int64
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.late.Load())) }

func open(t *testing.T, app string) *rig {
	t.Helper()
	r := &rig{phones: pushfakes.NewPhones()}
	var err error
	if r.fake, err = apnsfake.New(r.phones, app, r.now); err != nil {
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
	r.service.now, r.service.provider.now = r.now, r.now
	r.Fixture = pushtest.Fixture{
		Service: r.service, Package: app,
		Token: func() string { return r.fake.Token(r.server.URL) },
		Fail:  func(token, name string) { r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name}) },
		Gone:  "Unregistered", Busy: "ServiceUnavailable", Refuse: "BadDeviceToken", Wrong: "TopicDisallowed",
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
	return Config{Key: s["key"], KeyID: s["key_id"], TeamID: s["team_id"], Endpoint: s["endpoint"]}
}

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "apns", Package: r.Package, Token: token})
}

func (r *rig) one(t *testing.T, l push.Letter) push.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return r.Send(ctx, []push.Letter{l})[0]
}

func TestConformance(t *testing.T) {
	pushtest.Run(t, func(t *testing.T) pushtest.Fixture { return open(t, "com.example.chat").Fixture })
}

// TestAnswers: each of Apple's words has the result that it is to have, with what it says beside it.
func TestAnswers(t *testing.T) {
	r := open(t, "com.example.chat")
	since := time.UnixMilli(1_700_000_000_123)
	want := map[push.Result]string{
		push.Refused: "BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority DeviceTokenNotForTopic DuplicateHeaders InvalidPushType " +
			"MissingDeviceToken PayloadEmpty BadPath MethodNotAllowed PayloadTooLarge 400 404 418",
		push.Misconfigured: "BadTopic MissingTopic TopicDisallowed BadCertificate BadCertificateEnvironment ExpiredProviderToken Forbidden " +
			"InvalidProviderToken MissingProviderToken BadEnvironmentKeyIdInToken 403",
		push.Gone: "ExpiredToken Unregistered",
		push.Retry: "IdleTimeout UnrelatedKeyIdInToken TooManyProviderTokenUpdates TooManyRequests InternalServerError ServiceUnavailable Shutdown " +
			"429 500 502 503",
	}
	single := "IdleTimeout TooManyRequests" // what concerns one letter
	known := map[string]bool{}
	for result, codes := range want {
		for code := range strings.FieldsSeq(codes) {
			known[code] = true
			token := r.Token()
			// Twice, since an expired provider token is made anew once.
			r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: code, Times: 2, RetryAfter: 17 * time.Second, Since: since})
			got := r.one(t, r.Letter(token, "Ann", "x"))
			expect := push.Answer{Result: result, Code: code}
			switch result {
			case push.Gone:
				expect.Since = events.Millis(since.UnixMilli())
			case push.Retry:
				expect.After, expect.All = 17*time.Second, !strings.Contains(single, code)
			}
			if got != expect {
				t.Errorf("%s: %+v, want %+v", code, got, expect)
			}
			r.fake.Faults().Clear()
		}
	}
	for _, reason := range apnsfake.Reasons() {
		if !known[reason] {
			t.Errorf("%s is not in the test", reason)
		}
	}
	if got := r.one(t, r.Letter("0123abcd", "Ann", "x")); got.Code != "BadDeviceToken" {
		t.Errorf("a token that is none: %+v", got)
	}
	delivered := r.Letter(r.Token(), "Ann", "x")
	if got := r.one(t, delivered); got != (push.Answer{Result: push.Delivered, VendorID: delivered.Note.ID}) {
		t.Errorf("delivered: %+v", got)
	}
}

// TestProviderToken: the token is kept while it is good, made anew before it ends, and once when Apple finds it old.
func TestProviderToken(t *testing.T) {
	r := open(t, "com.example.chat")
	token := r.Token()
	sent := func() string {
		t.Helper()
		l := r.Letter(token, "Ann", "x")
		l.Note.Expires = r.now().Add(time.Minute)
		if a := r.one(t, l); a.Result != push.Delivered {
			t.Fatalf("%+v", a)
		}
		all := r.fake.Requests.All()
		return all[len(all)-1].Header.Get("Authorization")
	}
	first := sent()
	r.late.Store(int64(39 * time.Minute))
	if sent() != first {
		t.Error("made anew after 39 minutes")
	}
	r.late.Store(int64(41 * time.Minute))
	second := sent()
	if second == first {
		t.Error("not made anew after 41 minutes")
	}
	// Apple is of another opinion about the time.
	r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: "ExpiredProviderToken"})
	r.late.Store(int64(62 * time.Minute))
	if third := sent(); third == second {
		t.Error("not made anew when it was refused")
	}
}

// TestWrongClock: who is an hour behind cannot make a token that is good.
func TestWrongClock(t *testing.T) {
	r := open(t, "com.example.chat")
	r.service.provider.now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	if a := r.one(t, r.Letter(r.Token(), "Ann", "x")); a.Result != push.Misconfigured || a.Code != "ExpiredProviderToken" {
		t.Errorf("%+v", a)
	}
	if n := len(r.fake.Requests.All()); n != 2 {
		t.Errorf("asked %d times, must twice", n)
	}
}

func TestWrongCredentials(t *testing.T) {
	r, other := open(t, "com.example.chat"), open(t, "com.example.chat")
	config := configOf(other.fake.Settings(r.server.URL))
	s, err := New("com.example.chat", config, r.server.Client())
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]; a.Result != push.Misconfigured || a.Code != "InvalidProviderToken" {
		t.Errorf("another's key: %+v", a)
	}
	if s, err = New("com.example.other", configOf(r.fake.Settings(r.server.URL)), r.server.Client()); err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]; a.Result != push.Misconfigured || a.Code != "TopicDisallowed" {
		t.Errorf("another app: %+v", a)
	}
}

// TestNoConnection: where there is nobody nothing was sent, so nothing is unsure.
func TestNoConnection(t *testing.T) {
	r := open(t, "com.example.chat")
	gone := open(t, "com.example.chat")
	client, config := gone.server.Client(), configOf(gone.fake.Settings(gone.server.URL))
	config.Endpoint = "https://127.0.0.1:1" // tcpmux, which nobody has
	s, err := New("com.example.chat", config, client)
	if err != nil {
		t.Fatal(err)
	}
	a := s.Send(t.Context(), []push.Letter{r.Letter(r.Token(), "Ann", "x")})[0]
	if a.Result != push.Retry || a.Unsure || !a.All || a.Text == "" || len(a.Text) > 200 {
		t.Errorf("%+v", a)
	}
}

// TestRequest: what a letter is on the wire, and on the phone.
func TestRequest(t *testing.T) {
	r := open(t, "com.example.chat")
	token := r.Token()
	l := r.Letter(token, "Ann", "Hello <b>& you</b>")
	call := r.Letter(token, "Bob", "calls")
	call.Note.Kind, call.Note.Urgent, call.Note.Badge = push.Call, false, -1
	withdraw := r.Letter(token, "", "")
	withdraw.Note.Kind, withdraw.Note.Collapse, withdraw.Note.Badge, withdraw.Note.Link = push.Withdraw, l.Note.Collapse, 2, ""
	for _, l := range []push.Letter{l, call, withdraw} {
		if a := r.one(t, l); a.Result != push.Delivered {
			t.Fatalf("%+v", a)
		}
	}
	data := `"event":"%s","kind":"message","link":"https://chat.example/s/g-1?seq=7","seq":"7","session":"g-1"`
	for i, want := range []struct{ kind, priority, collapse, body string }{
		{"alert", "10", l.Note.Collapse, `{"aps":{"alert":{"title":"Ann","body":"Hello <b>& you</b>"},"badge":3,"sound":"default","thread-id":"g-1"},` + fmt.Sprintf(data, l.Note.ID) + `}`},
		{"alert", "10", call.Note.Collapse, `{"aps":{"alert":{"title":"Bob","body":"calls"},"thread-id":"g-1","interruption-level":"time-sensitive"},` + fmt.Sprintf(data, call.Note.ID) + `}`},
		{"background", "5", "", `{"aps":{"content-available":1},"badge":2,"event":"` + withdraw.Note.ID + `","kind":"message","seq":"7","session":"g-1","withdraw":"` + l.Note.Collapse + `"}`},
	} {
		q := r.fake.Requests.All()[i]
		if string(q.Body) != want.body {
			t.Errorf("%d: body\n%s\nmust be\n%s", i, q.Body, want.body)
		}
		h := q.Header
		if h.Get("apns-push-type") != want.kind || h.Get("apns-priority") != want.priority || h.Get("apns-collapse-id") != want.collapse ||
			h.Get("apns-topic") != "com.example.chat" || h.Get("apns-expiration") != fmt.Sprint(l.Note.Expires.Unix()) {
			t.Errorf("%d: headers %v", i, h)
		}
	}
	s := r.screen(token)
	if len(s.Shown) != 1 || s.Badge != 2 {
		t.Fatalf("%+v", s)
	}
	if n := s.Shown[0]; n.ID != call.Note.ID || n.Vendor != call.Note.ID || n.Thread != "g-1" || n.Link != call.Note.Link || n.Data["session"] != "g-1" || !n.Urgent {
		t.Errorf("%+v", n)
	}
}

func TestExpired(t *testing.T) {
	r := open(t, "com.example.chat")
	l := r.Letter(r.Token(), "Ann", "x")
	l.Note.Expires = r.now().Add(-time.Second)
	if a := r.one(t, l); a.Result != push.Refused || a.Code != "EXPIRED" || len(r.fake.Requests.All()) != 0 {
		t.Errorf("%+v", a)
	}
}

// TestBadToken: what can't be a token costs no call, and is nobody else's affair.
func TestBadToken(t *testing.T) {
	r := open(t, "com.example.chat")
	for _, token := range []string{"", "a", strings.Repeat("a", 201), "not hex", "0123\n", strings.Repeat("é", 2000), "../../3/device/ab", "ab?x=", "0x12"} {
		got := r.one(t, r.Letter(token, "Ann", "x"))
		if got.Result != push.Refused || got.Code != "BAD_TOKEN" {
			t.Errorf("%.20q: %+v", token, got)
		}
	}
	if n := len(r.fake.Requests.All()); n != 0 {
		t.Errorf("%d requests", n)
	}
	for _, token := range []string{"ab", "0123456789abcdefABCDEF", strings.Repeat("a", 200)} {
		if got := r.one(t, r.Letter(token, "Ann", "x")); got.Code != "BadDeviceToken" {
			t.Errorf("%.20q: %+v", token, got)
		}
	}
}

// TestVoIP: an app of calls gets calls and nothing else.
func TestVoIP(t *testing.T) {
	r := open(t, "com.example.chat.voip")
	token := r.Token()
	if a := r.one(t, r.Letter(token, "Ann", "x")); a.Result != push.Refused || a.Code != "UNSUPPORTED" {
		t.Errorf("a message: %+v", a)
	}
	l := r.Letter(token, "Ann", strings.Repeat("calls ", 1000))
	l.Note.Kind = push.Call
	if a := r.one(t, l); a.Result != push.Delivered {
		t.Errorf("a call: %+v", a)
	}
	all := r.fake.Requests.All()
	if len(all) != 1 || all[0].Header.Get("apns-push-type") != "voip" || len(all[0].Body) <= maxPayload {
		t.Errorf("%d requests: %v", len(all), all)
	}
	if can := r.Abilities(); can.Badge || can.Withdraw {
		t.Errorf("%+v", can)
	}
}

// TestPayloadFits: whatever is to be cut, the payload keeps to the limit, uses it, and is cut between characters.
func TestPayloadFits(t *testing.T) {
	n := push.Note{ID: "01890000-0000-7000-8000-000000000001", Kind: push.Message, Badge: 1, Thread: "g-1", Data: map[string]string{"kind": "message", "session": "g-1"}}
	for _, c := range []struct{ title, body string }{
		{"Ann", strings.Repeat("x", 10_000)}, {"Ann", strings.Repeat("\"\\\n", 5000)}, {"Ann", strings.Repeat("長\U0001F600", 3000)},
		{strings.Repeat("名", 3000), "body"}, {strings.Repeat("名", 3000), ""}, {"", strings.Repeat("\x01", 3000)},
	} {
		n.Title, n.Body = c.title, c.body
		b, err := payload(n, maxPayload)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > maxPayload || len(b) < maxPayload-16 {
			t.Errorf("%.10q, %.10q: %d bytes", c.title, c.body, len(b))
		}
		var got struct {
			APS struct{ Alert alert } `json:"aps"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		a := got.APS.Alert
		if !strings.HasPrefix(c.title, strings.TrimSuffix(a.Title, "…")) || !strings.HasPrefix(c.body, strings.TrimSuffix(a.Body, "…")) || !utf8.ValidString(a.Title+a.Body) {
			t.Errorf("%.10q, %.10q became %q, %q", c.title, c.body, a.Title, a.Body)
		}
	}
}

func TestConfig(t *testing.T) {
	fake, err := apnsfake.New(pushfakes.NewPhones(), "com.example.chat", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	good := configOf(fake.Settings(Sandbox))
	for want, change := range map[error]func(*Config){
		ErrKey: func(c *Config) { c.Key = "secret" }, ErrKeyID: func(c *Config) { c.KeyID = "short" }, ErrTeamID: func(c *Config) { c.TeamID = "DEF123GHI\n" },
		ErrEndpoint: func(c *Config) { c.Endpoint = "http://api.push.apple.com" }, nil: func(c *Config) { c.Endpoint = "" },
	} {
		c := good
		change(&c)
		if got := c.Validate(); !errors.Is(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if _, err := New("com.example.chat", c, http.DefaultClient); !errors.Is(err, want) {
			t.Errorf("New: %v, want %v", err, want)
		}
	}
}
