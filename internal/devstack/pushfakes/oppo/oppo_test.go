package oppofake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
)

const (
	authPath  = "/server/v1/auth"
	onePath   = "/server/v1/message/notification/unicast"
	batchPath = "/server/v1/message/notification/unicast_batch"
)

type answered struct {
	Code    int
	Message string
	Data    json.RawMessage
}

func open(t *testing.T) (*Fake, *time.Time) {
	t.Helper()
	clock := time.Now()
	f, err := New(pushfakes.NewPhones(), "com.example.chat", func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	return f, &clock
}

func ask(t *testing.T, f *Fake, method, path string, form url.Values) answered {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	var a answered
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return a
}

func (f *Fake) authForm(at time.Time) url.Values {
	ms := strconv.FormatInt(at.UnixMilli(), 10)
	sum := sha256.Sum256([]byte(f.key + ms + f.secret))
	return url.Values{"app_key": {f.key}, "timestamp": {ms}, "sign": {hex.EncodeToString(sum[:])}}
}

func access(t *testing.T, f *Fake) string {
	t.Helper()
	a := ask(t, f, http.MethodPost, authPath, f.authForm(f.now()))
	var data struct {
		AuthToken  string `json:"auth_token"`
		CreateTime int64  `json:"create_time"`
	}
	if err := json.Unmarshal(a.Data, &data); err != nil || a.Code != 0 || data.AuthToken == "" || data.CreateTime != f.now().UnixMilli() {
		t.Fatalf("%+v", a)
	}
	return data.AuthToken
}

func TestAuthRefuses(t *testing.T) {
	f, clock := open(t)
	for code, change := range map[int]func(url.Values){
		0:  func(url.Values) {},
		14: func(v url.Values) { v.Set("app_key", "other") },
		15: func(v url.Values) { v.Del("app_key") },
		16: func(v url.Values) { v.Set("sign", strings.Repeat("0", 64)) },
		17: func(v url.Values) { v.Del("sign") },
		18: func(v url.Values) { v.Del("timestamp") },
		19: func(v url.Values) { v.Set("timestamp", "12345") },
		25: func(v url.Values) { v.Set("app_key", "\xff") },
	} {
		form := f.authForm(*clock)
		change(form)
		if a := ask(t, f, http.MethodPost, authPath, form); a.Code != code {
			t.Errorf("want %d: %+v", code, a)
		}
	}
	for _, off := range []time.Duration{11 * time.Minute, -11 * time.Minute} {
		if a := ask(t, f, http.MethodPost, authPath, f.authForm(clock.Add(off))); a.Code != 19 {
			t.Errorf("%v off: %+v", off, a)
		}
	}
	if a := ask(t, f, http.MethodGet, authPath, nil); a.Code != 12 {
		t.Errorf("GET: %+v", a)
	}
	if a := ask(t, f, http.MethodPost, "/server/v1/message/other", nil); a.Code != 20 {
		t.Errorf("a path: %+v", a)
	}
}

func TestAccessRefuses(t *testing.T) {
	f, clock := open(t)
	token := access(t, f)
	message := func(token string) int {
		form := url.Values{"message": {`{"target_type":2,"target_value":"` + f.Token("") + `","notification":{"title":"t","content":"c"}}`}}
		if token != "" {
			form.Set("auth_token", token)
		}
		return ask(t, f, http.MethodPost, onePath, form).Code
	}
	if got := []int{message(token), message(""), message("other")}; got[0] != 0 || got[1] != 29 || got[2] != 11 {
		t.Errorf("good, none, other: %v", got)
	}
	*clock = clock.Add(24 * time.Hour)
	if code := message(token); code != 11 {
		t.Errorf("after a day: %d", code)
	}
	token = access(t, f)
	f.Revoke()
	if code := message(token); code != 11 {
		t.Errorf("revoked: %d", code)
	}
}

// TestMessageRefuses has one thing wrong at a time.
func TestMessageRefuses(t *testing.T) {
	f, _ := open(t)
	token, id := access(t, f), f.Token("")
	for _, c := range []struct {
		code         int
		outer, inner string // fields of the message and of its notification, in the place of good ones
	}{
		{0, ``, ``},
		{40, `"target_type":null`, ``}, {41, `"target_type":5`, ``}, {40, `"target_value":""`, ``}, {10000, `"target_value":"OPPO_CN_never"`, ``}, {40, `"notification":null`, ``},
		{40, ``, `"title":""`}, {0, ``, `"title":"` + strings.Repeat("字", 50) + `"`}, {41, ``, `"title":"` + strings.Repeat("字", 51) + `"`},
		{41, ``, `"sub_title":"` + strings.Repeat("字", 11) + `"`},
		{40, ``, `"content":""`}, {0, ``, `"content":"` + strings.Repeat("\U0001F600", 50) + `"`}, {41, ``, `"content":"` + strings.Repeat("字", 51) + `"`},
		{0, ``, `"style":2,"content":"` + strings.Repeat("字", 128) + `"`}, {41, ``, `"style":2,"content":"` + strings.Repeat("字", 129) + `"`}, {41, ``, `"style":3`},
		{41, ``, `"click_action_type":3`}, {40, ``, `"click_action_type":1`}, {40, ``, `"click_action_type":4`}, {40, ``, `"click_action_type":2`}, {40, ``, `"click_action_type":5`},
		{41, ``, `"click_action_type":5,"click_action_url":"https://` + strings.Repeat("x", 1993) + `"`}, {41, ``, `"click_action_activity":"` + strings.Repeat("x", 501) + `"`},
		{41, ``, `"action_parameters":"no object"`}, {41, ``, `"action_parameters":"{\"k\":\"` + strings.Repeat("x", 4000) + `\"}"`}, {41, ``, `"action_parameters":{}`},
		{41, ``, `"off_line_ttl":0`}, {0, ``, `"off_line_ttl":9999999`},
		{67, ``, `"category":"OTHER"`}, {67, ``, `"notify_level":2`}, {67, ``, `"category":"IM","notify_level":3`}, {0, ``, `"category":"IM","notify_level":16`},
		{41, ``, `"badge_operation_type":2`}, {41, ``, `"badge_operation_type":0,"badge_message_count":-1`},
	} {
		inner := fields(`"title":"t"`, `"content":"c"`, c.inner)
		outer := fields(`"target_type":2`, `"target_value":"`+id+`"`, `"notification":`+inner, c.outer)
		a := ask(t, f, http.MethodPost, onePath, url.Values{"auth_token": {token}, "message": {outer}})
		if a.Code != c.code {
			t.Errorf("%s %s: %+v, must %d", c.outer, c.inner, a, c.code)
		}
	}
	for name, form := range map[string]url.Values{
		"no message": {}, "no JSON": {"message": {"{"}}, "no messages": {"messages": {"[]"}}, "too many": {"messages": {"[" + strings.Repeat("{},", 1000) + "{}]"}},
	} {
		path := onePath
		if form.Has("messages") {
			path = batchPath
		}
		form.Set("auth_token", token)
		if a := ask(t, f, http.MethodPost, path, form); a.Code != 40 && a.Code != 41 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// fields makes an object of JSON of which a later field takes the place of an earlier one of the same name.
func fields(all ...string) string {
	var kept []string
	for _, f := range all {
		if f != "" {
			kept = append(kept, f)
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// TestBadge: operation 0 sets the number, 1 counts up, and none leaves it.
func TestBadge(t *testing.T) {
	f, _ := open(t)
	token, id := access(t, f), f.Token("")
	for _, c := range []struct {
		fields string
		want   int
	}{{`"style":0`, -1}, {`"badge_operation_type":1`, 1}, {`"badge_operation_type":0,"badge_message_count":7`, 7}, {`"badge_operation_type":1`, 8}, {`"badge_operation_type":0`, 8}, {`"badge_operation_type":0,"badge_message_count":0`, 0}} {
		message := `{"target_type":2,"target_value":"` + id + `","notification":{"title":"t","content":"c",` + c.fields + `}}`
		if a := ask(t, f, http.MethodPost, onePath, url.Values{"auth_token": {token}, "message": {message}}); a.Code != 0 {
			t.Fatalf("%+v", a)
		}
		if got := f.phones.Screen(pushfakes.Phone{Service: "oppo", Package: f.app, Token: id}).Badge; got != c.want {
			t.Errorf("%s: %d, must %d", c.fields, got, c.want)
		}
	}
}
