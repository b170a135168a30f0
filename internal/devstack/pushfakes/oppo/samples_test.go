package oppofake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

// TestSamples: the vendor's own samples are taken, for registration ids that there are.
func TestSamples(t *testing.T) {
	f, _ := open(t)
	token := access(t, f)
	one, many := printed.Sample(t, "unicast.json"), printed.Sample(t, "unicast_batch.json")
	if a := ask(t, f, http.MethodPost, onePath, url.Values{"auth_token": {token}, "message": {one}}); a.Code != 10000 {
		t.Errorf("a stranger: %+v", a)
	}
	f.ids["CN_078ad8b8a137cadb14ae5b70cf846312"], f.ids["CN_906bf7b0d76a5c0001668ddc410ab903"] = true, true
	if a := ask(t, f, http.MethodPost, onePath, url.Values{"auth_token": {token}, "message": {one}}); a.Code != 0 || !strings.Contains(string(a.Data), "messageId") {
		t.Errorf("%+v", a)
	}
	a := ask(t, f, http.MethodPost, batchPath, url.Values{"auth_token": {token}, "messages": {many}})
	var items []map[string]any
	if err := json.Unmarshal(a.Data, &items); err != nil || a.Code != 0 || len(items) != 2 {
		t.Fatalf("%+v: %v", a, err)
	}
	if items[0]["messageId"] == "" || items[0]["errorCode"] != nil || items[1]["errorCode"] != 10000.0 || items[1]["registrationId"] != "CN_b457331fd7874d0200c595ebb8d39de8" {
		t.Errorf("%v", items)
	}
	shown := f.phones.Screen(pushfakes.Phone{Service: "oppo", Package: f.app, Token: "CN_078ad8b8a137cadb14ae5b70cf846312"}).Shown
	if len(shown) != 1 || shown[0].Title != "您的订单已取消" || shown[0].Body != "您的订单(realme X7…) 已取消" {
		t.Errorf("%+v", shown)
	}
}

// TestAnswers: what is answered has the fields that OPPO prints, with values of the same types, and the same code.
func TestAnswers(t *testing.T) {
	f, _ := open(t)
	form := url.Values{"auth_token": {access(t, f)}, "message": {printed.Sample(t, "unicast.json")}}
	said := func(path string, form url.Values) string {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w.Body.String()
	}
	alike := func(name, got string) {
		t.Helper()
		var g, w answered
		want := printed.Sample(t, name)
		if err := json.Unmarshal([]byte(got), &g); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &w); err != nil {
			t.Fatal(err)
		}
		if g.Code != w.Code || !slices.Equal(pushfakes.Shape(got), pushfakes.Shape(strings.Replace(want, `"时间毫秒数"`, "0", 1))) {
			t.Errorf("%s: %s, must %s", name, got, want)
		}
	}
	alike("access.json", said(authPath, f.authForm(f.now())))
	alike("unicast_refused.json", said(onePath, form))
	f.ids["CN_078ad8b8a137cadb14ae5b70cf846312"], f.ids["CN_906bf7b0d76a5c0001668ddc410ab903"], f.ids["CN_b457331fd7874d0200c595ebb8d39de8"] = true, true, true
	alike("unicast_sent.json", said(onePath, form))
	third := `,{"target_type":2,"target_value":"CN_0","notification":{"title":"t","content":"c"}}]`
	form = url.Values{"auth_token": form["auth_token"], "messages": {strings.TrimSuffix(strings.TrimSpace(printed.Sample(t, "unicast_batch.json")), "]") + third}}
	alike("unicast_batch_sent.json", said(batchPath, form))
}
