package oppo

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
		{Names: "-2 -1 13 55", Want: push.Answer{Result: push.Retry, All: true, After: time.Second}},
		{Names: "33", Want: push.Answer{Result: push.Retry, All: true, After: time.Hour}},
		{Names: "11 14 15 16 17 18 19 26 27 28 29 30 54 67", Want: push.Answer{Result: push.Misconfigured}},
		{Names: "12 20 21 22 23 24 25 31 34 40 41 51 59", Want: push.Answer{Result: push.Refused}},
		{Names: "32", Want: push.Answer{Result: push.Delivered}},
		{Names: "10000", Want: push.Answer{Result: push.Gone}},
		{Names: "99 10001 19999", Want: push.Answer{Result: push.Refused}}, // on no page
	})
}

func TestUndocumented(t *testing.T) { vendor.Undocumented(t) }

func TestRaw(t *testing.T) {
	nothing := push.Answer{Result: push.Retry, Unsure: true, Text: "the answer does not have this letter"}
	vendor.Raw(t, []pushrig.RawCase{
		{Raw: pushrig.Raw{Status: 200, RetryAfter: "30", Body: `{"code":13,"message":"m"}`}, Want: push.Answer{Result: push.Retry, Code: "13", Text: "m", After: 30 * time.Second, All: true}},
		{Raw: pushrig.Raw{Status: 200, Body: `{"code":0,"data":[]}`}, Want: nothing},
		{Raw: pushrig.Raw{Status: 200, Body: `{"code":0,"data":"x"}`}, Want: nothing},
	})
}

func TestUnreadable(t *testing.T) {
	vendor.Unreadable(t, `{"message":"no code"}`, `{"code":0,"data":[],"message":"`+strings.Repeat("x", maxBody)+`"}`)
}

// TestSamePhone: several letters to one phone have each its own answer.
func TestSamePhone(t *testing.T) {
	r := vendor.Open(t)
	token := r.Token()
	a, b := r.Letter(token, "Ann", "a"), r.Letter(token, "Bob", "b")
	r.Fail(pushtest.Failure{Token: token, Name: "10001"})
	answers := r.Send(t.Context(), []push.Letter{a, b})
	if answers[0].Code != "10001" || answers[1].Result != push.Delivered {
		t.Errorf("%+v", answers)
	}
	if s := r.Phone(token); len(s.Shown) != 1 || s.Shown[0].Vendor != answers[1].VendorID {
		t.Errorf("%+v", s)
	}
}
