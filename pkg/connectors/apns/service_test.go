package apns

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	apnsfake "annal/internal/devstack/pushfakes/apns"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

type rig = pushrig.Rig[*apnsfake.Fake, Config, *Service]

var vendor = pushrig.Vendor[*apnsfake.Fake, Config, *Service]{
	App: app, Fake: apnsfake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now, s.provider.now = now, now }, Addresses: []string{"endpoint"},
	Gone: "Unregistered", Busy: "ServiceUnavailable", Refuse: "BadDeviceToken", Wrong: "TopicDisallowed", Badges: true,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

// TestAnswers: each of Apple's words has the result that it is to have, with what it says beside it.
func TestAnswers(t *testing.T) {
	r := vendor.Open(t)
	pushtest.Answers(t, r.Fixture, []pushtest.Said{
		{Bare: true, Want: push.Answer{Result: push.Refused}, Names: "BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority DeviceTokenNotForTopic " +
			"DuplicateHeaders InvalidPushType MissingDeviceToken PayloadEmpty BadPath MethodNotAllowed PayloadTooLarge 400 404 418"},
		{Bare: true, Want: push.Answer{Result: push.Misconfigured}, Names: "BadTopic MissingTopic TopicDisallowed BadCertificate BadCertificateEnvironment " +
			"ExpiredProviderToken Forbidden InvalidProviderToken MissingProviderToken BadEnvironmentKeyIdInToken 403"},
		{Bare: true, Want: push.Answer{Result: push.Gone, Since: pushtest.Since}, Names: "ExpiredToken Unregistered"},
		{Bare: true, Want: push.Answer{Result: push.Retry, All: true}, Names: "UnrelatedKeyIdInToken TooManyProviderTokenUpdates InternalServerError ServiceUnavailable " +
			"Shutdown 429 500 502 503"},
		{Bare: true, Want: push.Answer{Result: push.Retry}, Names: "IdleTimeout TooManyRequests"}, // what concerns one letter
	}, apnsfake.Reasons()...)
	if got := r.One(t, r.Letter("0123abcd", "Ann", "x")); got.Code != "BadDeviceToken" {
		t.Errorf("a token that is none: %+v", got)
	}
	delivered := r.Write("x")
	if got := r.One(t, delivered); got != (push.Answer{Result: push.Delivered, VendorID: delivered.Note.ID}) {
		t.Errorf("delivered: %+v", got)
	}
}

// TestProviderToken: the token is kept while it is good, made anew before it ends, and once when Apple finds it old.
func TestProviderToken(t *testing.T) {
	r := vendor.Open(t)
	token := r.Token()
	sent := func() string {
		t.Helper()
		if a := r.One(t, r.Letter(token, "Ann", "x")); a.Result != push.Delivered {
			t.Fatalf("%+v", a)
		}
		all := r.Fake.Requests.All()
		return all[len(all)-1].Header.Get("Authorization")
	}
	first := sent()
	r.Pass(39 * time.Minute)
	if sent() != first {
		t.Error("made anew after 39 minutes")
	}
	r.Pass(2 * time.Minute)
	second := sent()
	if second == first {
		t.Error("not made anew after 41 minutes")
	}
	// Apple is of another opinion about the time.
	r.Fake.Faults().Add(pushfakes.Fault{Token: token, Name: "ExpiredProviderToken"})
	r.Pass(21 * time.Minute)
	if third := sent(); third == second {
		t.Error("not made anew when it was refused")
	}
}

// TestWrongClock: who is an hour behind cannot make a token that is good.
func TestWrongClock(t *testing.T) {
	r := vendor.Open(t)
	r.Service.provider.now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	if a := r.One(t, r.Letter(r.Token(), "Ann", "x")); a.Result != push.Misconfigured || a.Code != "ExpiredProviderToken" {
		t.Errorf("%+v", a)
	}
	if n := len(r.Fake.Requests.All()); n != 2 {
		t.Errorf("asked %d times, must twice", n)
	}
}

func TestWrongSettings(t *testing.T) {
	other := vendor.Open(t)
	vendor.WrongSettings(t, []pushrig.Wrong{{Why: "another's key", Code: "InvalidProviderToken", Change: map[string]string{"key": other.Config(nil).Key}}})
	r := vendor.Open(t)
	s, err := New("com.example.other", r.Config(nil), r.Client)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Send(t.Context(), []push.Letter{r.Write("x")})[0]; a.Result != push.Misconfigured || a.Code != "TopicDisallowed" {
		t.Errorf("another app: %+v", a)
	}
}

