package huawei

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

func TestAnswers(t *testing.T) {
	r := vendor.Open(t)
	pushtest.Answers(t, r.Fixture, []pushtest.Said{
		{Names: "80100001 80100003 80100004 80100013 80100016 80100018 80300008 80300010 80300011 80300013 418 80999999", Want: push.Answer{Result: push.Refused}},
		{Names: "80200001 80200003 80200005 80300002 80600003 401 404", Want: push.Answer{Result: push.Misconfigured}},
		{Names: "80100017 81000001 429 500 502 503 599", Want: push.Answer{Result: push.Retry, All: true}},
		{Names: "80300007", Want: push.Answer{Result: push.Gone}},
	})
	if a := r.One(t, r.Write("x")); a.Result != push.Delivered || a.Code != codeSuccess || a.VendorID == "" {
		t.Errorf("%+v", a)
	}
}

// TestUnreadableParts: who was left out cannot be read, so nobody is said to have been.
func TestUnreadableParts(t *testing.T) {
	reply := push.Reply{Status: 200, Body: []byte(`{"code":"80100000","msg":"?","requestId":"1"}`)}
	if a, illegal := verdict(reply, time.Now()); a.Result != push.Retry || !a.Unsure || len(illegal) != 0 {
		t.Errorf("%+v %v", a, illegal)
	}
	if a, _ := verdict(push.Reply{Status: 503, Header: http.Header{}, Body: []byte("<html>")}, time.Now()); a.Result != push.Retry || a.Code != "503" {
		t.Errorf("%+v", a)
	}
}

func TestUnreadable(t *testing.T) {
	const begins = `{"code":"80100000","msg":"{\"illegal_tokens\":[\"`
	vendor.Unreadable(t, begins, `{"msg":"no code"}`, begins+strings.Repeat("x", maxAnswer)+`\"]}"}`)
}
