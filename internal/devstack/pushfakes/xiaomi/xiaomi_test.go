package xiaomifake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
)

const app = "example.chat"

var clock = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

type fixture struct {
	*Fake
	phones *pushfakes.Phones
	token  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	phones := pushfakes.NewPhones()
	f, err := New(phones, app, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{f, phones, f.Token("")}
}

// message is one that is taken.
func (x *fixture) message() url.Values {
	return url.Values{
		"payload": {`{"event":"e1"}`}, "restricted_package_name": {app}, "pass_through": {"0"}, "title": {"t"}, "description": {"d"}, "registration_id": {x.token},
		"extra.channel_id": {"100001"},
	}
}

func (x *fixture) post(path string, form url.Values, change func(*http.Request)) (code int, said string) {
	return x.ask(path, form.Encode(), change)
}

func (x *fixture) ask(path, body string, change func(*http.Request)) (code int, said string) {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "key="+x.secret)
	change(r)
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	var answer struct {
		Code    int
		TraceID string `json:"trace_id"`
	}
	if json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.TraceID == "" {
		return w.Code, w.Body.String()
	}
	return answer.Code, w.Body.String()
}

func (x *fixture) screen(token string) pushfakes.Screen {
	return x.phones.Screen(pushfakes.Phone{Service: "xiaomi", Package: app, Token: token})
}

func same(*http.Request) {}

// TestStrict: one thing is wrong with each of these.
func TestStrict(t *testing.T) {
	x := newFixture(t)
	private := url.Values{"extra.channel_id": {"100002"}, "extra.template_id": {"P10000"}, "extra.template_param": {`{"sender":"Ann","text":"hi"}`}}
	with := func(base url.Values, pairs ...string) url.Values {
		form := x.message()
		maps.Copy(form, base)
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	without := func(name string) url.Values {
		form := x.message()
		form.Del(name)
		return form
	}
	many := url.Values{}
	for i := range 11 {
		many.Set(fmt.Sprint("extra.x", i), "x")
	}
	for _, c := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		want   int
	}{
		{"nothing", x.message(), same, 0},
		{"all that is checked", with(nil, "notify_type", "-1", "notify_id", "7", "time_to_live", "1000", "extra.notify_effect", "2", "extra.intent_uri", "intent:x", "extra.jobkey", "a_-9"), same, 0},
		{"a private channel", with(private), same, 0},
		{"another way", x.message(), func(r *http.Request) { r.Method = http.MethodGet }, 405},
		{"nowhere", x.message(), func(r *http.Request) { r.URL.Path = "/v3/message/alias" }, 404},
		{"the earlier revoke", x.message(), func(r *http.Request) { r.URL.Path = "/v1/message/regid/revoke" }, 404},
		{"no secret", x.message(), func(r *http.Request) { r.Header.Del("Authorization") }, 21301},
		{"another secret", x.message(), func(r *http.Request) { r.Header.Set("Authorization", "key=x") }, 21301},
		{"a capital letter", x.message(), func(r *http.Request) { r.Header.Set("Authorization", "Key="+x.secret) }, 21301},
		{"JSON", x.message(), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 10012},
		{"no package", without("restricted_package_name"), same, 10016}, {"another package", with(nil, "restricted_package_name", "x"), same, 10017}, {"no payload", without("payload"), same, 10016},
		{"nobody", without("registration_id"), same, 10016}, {"1001", with(nil, "registration_id", strings.Repeat("x,", 1000)+"x"), same, 10017},
		{"an id of nobody", with(nil, "registration_id", "x"), same, 20301},
		{"a field that is none", with(nil, "badge", "1"), same, 10008}, {"a field twice", with(url.Values{"title": {"a", "b"}}), same, 10008},
		{"no title", without("title"), same, 10016}, {"a blank title", with(nil, "title", " "), same, 10017}, {"a long title", with(nil, "title", strings.Repeat("名", 50)), same, 10017},
		{"no description", without("description"), same, 10016}, {"a blank one", with(nil, "description", "\n"), same, 10017},
		{"a long one", with(nil, "description", strings.Repeat("\U0001F600", 64)), same, 10017},
		{"pass_through", with(nil, "pass_through", "2"), same, 10017}, {"notify_type", with(nil, "notify_type", "8"), same, 10017},
		{"notify_id", with(nil, "notify_id", "2147483648"), same, 10017}, {"time_to_live", with(nil, "time_to_live", "0"), same, 10017},
		{"a long payload", with(nil, "payload", strings.Repeat("x", 4097)), same, 65009},
		{"many extras", with(many), same, 65014}, {"long extras", with(nil, "extra.x", strings.Repeat("x", 1025)), same, 65015},
		{"a jobkey that begins with an underscore", with(nil, "extra.jobkey", "_a"), same, 10017},
		{"a long jobkey", with(nil, "extra.jobkey", strings.Repeat("x", 21)), same, 10017}, {"an effect that is none", with(nil, "extra.notify_effect", "4"), same, 10017},
		{"an effect without its intent", with(nil, "extra.notify_effect", "2"), same, 10016}, {"one without its page", with(nil, "extra.notify_effect", "3"), same, 10016},
		{"no channel", without("extra.channel_id"), same, 27001}, {"a channel that is none", with(nil, "extra.channel_id", "7"), same, 27001},
		{"a template of a public channel", with(private, "extra.channel_id", "100001"), same, 27001},
		{"no template", with(nil, "extra.channel_id", "100002"), same, 27001}, {"another template", with(private, "extra.template_id", "P2"), same, 27001},
		{"no values", with(private, "extra.template_param", "{}"), same, 27001}, {"one too many", with(private, "extra.template_param", `{"sender":"a","text":"b","x":"c"}`), same, 27001},
		{"others", with(private, "extra.template_param", `{"sender":"a","x":"c"}`), same, 27001},
		{"an emoji in a template", with(private, "extra.template_param", `{"sender":"a","text":"\ud83d\ude00"}`), same, 10017},
		{"a skin tone in a template", with(private, "extra.template_param", `{"sender":"a","text":"b\ud83c\udffd"}`), same, 10017},
		{"how it is drawn in a template", with(private, "extra.template_param", `{"sender":"a","text":"b\ufe0f"}`), same, 10017},
		{"what joins in a template", with(private, "extra.template_param", `{"sender":"a","text":"b\u200d"}`), same, 10017},
		{"a blank in a template", with(private, "extra.template_param", `{"sender":"a","text":" "}`), same, 10017},
		{"too much for a template", with(private, "extra.template_param", `{"sender":"a","text":"`+strings.Repeat("x", 129)+`"}`), same, 10017},
	} {
		if code, said := x.post(sendPath, c.form, c.change); code != c.want {
			t.Errorf("%s: %s, not %d", c.name, said, c.want)
		}
	}
	if s := x.screen(x.token); s.Came != 3 {
		t.Errorf("%d came", s.Came)
	}
}

