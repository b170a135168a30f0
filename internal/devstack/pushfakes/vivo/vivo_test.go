package vivofake

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
)

type object = map[string]any

func open(t *testing.T) (*Fake, *time.Time) {
	t.Helper()
	clock := time.Now()
	f, err := New(pushfakes.NewPhones(), "com.example.chat", func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	return f, &clock
}

// raw makes a call of which nothing is known.
func raw(f *Fake, method, path, kind, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("authToken", token)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func ask(t *testing.T, f *Fake, path, token string, body any) object {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	w := raw(f, http.MethodPost, path, "application/json;charset=UTF-8", token, text)
	var a object
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return a
}

func code(a object) int { return int(a["result"].(float64)) }

func (f *Fake) credentials(at time.Time) object {
	ms := strconv.FormatInt(at.UnixMilli(), 10)
	sum := md5.Sum([]byte(f.id + f.key + ms + f.secret))
	return object{"appId": f.id, "appKey": f.key, "timestamp": at.UnixMilli(), "sign": hex.EncodeToString(sum[:])}
}

func access(t *testing.T, f *Fake) string {
	t.Helper()
	a := ask(t, f, "/message/auth", "", f.credentials(f.now()))
	token, _ := a["authToken"].(string)
	if code(a) != 0 || token == "" {
		t.Fatalf("%v", a)
	}
	return token
}

func TestAuthRefuses(t *testing.T) {
	f, clock := open(t)
	for want, change := range map[int]object{
		0: {}, 10200: {"appId": ""}, 10205: {"appId": "1"}, 10201: {"appKey": ""}, 10202: {"appKey": "other"},
		10203: {"timestamp": ""}, 10207: {"timestamp": "soon"}, 10204: {"sign": ""}, 10206: {"sign": strings.Repeat("0", 32)},
	} {
		c := f.credentials(*clock)
		maps.Copy(c, change)
		if a := ask(t, f, "/message/auth", "", c); code(a) != want {
			t.Errorf("%v: %v, must %d", change, a, want)
		}
		*clock = clock.Add(time.Second)
	}
	for _, off := range []time.Duration{11 * time.Minute, -11 * time.Minute} {
		if a := ask(t, f, "/message/auth", "", f.credentials(clock.Add(off))); code(a) != 10207 {
			t.Errorf("%v off: %v", off, a)
		}
	}
	*clock = clock.Add(time.Second)
	c := f.credentials(*clock)
	c["appId"], c["timestamp"] = json.Number(f.id), fmt.Sprint(c["timestamp"]) // a number, and a string
	if a := ask(t, f, "/message/auth", "", c); code(a) != 0 {
		t.Errorf("%v", a)
	}
	for range 9 {
		access(t, f)
	}
	if a := ask(t, f, "/message/auth", "", f.credentials(*clock)); code(a) != 10093 {
		t.Errorf("the eleventh in a second: %v", a)
	}
}

func TestCallRefuses(t *testing.T) {
	f, clock := open(t)
	token := access(t, f)
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
	}{
		{http.MethodGet, "/message/send", "application/json", "", 405},
		{http.MethodPost, "/message/other", "application/json", "{}", 404},
		{http.MethodPost, "/message/send", "application/x-www-form-urlencoded", "a=b", 415},
		{http.MethodPost, "/message/send", "application/json", "{", 500},
		{http.MethodPost, "/message/pushToList", "application/json", "{", 500},
		{http.MethodPost, "/message/auth", "application/json", "{", 500},
	} {
		if w := raw(f, c.method, c.path, c.kind, token, c.body); w.Code != c.status {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
	m := message1(f.Token(""))
	if a := ask(t, f, "/message/send", "other", m); code(a) != 10000 {
		t.Errorf("%v", a)
	}
	*clock = clock.Add(24 * time.Hour)
	if a := ask(t, f, "/message/send", token, m); code(a) != 10000 {
		t.Errorf("after a day: %v", a)
	}
	token = access(t, f)
	f.Revoke()
	if a := ask(t, f, "/message/send", token, m); code(a) != 10000 {
		t.Errorf("revoked: %v", a)
	}
}

func message1(id string) object {
	return object{"regId": id, "notifyType": 4, "title": "t", "content": "c", "skipType": 1, "requestId": "r"}
}

// TestMessageRefuses has one thing wrong at a time.
func TestMessageRefuses(t *testing.T) {
	f, _ := open(t)
	token, id := access(t, f), f.Token("")
	eleven, long := object{}, object{"k": strings.Repeat("字", 1024)}
	for i := range 11 {
		eleven[strconv.Itoa(i)] = ""
	}
	for _, c := range []struct {
		want   int
		change object
	}{
		{0, nil},
		{10094, object{"appId": "1"}}, {0, object{"appId": f.id}}, {10050, object{"regId": ""}}, {10302, object{"regId": "12345678901234567890123"}},
		{10054, object{"notifyType": 0}}, {10054, object{"notifyType": 5}},
		{10055, object{"title": ""}}, {0, object{"title": strings.Repeat("字", 20)}}, {10056, object{"title": strings.Repeat("字", 20) + "x"}},
		{10058, object{"content": ""}}, {0, object{"content": strings.Repeat("\U0001F600", 100)}}, {10059, object{"content": strings.Repeat("x", 101)}},
		{10045, object{"timeToLive": 59}}, {10045, object{"timeToLive": 604801}}, {0, object{"timeToLive": 60}},
		{10045, object{"skipType": 0}}, {10045, object{"skipType": 5}}, {10045, object{"skipType": 4}}, {10045, object{"skipType": 2, "skipContent": strings.Repeat("x", 1001)}},
		{10045, object{"skipType": 4, "skipContent": strings.Repeat("x", 1025)}}, {0, object{"skipType": 3, "skipContent": strings.Repeat("x", 1024)}},
		{10045, object{"networkType": 2}}, {10045, object{"classification": 2}}, {10045, object{"category": "IM"}}, {0, object{"category": "IM", "classification": 1}}, {0, object{"category": "NEWS"}},
		{10066, object{"clientCustomMap": eleven}}, {10067, object{"clientCustomMap": long}},
		{10045, object{"requestId": ""}}, {10045, object{"requestId": strings.Repeat("x", 65)}}, {10045, object{"pushMode": 2}},
	} {
		m := message1(id)
		maps.Copy(m, c.change)
		if a := ask(t, f, "/message/send", token, m); code(a) != c.want {
			t.Errorf("%v: %v, must %d", c.change, a, c.want)
		}
		if c.want != 10050 && c.want != 10302 {
			if a := ask(t, f, "/message/saveListPayload", token, m); code(a) != c.want {
				t.Errorf("kept, %v: %v, must %d", c.change, a, c.want)
			}
		}
	}
}

func TestListRefuses(t *testing.T) {
	f, _ := open(t)
	token := access(t, f)
	ids := []string{f.Token(""), f.Token("")}
	task := ask(t, f, "/message/saveListPayload", token, message1(""))["taskId"]
	good := object{"regIds": ids, "taskId": task, "requestId": "r"}
	for _, c := range []struct {
		want   int
		change object
	}{
		{0, nil}, {10094, object{"appId": 1}}, {10045, object{"regIds": ids[:1]}}, {10045, object{"regIds": make([]string, 1001)}},
		{10045, object{"taskId": "1"}}, {10045, object{"requestId": ""}}, {10045, object{"pushMode": 3}},
	} {
		l := maps.Clone(good)
		maps.Copy(l, c.change)
		if a := ask(t, f, "/message/pushToList", token, l); code(a) != c.want {
			t.Errorf("%v: %v, must %d", c.change, a, c.want)
		}
	}
	if a := ask(t, f, "/message/pushToList", "other", good); code(a) != 10000 {
		t.Errorf("%v", a)
	}
	if s := f.phones.Screen(pushfakes.Phone{Service: "vivo", Package: f.app, Token: ids[1]}); s.Came != 1 {
		t.Errorf("%+v", s)
	}
}

// TestListRefused: a list is refused as a whole for some, who are named or are not, and nobody shows it.
func TestListRefused(t *testing.T) {
	f, _ := open(t)
	token := access(t, f)
	ids := []string{f.Token(""), f.Token(""), f.Token("")}
	task := ask(t, f, "/message/saveListPayload", token, message1(""))["taskId"]
	list := object{"regIds": ids, "taskId": task, "requestId": "r"}
	f.faults.Add(pushfakes.Fault{Token: ids[1], Name: "list-named"})
	f.faults.Add(pushfakes.Fault{Token: ids[2], Name: "list-unnamed"})
	a := ask(t, f, "/message/pushToList", token, list)
	if users := []any{map[string]any{"status": 1., "userid": ids[1]}}; code(a) != 10302 || !reflect.DeepEqual(a["invalidUsers"], users) {
		t.Errorf("%v", a)
	}
	f.faults.Add(pushfakes.Fault{Token: ids[2], Name: "list-unnamed"})
	if a := ask(t, f, "/message/pushToList", token, list); code(a) != 10302 || a["invalidUsers"] != nil {
		t.Errorf("%v", a)
	}
	for _, id := range ids {
		if s := f.phones.Screen(pushfakes.Phone{Service: "vivo", Package: f.app, Token: id}); s.Came != 0 {
			t.Errorf("%+v", s)
		}
	}
}
