package meizufake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

const path = "/garcia/api/server/push/varnished/pushByPushId"

func open(t *testing.T) *Fake {
	t.Helper()
	f, err := New(pushfakes.NewPhones(), "com.example.chat", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func raw(f *Fake, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// ask signs a form, unless it is signed, and sends it.
func ask(t *testing.T, f *Fake, form url.Values) map[string]any {
	t.Helper()
	if !form.Has("sign") {
		form.Set("sign", signature(form, f.secret))
	}
	w := raw(f, http.MethodPost, path, form.Encode())
	var a map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return a
}

const good = `{"noticeBarInfo":{"title":"t","content":"c"}}`

func (f *Fake) form(ids ...string) url.Values {
	return url.Values{"appId": {f.id}, "pushIds": {strings.Join(ids, ",")}, "messageJson": {good}}
}

// TestSignature has the example of the vendor's page, "接口签名规范" of https://github.com/MEIZUPUSH/PushAPI (2026-11-28): its sum is that of the string without spaces.
func TestSignature(t *testing.T) {
	form := url.Values{
		"appId": {"10000"}, "pushIds": {"RA50c6348036344485d01776773577c64740465480a6b"}, "sign": {"is left out"},
		"messageJson": {`{"title":"title","content":"content","pushTimeInfo":{"offLine":1,"validTime":24}}`},
	}
	if got := signature(form, "<APP_SECRET>"); got != "ac076ff25d9900015a681cb5172aa53b" {
		t.Error(got)
	}
}

func TestCallRefuses(t *testing.T) {
	f := open(t)
	id := f.Token("")
	for code, change := range map[string]func(url.Values){
		"200":    func(url.Values) {},
		"110000": func(v url.Values) { v.Set("appId", "1") },
		"1006":   func(v url.Values) { v.Set("sign", strings.Repeat("0", 32)) },
		"1005":   func(v url.Values) { v.Set("pushIds", id+strings.Repeat(","+id, 100)) },
	} {
		form := f.form(id)
		change(form)
		if a := ask(t, f, form); a["code"] != code {
			t.Errorf("%s: %v", code, a)
		}
	}
	for _, name := range []string{"appId", "pushIds", "messageJson"} {
		form := f.form(id)
		form.Del(name)
		if a := ask(t, f, form); a["code"] != "110004" {
			t.Errorf("no %s: %v", name, a)
		}
	}
	unsigned := f.form(id)
	unsigned.Set("sign", "")
	if a := ask(t, f, unsigned); a["code"] != "110004" {
		t.Errorf("no sign: %v", a)
	}
	changed := f.form(id)
	changed.Set("sign", signature(changed, f.secret))
	changed.Set("messageJson", strings.Replace(good, `"c"`, `"d"`, 1))
	if a := ask(t, f, changed); a["code"] != "1006" {
		t.Errorf("changed after it was signed: %v", a)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{{http.MethodGet, path, "", 405}, {http.MethodPost, path + "s", "", 404}, {http.MethodPost, path, "%zz", 200}} {
		if w := raw(f, c.method, c.path, c.body); w.Code != c.status || c.status == 200 && !strings.Contains(w.Body.String(), "1005") {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
}

// TestMessageRefuses has one thing wrong at a time.
func TestMessageRefuses(t *testing.T) {
	f := open(t)
	id := f.Token("")
	bar := func(fields string) string { return `{"noticeBarInfo":{"title":"t","content":"c",` + fields + `}}` }
	and := func(fields string) string { return `{"noticeBarInfo":{"title":"t","content":"c"},` + fields + `}` }
	for code, messages := range map[string][]string{
		"200": {
			bar(`"title":"` + strings.Repeat("字", 32) + `"`), bar(`"content":"` + strings.Repeat("\U0001F600", 100) + `"`), bar(`"noticeMsgType":1,"noticeBarType":2`),
			and(`"noticeExpandInfo":{"noticeExpandType":1,"noticeExpandContent":"x"}`), and(`"clickTypeInfo":{"clickType":1,"activity":"a.B"}`),
			and(`"pushTimeInfo":{"offLine":1,"validTime":72}`), and(`"pushTimeInfo":{"offLine":0}`), and(`"advanceInfo":{"notifyKey":"aZ0_-9xx"}`),
		},
		"1005": {
			"{", "[]", bar(`"title":""`), bar(`"title":"` + strings.Repeat("字", 33) + `"`), bar(`"content":""`), bar(`"content":"` + strings.Repeat("字", 101) + `"`),
			bar(`"noticeMsgType":2`), bar(`"noticeBarType":1`), and(`"noticeExpandInfo":{"noticeExpandType":2}`), and(`"noticeExpandInfo":{"noticeExpandType":1}`),
			and(`"clickTypeInfo":{"clickType":3,"customAttribute":"x"}`), and(`"clickTypeInfo":{"clickType":1}`), and(`"clickTypeInfo":{"clickType":2}`), and(`"clickTypeInfo":{"parameters":"x"}`),
			and(`"pushTimeInfo":{"validTime":0}`), and(`"pushTimeInfo":{"validTime":73}`), and(`"pushTimeInfo":{"validTime":1.5}`), and(`"pushTimeInfo":{"offLine":2}`),
			and(`"advanceInfo":{"notifyKey":"ninechars"}`), and(`"advanceInfo":{"notifyKey":"a.b"}`), and(`"advanceInfo":{"suspend":2}`), and(`"advanceInfo":{"clearNoticeBar":2}`),
			and(`"advanceInfo":{"notificationType":{"vibrate":2}}`), and(`"advanceInfo":{"notificationType":{"lights":2}}`), and(`"advanceInfo":{"notificationType":{"sound":2}}`),
		},
	} {
		for _, m := range messages {
			form := f.form(id)
			form.Set("messageJson", m)
			if a := ask(t, f, form); a["code"] != code {
				t.Errorf("%s: %v, must %s", m, a, code)
			}
		}
	}
}

// TestSamples: answers are like the vendor's own.
func TestSamples(t *testing.T) {
	f := open(t)
	want := parsed(t, "partly.json")
	here := f.Token("")
	ids := []string{here}
	for _, id := range want["value"].(map[string]any)["110002"].([]any) {
		f.faults.Add(pushfakes.Fault{Token: id.(string), Name: "110002"})
		ids = append(ids, id.(string))
	}
	ids = append(ids, "J0476035d625e6c64567f714567e040e7d017f0558675b") // of no phone
	a := ask(t, f, f.form(ids...))
	want["msgId"], want["redirect"] = a["msgId"], ""
	if !reflect.DeepEqual(a, want) || a["msgId"] == "" {
		t.Errorf("%v, must %v", a, want)
	}
	a, want = ask(t, f, f.form(f.Token(""))), parsed(t, "sent.json")
	want["msgId"], want["redirect"] = a["msgId"], ""
	if !reflect.DeepEqual(a, want) || a["msgId"] == "" {
		t.Errorf("%v, must %v", a, want)
	}
	if s := f.phones.Screen(pushfakes.Phone{Service: "meizu", Package: f.app, Token: here}); s.Came != 1 || s.Shown[0].Title != "t" || s.Shown[0].Body != "c" {
		t.Errorf("%+v", s)
	}
	f.faults.Add(pushfakes.Fault{Name: "110010"})
	a, want = ask(t, f, f.form(here)), parsed(t, "too_fast.json")
	want["message"] = a["message"]
	if !reflect.DeepEqual(a, want) {
		t.Errorf("%v, must %v", a, want)
	}
}

func parsed(t *testing.T, name string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(printed.Sample(t, name)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}
