package fcm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	fcmfake "annal/internal/devstack/pushfakes/fcm"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

type rig = pushrig.Rig[*fcmfake.Fake, Config, *Service]

var vendor = pushrig.Vendor[*fcmfake.Fake, Config, *Service]{
	App: app, Fake: fcmfake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now, s.access.now = now, now },
	Access: "/token", Addresses: []string{"endpoint", "token_endpoint"},
	Gone: "UNREGISTERED", Busy: "UNAVAILABLE", Refuse: "SENDER_ID_MISMATCH", Wrong: "PERMISSION_DENIED", Badges: true,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

// TestAnswers: each of Google's words has the result that it is to have, with what it says beside it.
func TestAnswers(t *testing.T) {
	r := vendor.Open(t)
	pushtest.Answers(t, r.Fixture, []pushtest.Said{
		{Names: "INVALID_ARGUMENT SENDER_ID_MISMATCH THIRD_PARTY_AUTH_ERROR NOT_FOUND 400 404 418 NEVER_SAID", Want: push.Answer{Result: push.Refused}},
		{Names: "UNSPECIFIED_ERROR", Want: push.Answer{Result: push.Refused, Code: "UNKNOWN"}}, // the word of all APIs says as little
		{Names: "UNREGISTERED", Want: push.Answer{Result: push.Gone}},
		{Names: "UNAUTHENTICATED PERMISSION_DENIED 401 403", Want: push.Answer{Result: push.Misconfigured}},
		{Names: "QUOTA_EXCEEDED RESOURCE_EXHAUSTED 429", Want: push.Answer{Result: push.Retry, All: true, After: time.Minute}, Obeyed: true},
		{Names: "UNAVAILABLE INTERNAL DEADLINE_EXCEEDED 500 502 503", Want: push.Answer{Result: push.Retry, All: true, After: time.Second}, Obeyed: true},
	}, fcmfake.Codes()...)
	if got := r.One(t, r.Letter("abc", "Ann", "x")); got.Result != push.Refused || got.Code != "INVALID_ARGUMENT" {
		t.Errorf("a token that is none: %+v", got)
	}
	if got := r.One(t, r.Write("x")); got.Result != push.Delivered || !strings.HasPrefix(got.VendorID, "projects/myproject-b5ae1/messages/") {
		t.Errorf("delivered: %+v", got)
	}
}

func TestAccess(t *testing.T) {
	vendor.TestAccess(t, pushtest.Access{
		Life: 3599 * time.Second, NoGood: []string{"UNAUTHENTICATED", "401"},
		Denied: []pushtest.Said{
			{Names: "invalid_grant unauthorized_client", Want: push.Answer{Result: push.Misconfigured}},
			{Names: "503 429", Want: push.Answer{Result: push.Retry, All: true}},
		},
	}, (*fcmfake.Fake).Revoke)
}

// TestLate: for Google the access token has ended, and by our clock none can be had that is good.
func TestLate(t *testing.T) {
	r := vendor.Open(t)
	for i, c := range []struct {
		drift time.Duration
		want  push.Answer
	}{{0, push.Answer{Result: push.Delivered}}, {3 * time.Hour, push.Answer{Result: push.Misconfigured, Code: "invalid_grant"}}, {0, push.Answer{Result: push.Delivered}}} {
		r.Drift(c.drift)
		if a := r.One(t, r.Write("x")); a.Result != c.want.Result || a.Code != c.want.Code || r.Asked("/token") != i+1 {
			t.Errorf("%v late: %+v, asked %d times", c.drift, a, r.Asked("/token"))
		}
	}
}

func TestWrongSettings(t *testing.T) {
	r := vendor.Open(t)
	elsewhere := strings.ReplaceAll(r.Config(nil).Credentials, `"project_id":"myproject-b5ae1"`, `"project_id":"another"`)
	vendor.WrongSettings(t, []pushrig.Wrong{{Why: "another's key", Code: "invalid_grant", Change: map[string]string{"credentials": r.Config(nil).Credentials}}})
	for app, c := range map[string]struct {
		credentials string
		want        push.Answer
	}{
		app: {elsewhere, push.Answer{Result: push.Misconfigured, Code: "PERMISSION_DENIED"}}, "com.example.other": {"", push.Answer{Result: push.Refused, Code: "INVALID_ARGUMENT"}},
	} {
		config := r.Config(nil)
		if c.credentials != "" {
			config.Credentials = c.credentials
		}
		s, err := New(app, config, r.Client)
		if err != nil {
			t.Fatal(err)
		}
		if a := s.Send(t.Context(), []push.Letter{r.Write("x")})[0]; a.Result != c.want.Result || a.Code != c.want.Code {
			t.Errorf("%s: %+v", app, a)
		}
	}
}

// TestRequest: what a letter is on the wire, and on the phone.
func TestRequest(t *testing.T) {
	r := vendor.Open(t)
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
		if a := r.One(t, c.letter); a.Result != push.Delivered {
			t.Fatalf("%d: %+v", i, a)
		}
	}
	s := r.Phone(token)
	if len(s.Shown) != 1 || s.Badge != 2 {
		t.Fatalf("%+v", s)
	}
	if n := s.Shown[0]; n.ID != call.Note.ID || n.Vendor == "" || n.Thread != "g-1" || n.Link != call.Note.Link || n.Data["session"] != "g-1" || !n.Urgent {
		t.Errorf("%+v", n)
	}
}

// TestNotSent: what can't be a token costs no call, of messages or for access.
func TestNotSent(t *testing.T) {
	r := vendor.Open(t)
	var unsent []pushtest.Unsent
	for _, token := range []string{"", "a b", "a\n", strings.Repeat("a", 1001), "é"} {
		unsent = append(unsent, pushtest.Unsent{Why: fmt.Sprintf("%.20q", token), Code: "BAD_TOKEN", Change: pushtest.ToToken(token)})
	}
	pushtest.NotSent(t, r.Fixture, unsent...)
	if n := len(r.Fake.Requests.All()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if a := r.One(t, r.Letter(strings.Repeat("a", 1000), "Ann", "x")); a.Code != "INVALID_ARGUMENT" {
		t.Errorf("%+v", a)
	}
}

func TestPayloadFits(t *testing.T) {
	pushtest.Fits(t, maxPayload, func(n push.Note) (int, string, string) {
		b, err := body(app, push.Letter{Note: n}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Message message }
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		return len(b) - len(`{"message":}`), got.Message.Notification.Title, got.Message.Notification.Body
	})
}

func TestConfig(t *testing.T) {
	vendor.Configs(t, vendor.Open(t).Config(nil), map[error][]func(*Config){
		ErrCredentials:   {func(c *Config) { c.Credentials = `{"type":"authorized_user"}` }},
		ErrKey:           {func(c *Config) { c.Credentials = strings.ReplaceAll(c.Credentials, "BEGIN PRIVATE", "BEGIN") }},
		ErrEndpoint:      {func(c *Config) { c.Endpoint = "http://fcm.googleapis.com" }},
		ErrTokenEndpoint: {func(c *Config) { c.TokenEndpoint = "ftp://oauth2.googleapis.com/token" }},
		nil:              {func(c *Config) { c.Endpoint, c.TokenEndpoint = "", "" }},
	})
}
