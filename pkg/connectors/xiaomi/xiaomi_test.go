package xiaomi

import (
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes/pushrig"
	xiaomifake "annal/internal/devstack/pushfakes/xiaomi"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "example.chat"

var vendor = pushrig.Vendor[*xiaomifake.Fake, Config, *Service]{
	App: app, Fake: xiaomifake.New, New: New, Clock: func(s *Service, now func() time.Time) { s.now = now }, Addresses: []string{"endpoint"},
	Gone: "bad_regids", Busy: "10002", Refuse: "10017", Wrong: "21301", Once: true, Calls: 1,
}

func TestConformance(t *testing.T) { vendor.Conformance(t) }

func TestCarried(t *testing.T) { vendor.Carried(t, pushrig.Lack{Urgent: true}) }

func TestWrongSettings(t *testing.T) {
	vendor.WrongSettings(t, []pushrig.Wrong{
		{Why: "the secret", Code: "21301", Change: map[string]string{"app_secret": "x"}},
		{Why: "the channel", Code: "27001", Change: map[string]string{"channel_id": "7"}},
		{Why: "no channel", Code: "27001", Change: map[string]string{"channel_id": ""}},
		{Why: "no template", Code: "27001", Change: map[string]string{"channel_id": "100002"}},
		{Why: "a template of another", Code: "27001", Change: map[string]string{"channel_id": "100002", "template_id": "P1"}},
		{Why: "a template without a keyword", Code: "27001", Change: map[string]string{"channel_id": "100002", "template_id": "P10000", "title_keyword": "sender"}},
	})
}

func TestNotSent(t *testing.T) {
	r := vendor.Open(t)
	other := r.Token()
	pushtest.NotSent(t, r.Fixture,
		pushtest.Unsent{Why: "much data", Code: "TOO_BIG", Change: func(l *push.Letter) { l.Note.Data = map[string]string{"x": strings.Repeat("x", 5000)} }},
		pushtest.Unsent{Why: "nothing to show", Code: "EMPTY", Change: func(l *push.Letter) { l.Note.Title, l.Note.Body = " ", "\n" }},
		pushtest.Unsent{Why: "somebody else's token, too", Code: "BAD_TOKEN", Change: func(l *push.Letter) { l.Token += "," + other }},
		pushtest.Unsent{Why: "no token", Code: "BAD_TOKEN", Change: pushtest.ToToken("")},
		pushtest.Unsent{Why: "two words", Code: "BAD_TOKEN", Change: pushtest.ToToken("a b")},
		pushtest.Unsent{Why: "a long token", Code: "BAD_TOKEN", Change: pushtest.ToToken(strings.Repeat("x", 513))},
	)
}

// TestWithdrawn: what several phones show is taken back from all of them at once; who is gone is gone.
func TestWithdrawn(t *testing.T) {
	r := vendor.Open(t)
	letters := r.Same(5, "the same")
	r.Send(t.Context(), letters)
	letters[1].Token = "unknown"
	for i := range letters {
		letters[i].Note.Kind = push.Withdraw
	}
	for i, a := range r.Send(t.Context(), letters) {
		if gone := i == 1; gone != (a.Result == push.Gone) || !gone && a.Result != push.Delivered {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if s := r.Phone(letters[0].Token); len(s.Shown) != 0 || r.Asked(revokePath) != 1 {
		t.Errorf("%+v after %d requests", s.Shown, r.Asked(revokePath))
	}
}
