package huaweifake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

// fixture is a fake with an access token and a phone.
type fixture struct {
	*Fake
	phones        *pushfakes.Phones
	clock         time.Time
	access, token string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	x := &fixture{phones: pushfakes.NewPhones(), clock: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	var err error
	if x.Fake, err = New(x.phones, "example.chat", func() time.Time { return x.clock }); err != nil {
		t.Fatal(err)
	}
	w := x.ask(x.credentials(), func(*http.Request) {})
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		TokenType   string `json:"token_type"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.ExpiresIn != 3600 || got.TokenType != "Bearer" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	x.access, x.token = got.AccessToken, x.Token("")
	return x
}

func (x *fixture) credentials() url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {appID}, "client_secret": {x.secret}}
}

func (x *fixture) ask(form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	change(r)
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w
}

func (x *fixture) post(body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, sendPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	r.Header.Set("Authorization", "Bearer "+x.access)
	change(r)
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w
}

func code(w *httptest.ResponseRecorder) string {
	var said struct{ Code string }
	if json.Unmarshal(w.Body.Bytes(), &said) != nil || said.Code == "" {
		return fmt.Sprint(w.Code)
	}
	return said.Code
}

func same(*http.Request) {}

func TestStrictSettings(t *testing.T) {
	x := newFixture(t)
	for name, c := range map[string]struct {
		name, value string
		says        string
	}{
		"grant":  {"grant_type", "password", `"error":1102`},
		"app":    {"client_id", "7", `"sub_error":20003`},
		"secret": {"client_secret", "x", `"sub_error":12304`},
		"none":   {"client_secret", "", `"sub_error":20171`},
	} {
		form := x.credentials()
		form.Set(c.name, c.value)
		if w := x.ask(form, same); w.Code != 400 || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := x.ask(x.credentials(), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
	if w := x.ask(x.credentials(), func(r *http.Request) { r.Method = http.MethodPut }); w.Code != 405 {
		t.Errorf("%d", w.Code)
	}
}

// TestStrict: one thing is wrong with each of these.
func TestStrict(t *testing.T) {
	x := newFixture(t)
	// message is one with an Android notification that has something else in these places.
	message := func(android, notification string) string {
		return fmt.Sprintf(`{"message":{"android":{%s"notification":{"title":"t","body":"b","click_action":{"type":3}%s}},"token":[%q]}}`, android, notification, x.token)
	}
	good := message("", "")
	for _, c := range []struct {
		name, body string
		change     func(*http.Request)
		want       string
	}{
		{"nothing", good, same, "80000000"},
		{"all that is checked", message(`"category":"VOIP","collapse_key":100,"ttl":"60s","urgency":"NORMAL",`, `,"importance":"LOW","badge":{"class":"a.B","add_num":99}`), same, "80000000"},
		{"another way", good, func(r *http.Request) { r.Method = http.MethodGet }, "405"},
		{"another app", good, func(r *http.Request) { r.URL.Path = "/v1/7/messages:send" }, "404"},
		{"no access token", good, func(r *http.Request) { r.Header.Del("Authorization") }, "80200001"},
		{"one that is none", good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "80200001"},
		{"one without its name", good, func(r *http.Request) { r.Header.Set("Authorization", x.access) }, "80200001"},
		{"another type", good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "80100001"},
		{"no JSON", "x", same, "80100003"},
		{"a field that is none", message(`"color":"x",`, ""), same, "80100003"},
		{"a message of another name", `{"messager":{}}`, same, "80100003"},
		{"no message", `{}`, same, "80300010"},
		{"no tokens", strings.Replace(good, fmt.Sprintf("[%q]", x.token), "[]", 1), same, "80300010"},
		{"1001 tokens", strings.Replace(good, "[", "["+strings.Repeat(`"x",`, 1000), 1), same, "80300010"},
		{"tokens and a topic", strings.Replace(good, `"token"`, `"topic":"t","token"`, 1), same, "80100003"},
		{"too long", strings.Replace(good, `"title":"t"`, `"title":"`+strings.Repeat("t", 4096)+`"`, 1), same, "80300008"},
		{"no title", strings.Replace(good, `"title":"t"`, `"title":""`, 1), same, "80100003"},
		{"no body", strings.Replace(good, `"body":"b"`, `"body":""`, 1), same, "80100003"},
		{"no click", strings.Replace(good, `,"click_action":{"type":3}`, "", 1), same, "80100003"},
		{"a click on nothing", strings.Replace(good, `{"type":3}`, `{"type":1}`, 1), same, "80100003"},
		{"a click on a page that is open to all", strings.Replace(good, `{"type":3}`, `{"type":2,"url":"http://x"}`, 1), same, "80100003"},
		{"a style without its text", message("", `,"style":1`), same, "80100003"},
		{"an importance that is none", message("", `,"importance":"HIGH"`), same, "80100003"},
		{"a badge of nothing", message("", `,"badge":{"set_num":1}`), same, "80100003"},
		{"a badge that adds nothing", message("", `,"badge":{"class":"a.B","add_num":0}`), same, "80100003"},
		{"a badge of 100", message("", `,"badge":{"class":"a.B","set_num":100}`), same, "80100003"},
		{"a category that is none", message(`"category":"CHAT",`, ""), same, "80100003"},
		{"a collapse_key of 101", message(`"collapse_key":101,`, ""), same, "80100013"},
		{"a collapse_key of text", message(`"collapse_key":"x",`, ""), same, "80100003"},
		{"a ttl of milliseconds", message(`"ttl":"60ms",`, ""), same, "80100003"},
		{"no time", message(`"ttl":"0s",`, ""), same, "80100004"},
		{"too much time", message(`"ttl":"1296001s",`, ""), same, "80100004"},
		{"high", message(`"urgency":"HIGH",`, ""), same, "80300011"},
		{"higher", message(`"urgency":"HIGHEST",`, ""), same, "80100003"},
		{"nothing at all", fmt.Sprintf(`{"message":{"token":[%q]}}`, x.token), same, "80100003"},
		{"a token of nobody", strings.Replace(good, x.token, "y", 1), same, "80300007"},
	} {
		if w := x.post(c.body, c.change); code(w) != c.want {
			t.Errorf("%s: %d %s, not %s", c.name, w.Code, w.Body, c.want)
		}
	}
	x.clock = x.clock.Add(time.Hour)
	if w := x.post(good, same); code(w) != "80200003" || w.Code != 401 {
		t.Errorf("an hour later: %d %s", w.Code, w.Body)
	}
	if s := x.phones.Screens(); len(s) != 1 || s[0].Came != 2 {
		t.Errorf("%+v", s)
	}
}

func TestSamples(t *testing.T) {
	for name, want := range map[string]struct {
		code        string
		title, body string
		badge, came int
	}{
		"notification": {"80000000", "test title", "test body", -1, 1}, "data": {"80000000", "", "", -1, 0},
		"badge": {"80000000", "message title ", "message body", 10, 1}, "revoke": {"80100003", "", "", -1, 0},
	} {
		x := newFixture(t)
		w := x.post(strings.ReplaceAll(printed.Sample(t, name+".json"), "pushtoken1", x.token), same)
		s := x.phones.Screen(pushfakes.Phone{Service: "huawei", Package: "example.chat", Token: x.token})
		if code(w) != want.code || s.Badge != want.badge || s.Came != want.came || want.came == 1 && (s.Shown[0].Title != want.title || s.Shown[0].Body != want.body) {
			t.Errorf("%s: %s, %+v", name, w.Body, s)
		}
	}
}

// TestParts: a request that is for some that are not there.
func TestParts(t *testing.T) {
	x := newFixture(t)
	other := x.Token("")
	body := fmt.Sprintf(`{"message":{"android":{"notification":{"title":"t","body":"b","tag":"a","click_action":{"type":3}}},"token":[%q,"nobody",%q]}}`, x.token, other)
	w := x.post(body, same)
	if code(w) != "80100000" || !strings.Contains(w.Body.String(), `{\"failure\":1,\"illegal_tokens\":[\"nobody\"],\"success\":2}`) {
		t.Errorf("%s", w.Body)
	}
	x.Faults().Add(pushfakes.Fault{Token: other, Name: "80300007"})
	if w := x.post(body, same); !strings.Contains(w.Body.String(), `\"failure\":2`) {
		t.Errorf("%s", w.Body)
	}
	// The tag is the same: one is shown, twice brought to one phone, once to the other.
	for token, came := range map[string]int{x.token: 2, other: 1} {
		if s := x.phones.Screen(pushfakes.Phone{Service: "huawei", Package: "example.chat", Token: token}); s.Came != came || len(s.Shown) != 1 {
			t.Errorf("%+v", s)
		}
	}
}
