package webpush

import (
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes/pushrig"
	webpushfake "annal/internal/devstack/pushfakes/webpush"
)

const app = "chat.example"

var vendor = pushrig.Vendor[*webpushfake.Fake, Config, *Service]{
	App: app, Fake: webpushfake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now = now },
	Gone: "410", Busy: "429", Refuse: "413", Wrong: "BadJwtToken", Badges: true,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

// TestPart: each maker's service is a part of its own, whatever the names below it.
func TestPart(t *testing.T) {
	r := vendor.Open(t)
	public, auth := r.Token(), ""
	s := r.Serve(map[string]string{"hosts": ""})
	_, keys, _ := strings.Cut(public, `"keys":`)
	auth = `","expirationTime":null,"keys":` + keys
	for endpoint, want := range map[string]string{
		"https://updates.push.services.mozilla.com/wpush/v2/abc": "updates.push.services.mozilla.com/wpush/",
		"https://a.notify.windows.com/w/?token=1":                "notify.windows.com/w/",
		"https://b.notify.windows.com/w/?token=2":                "notify.windows.com/w/",
		"https://elsewhere.example/x":                            "",
	} {
		if got := s.Part(`{"endpoint":"` + endpoint + auth); got != want {
			t.Errorf("%s is of %q, must %q", endpoint, got, want)
		}
	}
	if got := s.Part("no token"); got != "" {
		t.Error(got)
	}
}
