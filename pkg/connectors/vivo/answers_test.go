package vivo

import (
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

// TestAnswers has the vendor's codes, and what each must come to.
func TestAnswers(t *testing.T) {
	pushtest.Answers(t, vendor.Open(t).Fixture, []pushtest.Said{
		{Names: "10040 10072 10093", Want: push.Answer{Result: push.Retry, All: true, After: time.Second}},
		{Names: "10070 10071 10073 10250 10252", Want: push.Answer{Result: push.Retry, All: true, After: time.Hour}},
		{Names: "10094 10200 10201 10202 10203 10204 10205 10206 10207", Want: push.Answer{Result: push.Misconfigured}},
		{Names: "10050 10051 10054 10055 10056 10058 10059 10066 10067 10085 10101 10103 10104", Want: push.Answer{Result: push.Refused}},
		{Names: "10302", Want: push.Answer{Result: push.Gone}},
		{Names: "user-1 user-2 user-3", Want: push.Answer{Result: push.Gone, Code: "10302"}},
		{Names: "user-4", Want: push.Answer{Result: push.Refused, Code: "10302"}},
		{Names: "10045 19999", Want: push.Answer{Result: push.Refused}}, // on no page
		{Names: "500", Want: push.Answer{Result: push.Retry, All: true}},
	})
}

func TestUndocumented(t *testing.T) { vendor.Undocumented(t) }

func TestRaw(t *testing.T) {
	raw := func(body string) pushrig.Raw { return pushrig.Raw{Status: 200, Body: body} }
	vendor.Raw(t, []pushrig.RawCase{
		{Raw: pushrig.Raw{Status: 200, RetryAfter: "30", Body: `{"result":10072,"desc":"m"}`}, Want: push.Answer{Result: push.Retry, Code: "10072", Text: "m", After: 30 * time.Second, All: true}},
		{Raw: raw(`{"result":10302,"desc":"d","invalidUser":{"status":9,"userid":"me"}}`), Want: push.Answer{Result: push.Refused, Code: "10302", Text: "status 9"}},
		{Raw: raw(`{"result":10302,"desc":"d","invalidUser":{"status":1,"userid":"x"}}`), Want: push.Answer{Result: push.Refused, Code: "10302", Text: "d"}},
		{
			Raw:  raw(`{"result":10302,"desc":"d","invalidUsers":[{"status":1,"userid":"x"},{"status":1,"userid":"me"}]}`),
			Want: push.Answer{Result: push.Gone, Code: "10302", Text: "status 1"},
		},
		{Raw: raw(`{"result":10302,"desc":"d"}`), Want: push.Answer{Result: push.Gone, Code: "10302", Text: "d"}},
	})
}

func TestUnreadable(t *testing.T) {
	vendor.Unreadable(t, `{"desc":"no code"}`, `{"result":0,"desc":"`+strings.Repeat("x", maxBody)+`"}`)
}
