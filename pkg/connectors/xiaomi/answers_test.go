package xiaomi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

func TestAnswers(t *testing.T) {
	r := vendor.Open(t)
	refused, wrong := push.Answer{Result: push.Refused}, push.Answer{Result: push.Misconfigured}
	later, alone := push.Answer{Result: push.Retry, All: true}, push.Answer{Result: push.Retry}
	said := []pushtest.Said{
		{Names: "10008 10012 10016 10017 10029 20301 21305 26006 65003 65009 65011 65014 65015 65028 99999", Want: refused},
		{Names: "10031 10036 21301 21302 21303 22000 22006 22007 22022 27001", Want: wrong},
		{Names: "-1 1 10001 10002 10003 10027 20607 26003 65029", Want: later},
		{Names: "10034", Want: push.Answer{Result: push.Retry, All: true, After: 10 * time.Minute}},
		{Names: "10037 22102 65030", Want: alone},
	}
	for status, want := range map[string]push.Answer{
		"401": wrong, "403": wrong, "404": wrong, "429": later, "500": later, "503": later, "418": refused, "302": refused,
	} {
		want.Code = status
		said = append(said, pushtest.Said{Names: "HTTP" + status, Want: want})
	}
	pushtest.Answers(t, r.Fixture, said)
	if a := r.One(t, r.Letter("nobody", "Ann", "x")); a.Result != push.Gone || a.Code != "20301" {
		t.Errorf("%+v", a)
	}
	if a := r.One(t, r.Write("x")); a.Result != push.Delivered || a.Code != "0" || a.VendorID == "" {
		t.Errorf("%+v", a)
	}
}

func TestTaken(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":0,"data":{"id":"a","bad_regids":"x, y"}}`:           "a map[x:true y:true]",
		`{"code":0,"data":"{\"id\":\"a\",\"bad_regids\":\"x\"}"}`:    "a map[x:true]",
		`{"code":0,"data":{"id":"a"}}`:                               "a map[]",
		`{"code":0}`:                                                 " map[]",
		`{"code":20301,"data":{"id":"a"},"reason":"No such thing."}`: " map[]",
	} {
		a, bad := verdict(push.Reply{Status: 200, Body: []byte(body)}, time.Now())
		if got := fmt.Sprint(a.VendorID, " ", bad); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
}

// TestPackage: an app that Mi Push does not know is a value that is wrong to it, and wrong for all.
func TestPackage(t *testing.T) {
	r := vendor.Open(t)
	r.Service.app = "another.chat"
	if a := r.One(t, r.Write("x")); a.Result != push.Misconfigured || a.Code != "10017" {
		t.Errorf("%+v", a)
	}
}

func TestUnreadable(t *testing.T) {
	const begins = `{"code":0,"data":{"bad_regids":"a,`
	vendor.Unreadable(t, begins, `{"msg":"no code"}`, begins+strings.Repeat("x,", maxAnswer/2)+`"}}`)
}
