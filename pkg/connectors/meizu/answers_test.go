package meizu

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
	now := push.Answer{Result: push.Retry, All: true, After: time.Second}
	later := func(after time.Duration) push.Answer { return push.Answer{Result: push.Retry, After: after} }
	pushtest.Answers(t, vendor.Open(t).Fixture, []pushtest.Said{
		{Names: "500 1001 1003 110010", Want: now}, {Names: "110019 110051", Want: push.Answer{Result: push.Retry, All: true, After: time.Hour}},
		{Names: "300 1006 110000 110001 110009 110031 110033", Want: push.Answer{Result: push.Misconfigured}},
		{Names: "1005 110004 110032 110053", Want: push.Answer{Result: push.Refused}},
		{Names: "110099", Want: push.Answer{Result: push.Refused}}, // on no page
		// Of a phone.
		{Names: "518 519", Want: now, Bare: true}, {Names: "201", Want: push.Answer{Result: push.Refused}, Bare: true},
		{Names: "value-110010", Want: push.Answer{Result: push.Refused, Code: "110010"}, Bare: true},
		{Names: "110002 110003", Want: push.Answer{Result: push.Gone}, Bare: true},
		{Names: "501 513", Want: later(time.Second), Bare: true}, {Names: "520", Want: later(time.Minute), Bare: true}, {Names: "110011", Want: later(time.Hour), Bare: true},
		{Names: "value-110099", Want: push.Answer{Result: push.Refused, Code: "110099"}, Bare: true}, // on no page
	})
}

func TestUndocumented(t *testing.T) { vendor.Undocumented(t) }

func TestRaw(t *testing.T) {
	taken := push.Answer{Result: push.Delivered, Code: "200", VendorID: "M"}
	vendor.Raw(t, []pushrig.RawCase{
		{Raw: pushrig.Raw{Status: 200, RetryAfter: "30", Body: `{"code":"1003","message":"m","value":""}`}, Want: push.Answer{Result: push.Retry, Code: "1003", Text: "m", After: 30 * time.Second, All: true}},
		{Raw: pushrig.Raw{Status: 200, Body: `{"code":"200","value":"","msgId":"M"}`}, Want: taken},
		{Raw: pushrig.Raw{Status: 200, Body: `{"code":200,"msgId":"M"}`}, Want: taken},
	})
}

func TestUnreadable(t *testing.T) {
	vendor.Unreadable(t, `{"message":"x"}`, `{"code":"200","value":[1]}`, `{"code":"200","value":"","message":"`+strings.Repeat("x", maxBody)+`"}`)
}