// TestRequest: what a letter is on the wire, and on the phone.
func TestRequest(t *testing.T) {
	r := vendor.Open(t)
	token := r.Token()
	l := r.Letter(token, "Ann", "Hello <b>& you</b>")
	call := r.Letter(token, "Bob", "calls")
	call.Note.Kind, call.Note.Urgent, call.Note.Badge = push.Call, false, -1
	withdraw := r.Letter(token, "", "")
	withdraw.Note.Kind, withdraw.Note.Collapse, withdraw.Note.Badge, withdraw.Note.Link = push.Withdraw, l.Note.Collapse, 2, ""
	for _, l := range []push.Letter{l, call, withdraw} {
		if a := r.One(t, l); a.Result != push.Delivered {
			t.Fatalf("%+v", a)
		}
	}
	data := `"event":"%s","kind":"message","link":"https://chat.example/s/g-1?seq=7","seq":"7","session":"g-1"`
	for i, want := range []struct{ kind, priority, collapse, body string }{
		{"alert", "10", l.Note.Collapse, `{"aps":{"alert":{"title":"Ann","body":"Hello <b>& you</b>"},"badge":3,"sound":"default","thread-id":"g-1"},` + fmt.Sprintf(data, l.Note.ID) + `}`},
		{"alert", "10", call.Note.Collapse, `{"aps":{"alert":{"title":"Bob","body":"calls"},"thread-id":"g-1","interruption-level":"time-sensitive"},` + fmt.Sprintf(data, call.Note.ID) + `}`},
		{"background", "5", "", `{"aps":{"content-available":1},"badge":2,"event":"` + withdraw.Note.ID + `","kind":"message","seq":"7","session":"g-1","withdraw":"` + l.Note.Collapse + `"}`},
	} {
		q := r.Fake.Requests.All()[i]
		if string(q.Body) != want.body {
			t.Errorf("%d: body\n%s\nmust be\n%s", i, q.Body, want.body)
		}
		h := q.Header
		if h.Get("apns-push-type") != want.kind || h.Get("apns-priority") != want.priority || h.Get("apns-collapse-id") != want.collapse ||
			h.Get("apns-topic") != "com.example.chat" || h.Get("apns-expiration") != fmt.Sprint(l.Note.Expires.Unix()) {
			t.Errorf("%d: headers %v", i, h)
		}
	}
	s := r.Phone(token)
	if len(s.Shown) != 1 || s.Badge != 2 {
		t.Fatalf("%+v", s)
	}
	if n := s.Shown[0]; n.ID != call.Note.ID || n.Vendor != call.Note.ID || n.Thread != "g-1" || n.Link != call.Note.Link || n.Data["session"] != "g-1" || !n.Urgent {
		t.Errorf("%+v", n)
	}
}

// TestNotSent: what can't be a token costs no call, and is nobody else's affair.
func TestNotSent(t *testing.T) {
	r := vendor.Open(t)
	var unsent []pushtest.Unsent
	for _, token := range []string{"", "a", strings.Repeat("a", 201), "not hex", "0123\n", strings.Repeat("é", 2000), "../../3/device/ab", "ab?x=", "0x12"} {
		unsent = append(unsent, pushtest.Unsent{Why: fmt.Sprintf("%.20q", token), Code: "BAD_TOKEN", Change: pushtest.ToToken(token)})
	}
	pushtest.NotSent(t, r.Fixture, unsent...)
	for _, token := range []string{"ab", "0123456789abcdefABCDEF", strings.Repeat("a", 200)} {
		if got := r.One(t, r.Letter(token, "Ann", "x")); got.Code != "BadDeviceToken" {
			t.Errorf("%.20q: %+v", token, got)
		}
	}
}

// TestVoIP: an app of calls gets calls and nothing else.
func TestVoIP(t *testing.T) {
	calls := vendor
	calls.App += ".voip"
	r := calls.Open(t)
	token := r.Token()
	if a := r.One(t, r.Letter(token, "Ann", "x")); a.Result != push.Refused || a.Code != "UNSUPPORTED" {
		t.Errorf("a message: %+v", a)
	}
	l := r.Letter(token, "Ann", strings.Repeat("calls ", 1000))
	l.Note.Kind = push.Call
	if a := r.One(t, l); a.Result != push.Delivered {
		t.Errorf("a call: %+v", a)
	}
	all := r.Fake.Requests.All()
	if len(all) != 1 || all[0].Header.Get("apns-push-type") != "voip" || len(all[0].Body) <= maxPayload {
		t.Errorf("%d requests: %v", len(all), all)
	}
	if can := r.Abilities(); can.Badge || can.Withdraw {
		t.Errorf("%+v", can)
	}
}

func TestPayloadFits(t *testing.T) {
	pushtest.Fits(t, maxPayload, func(n push.Note) (int, string, string) {
		b, err := payload(n, maxPayload)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			APS struct{ Alert alert } `json:"aps"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		return len(b), got.APS.Alert.Title, got.APS.Alert.Body
	})
}

func TestConfig(t *testing.T) {
	vendor.Configs(t, vendor.Open(t).Config(nil), map[error][]func(*Config){
		ErrKey: {func(c *Config) { c.Key = "secret" }}, ErrKeyID: {func(c *Config) { c.KeyID = "short" }}, ErrTeamID: {func(c *Config) { c.TeamID = "DEF123GHI\n" }},
		ErrEndpoint: {func(c *Config) { c.Endpoint = "http://api.push.apple.com" }}, nil: {func(c *Config) { c.Endpoint = "" }},
	})
}
