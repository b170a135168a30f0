package meizu

import (
	"net/http"
	"strings"
	"testing"
	"time"

	meizufake "annal/internal/devstack/pushfakes/meizu"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "com.example.chat"

var vendor = pushrig.Vendor[*meizufake.Fake, Config, *Service]{
	App: app, Fake: meizufake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now = now }, Addresses: []string{"endpoint"},
	Gone: "110002", Busy: "1003", Refuse: "1005", Wrong: "110000", Calls: 1,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

func TestCarried(t *testing.T) { vendor.Carried(t, pushrig.Lack{Thread: true}) }

func TestWrongSettings(t *testing.T) {
	vendor.WrongSettings(t, []pushrig.Wrong{
		{Why: "the id", Code: "110000", Change: map[string]string{"app_id": "1"}},
		{Why: "the secret", Code: "1006", Change: map[string]string{"app_secret": "other"}},
	})
}

// TestNotSent: pushIds are listed with commas, so a token with one would be two phones, whosever they are.
func TestNotSent(t *testing.T) {
	r := vendor.Open(t)
	other := r.Token()
	pushtest.NotSent(t, r.Fixture,
		pushtest.Unsent{Why: "somebody else's token, too", Code: "BAD_TOKEN", Change: func(l *push.Letter) { l.Token += "," + other }},
		pushtest.Unsent{Why: "no token", Code: "BAD_TOKEN", Change: pushtest.ToToken("")},
		pushtest.Unsent{Why: "a long token", Code: "BAD_TOKEN", Change: pushtest.ToToken(strings.Repeat("x", 513))},
	)
	if s := r.Phone(other); s.Came != 0 {
		t.Errorf("%+v", s)
	}
}

// TestOneOfSeveral: what is said of one phone is not said of the others.
func TestOneOfSeveral(t *testing.T) {
	r := vendor.Open(t)
	letters := r.Same(3, "the same")
	r.Fail(pushtest.Failure{Token: letters[2].Token, Name: "520"})
	for i, a := range r.Send(t.Context(), letters) {
		if one := i == 2; one != (a.Result == push.Retry) || a.All || (a.VendorID == "") != one {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if s := r.Phone(letters[2].Token); s.Came != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMessage(t *testing.T) {
	r := vendor.Open(t)
	now := r.Now()
	n := r.Write("Hello").Note
	for after, want := range map[time.Duration]pushTime{
		30 * time.Second: {}, time.Hour - 1: {}, time.Hour: {OffLine: 1, ValidTime: 1}, 119 * time.Minute: {OffLine: 1, ValidTime: 1}, 100 * time.Hour: {OffLine: 1, ValidTime: 72},
	} {
		n.Expires = now.Add(after)
		if m := newMessage(&n, now); m.PushTime != want {
			t.Errorf("%v: %+v", after, m.PushTime)
		}
	}
	n.Expires, n.Kind, n.Urgent = time.Time{}, push.Call, false
	if m := newMessage(&n, now); m.PushTime.ValidTime != 72 || m.Advance.Suspend != 1 || m.Advance.NotificationType.Sound != 1 || m.NoticeBar.NoticeMsgType != 1 || len(m.Advance.NotifyKey) != 8 {
		t.Errorf("%+v", m)
	}
	for body, want := range map[string]string{
		strings.Repeat("字", 100):         strings.Repeat("字", 100),
		strings.Repeat("字", 101):         strings.Repeat("字", 99) + "…",
		strings.Repeat("\U0001F600", 51): strings.Repeat("\U0001F600", 49) + "…",
	} {
		n.Body = body
		if m := newMessage(&n, now); m.NoticeBar.Content != want {
			t.Errorf("%q: %q", body, m.NoticeBar.Content)
		}
	}
	n.Title = strings.Repeat("名", 33)
	if m := newMessage(&n, now); m.NoticeBar.Title != strings.Repeat("名", 31)+"…" {
		t.Errorf("%q", m.NoticeBar.Title)
	}
}

// TestSign has the example of the vendor's page, "接口签名规范" of https://github.com/MEIZUPUSH/PushAPI (2026-11-28). The page prints the string to be summed with spaces
// that its code has not: the sum is of the one without.
func TestSign(t *testing.T) {
	got := sign(map[string]string{
		"appId": "10000", "pushIds": "RA50c6348036344485d01776773577c64740465480a6b",
		"messageJson": `{"title":"title","content":"content","pushTimeInfo":{"offLine":1,"validTime":24}}`,
	}, "<APP_SECRET>")
	if got != "ac076ff25d9900015a681cb5172aa53b" {
		t.Error(got)
	}
}

func TestConfig(t *testing.T) {
	good := Config{AppID: "1", AppSecret: "s"}
	vendor.Configs(t, good, map[error][]func(*Config){
		ErrEndpoint: {func(c *Config) { c.Endpoint = "host" }}, ErrID: {func(c *Config) { c.AppID = "" }}, ErrSecret: {func(c *Config) { c.AppSecret = "" }},
	})
	s, err := New(app, good, http.DefaultClient)
	if err != nil || s.endpoint != "https://server-api-push.meizu.com" {
		t.Errorf("%+v %v", s, err)
	}
}
