package huawei

import (
	"strings"
	"testing"
	"time"

	huaweifake "annal/internal/devstack/pushfakes/huawei"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const (
	app       = "example.chat"
	tokenPath = "/oauth2/v3/token"
)

var vendor = pushrig.Vendor[*huaweifake.Fake, Config, *Service]{
	App: app, Fake: huaweifake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now = now },
	Access: tokenPath, Addresses: []string{"endpoint", "token_endpoint"}, Gone: "80300007", Busy: "503", Refuse: "80100003", Wrong: "80300002", Badges: true, Calls: 1,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

func TestCarried(t *testing.T) { vendor.Carried(t, pushrig.Lack{Quiet: true, Vendor: true}) }

func TestWrongSettings(t *testing.T) {
	vendor.WrongSettings(t, []pushrig.Wrong{
		{Why: "the secret", Code: "1101/12304", Change: map[string]string{"app_secret": "x"}},
		{Why: "the app", Code: "1101/20003", Change: map[string]string{"app_id": "1"}},
		{Why: "nobody's address", Code: "404", Change: map[string]string{"token_endpoint": "$URL/none"}},
	})
}

func TestNotSent(t *testing.T) {
	pushtest.NotSent(t, vendor.Open(t).Fixture,
		pushtest.Unsent{Why: "much data", Code: "TOO_BIG", Change: func(l *push.Letter) { l.Note.Data = map[string]string{"x": string(make([]byte, 5000))} }},
		pushtest.Unsent{Why: "no token", Code: "BAD_TOKEN", Change: pushtest.ToToken("")},
		pushtest.Unsent{Why: "two tokens", Code: "BAD_TOKEN", Change: pushtest.ToToken("a,b")},
		pushtest.Unsent{Why: "a long token", Code: "BAD_TOKEN", Change: pushtest.ToToken(strings.Repeat("x", 513))},
	)
}

// TestAllUnknown: where no token is known the answer is another one.
func TestAllUnknown(t *testing.T) {
	r := vendor.Open(t)
	letters := []push.Letter{r.Letter("unknown", "Ann", "x"), r.Letter("unknown", "Ann", "x")}
	for i, a := range r.Send(t.Context(), letters) {
		if a.Result != push.Gone || a.Code != "80300007" {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
}
