package vivofake

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

// TestSamples: the vendor's own request is taken for a regId that there is, and answers are like its own.
func TestSamples(t *testing.T) {
	f, _ := open(t)
	token := access(t, f)
	f.ids["12345678901234567890123"] = true
	send := string([]byte(printed.Sample(t, "send.json")))
	if a := ask(t, f, "/message/send", token, send); code(a) != 0 || a["taskId"] == "" {
		t.Errorf("%v", a)
	}
	shown := f.phones.Screen(pushfakes.Phone{Service: "vivo", Package: f.app, Token: "12345678901234567890123"}).Shown
	if len(shown) != 1 || shown[0].Title != "标题1" || shown[0].Body != "内容1" || shown[0].Link != "http://www.vivo.com" || shown[0].Data["key1"] != "vlaue1" {
		t.Errorf("%+v", shown)
	}
	a := ask(t, f, "/message/send", token, strings.Replace(send, "12345678901234567890123", "15638535410301000000001", 1))
	if want := parsed(t, "send_useless.json"); !reflect.DeepEqual(a, want) {
		t.Errorf("%v, must %v", a, want)
	}
	want := parsed(t, "push_useless.json")
	task := ask(t, f, "/message/saveListPayload", token, send)["taskId"]
	a = ask(t, f, "/message/pushToList", token, object{
		"regIds": []string{"12345678901234567890122", "12345678901234567890123", "15554239157791000000009"}, "taskId": task, "requestId": want["requestId"],
	})
	if !reflect.DeepEqual(a, want) {
		t.Errorf("%v, must %v", a, want)
	}
}

func parsed(t *testing.T, name string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(printed.Sample(t, name)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestAnswers: requests that are quoted of the vendor's document, one with a sign of its own, have answers with the fields, types and words that are quoted with them.
func TestAnswers(t *testing.T) {
	f, clock := open(t)
	f.id, f.key, f.secret = "10004", "25509283-3767-4b9e-83fe-b6e55ac6243e", "7265f2a4-ebbb-44bf-88b9-b03e67dfdc21"
	*clock = time.UnixMilli(1501484120000)
	alike := func(got object, name string) {
		t.Helper()
		want := parsed(t, name)
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if got["result"] != want["result"] || got["desc"] != want["desc"] || !slices.Equal(pushfakes.Shape(string(b)), pushfakes.Shape(string([]byte(printed.Sample(t, name))))) {
			t.Errorf("%s: %v, must %v", name, got, want)
		}
	}
	given := ask(t, f, "/message/auth", "", string([]byte(printed.Sample(t, "auth.json"))))
	alike(given, "auth_given.json")
	token, _ := given["authToken"].(string)
	saved := ask(t, f, "/message/saveListPayload", token, string([]byte(printed.Sample(t, "save.json"))))
	alike(saved, "saved.json")
	task, _ := saved["taskId"].(string)
	f.ids["12345678901234567890121"], f.ids["12345678901234567890122"] = true, true
	if a := ask(t, f, "/message/pushToList", token, strings.Replace(string([]byte(printed.Sample(t, "push.json"))), "342982232646905856", task, 1)); code(a) != 0 || a["invalidUsers"] != nil {
		t.Errorf("%v", a)
	}
	for id := range f.ids {
		if s := f.phones.Screen(pushfakes.Phone{Service: "vivo", Package: f.app, Token: id}); s.Came != 1 || s.Shown[0].Title != "标题 1" {
			t.Errorf("%s: %+v", id, s)
		}
	}
}