func TestRevoke(t *testing.T) {
	x := newFixture(t)
	form := x.message()
	form.Set("notify_id", "7")
	if code, said := x.post(sendPath, form, same); code != 0 || len(x.screen(x.token).Shown) != 1 {
		t.Fatal(said)
	}
	revoke := func(id, notify string) url.Values {
		return url.Values{"registration_ids": {id}, "restricted_package_name": {app}, "notify_id": {notify}}
	}
	twice := revoke(x.token, "7")
	twice.Set("title", "x")
	for _, c := range []struct {
		form url.Values
		want int
		left int
	}{
		{revoke("", "7"), 10016, 1}, {revoke(x.token, ""), 10016, 1}, {revoke(x.token, "x"), 10017, 1}, {revoke("nobody", "7"), 20301, 1}, {twice, 10008, 1},
		{revoke(x.token, "8"), 0, 1}, {revoke(x.token, "7"), 0, 0}, {revoke(x.token, "7"), 0, 0},
	} {
		if code, said := x.post(revokePath, c.form, same); code != c.want || len(x.screen(x.token).Shown) != c.left {
			t.Errorf("%v: %s; shows %d", c.form, said, len(x.screen(x.token).Shown))
		}
	}
}

// TestShown: what takes another's place, and what does not come twice.
func TestShown(t *testing.T) {
	x := newFixture(t)
	send := func(pairs ...string) {
		t.Helper()
		form := x.message()
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		if code, said := x.post(sendPath, form, same); code != 0 {
			t.Fatal(said)
		}
	}
	send("payload", "1")
	send("payload", "2")
	send("notify_id", "1", "extra.jobkey", "a", "payload", "3")
	send("notify_id", "2", "extra.jobkey", "a", "payload", "4")
	send("pass_through", "1", "notify_id", "3", "payload", "5")
	if s := x.screen(x.token); s.Came != 3 || len(s.Shown) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestParts(t *testing.T) {
	x := newFixture(t)
	other := x.Token("")
	form := x.message()
	form.Set("registration_id", x.token+",nobody,"+other)
	if code, said := x.post(sendPath, form, same); code != 0 || !strings.Contains(said, `"bad_regids":"nobody"`) {
		t.Error(said)
	}
	x.Faults().Add(pushfakes.Fault{Token: other, Name: "bad_regids"})
	if code, said := x.post(sendPath, form, same); code != 0 || !strings.Contains(said, `"bad_regids":"nobody,`+other+`"`) {
		t.Error(said)
	}
	x.Faults().Add(pushfakes.Fault{Token: other, Name: "no name of theirs"})
	if code, said := x.post(sendPath, form, same); code != http.StatusNotImplemented {
		t.Error(said)
	}
	if x.screen(x.token).Came != 2 || x.screen(other).Came != 1 {
		t.Errorf("%+v %+v", x.screen(x.token), x.screen(other))
	}
}
