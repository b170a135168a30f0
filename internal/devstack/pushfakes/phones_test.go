package pushfakes

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestPhones(t *testing.T) {
	p := NewPhones()
	at := Phone{"fcm", "app", "t"}
	_, came := p.History(0)
	p.Show(at, Shown{ID: "1", Collapse: "a", Title: "Ann", Body: "one"}, 1)
	select {
	case <-came:
	default:
		t.Error("nobody was told")
	}
	p.Show(at, Shown{ID: "2", Collapse: "b", Title: "Bob", Body: "two"}, 2)
	p.Show(at, Shown{ID: "3", Collapse: "a", Title: "Ann", Body: "three"}, -1)
	p.Show(at, Shown{ID: "3", Collapse: "a", Title: "Ann", Body: "three"}, -1)
	s := p.Screen(at)
	if len(s.Shown) != 2 || s.Shown[0].Title != "Bob" || s.Shown[1].Body != "three" || s.Shown[1].Times != 2 || s.Came != 4 || s.Badge != 2 {
		t.Errorf("%+v", s)
	}
	if !p.Withdraw(at, "b", "", 1) || p.Withdraw(at, "b", "", 1) {
		t.Error("withdrawn once")
	}
	p.SetBadge(at, 0)
	if s = p.Screen(at); len(s.Shown) != 1 || s.Badge != 0 || s.Quiet != 3 {
		t.Errorf("%+v", s)
	}
	if events, _ := p.History(2); len(events) != 5 || events[4].What != "badge" {
		t.Errorf("%+v", events)
	}
	if none := p.Screen(Phone{"fcm", "app", "u"}); none.Badge != -1 || len(p.Screens()) != 1 {
		t.Errorf("%+v", none)
	}
}

func TestFaults(t *testing.T) {
	var f Faults
	f.Add(Fault{Token: "a", Name: "one"})
	f.Add(Fault{Name: "all", Times: 2})
	f.Add(Fault{Token: "b", Name: "ever", Times: -1})
	for _, want := range []struct{ token, name string }{{"a", "one"}, {"a", "all"}, {"b", "all"}, {"b", "ever"}, {"b", "ever"}, {"a", ""}, {"", ""}} {
		if got, ok := f.Next(want.token); got.Name != want.name || ok != (want.name != "") {
			t.Errorf("%s: %v", want.token, got)
		}
	}
	f.Clear()
	if _, ok := f.Next("b"); ok {
		t.Error("cleared, and there")
	}
}

// fake takes whatever comes.
type fake struct{ faults Faults }

func (f *fake) Name() string                      { return "fcm" }
func (f *fake) Faults() *Faults                   { return &f.faults }
func (f *fake) Settings(string) map[string]string { return nil }
func (f *fake) Token(url string) string           { return "token at " + url }
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Proto)
}

func TestServer(t *testing.T) {
	s, err := Serve(&fake{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	client := s.Client()
	resp, err := client.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "HTTP/2.0" {
		t.Errorf("speaks %s", body)
	}
	if _, err := http.Get(s.URL); err == nil { //nolint:noctx // it must not be trusted without its certificate
		t.Error("was trusted")
	}
	client.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestPage(t *testing.T) {
	p := NewPhones()
	p.Show(Phone{"fcm", "app", "t<oken"}, Shown{ID: "1", Title: "Ann & Bob", Body: "<b>hi</b>", At: time.Now()}, 3)
	is := &fake{}
	server := httptest.NewServer(Page(p, []*Server{{Fake: is, URL: "https://x"}}))
	defer server.Close()
	policy := ""
	ask := func(method, path string, says ...string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(strings.Join(says, "")))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		policy = resp.Header.Get("Content-Security-Policy")
		return resp.StatusCode, string(body)
	}
	if _, page := ask("GET", "/phones"); !strings.Contains(page, "Ann &amp; Bob") || !strings.Contains(page, "&lt;b&gt;hi") || strings.Contains(page, "<b>hi") {
		t.Error(page)
	}
	// Where the server says nothing else, a browser would show it without its style.
	if !strings.Contains(policy, "default-src 'none'; style-src 'unsafe-inline'") {
		t.Error(policy)
	}
	if _, data := ask("GET", "/phones.json"); !strings.Contains(data, `"Badge":3`) {
		t.Error(data)
	}
	if status, token := ask("POST", "/phones/fcm"); status != 200 || token != "token at https://x\n" {
		t.Error(status, token)
	}
	if status, _ := ask("POST", "/phones/pigeon"); status != 404 {
		t.Error(status)
	}
	if status, text := ask("POST", "/phones/fcm/faults", `{"token": "t", "name": "UNREGISTERED", "times": 2}`); status != 200 {
		t.Error(status, text)
	}
	if f, ok := is.Faults().Next("t"); !ok || f.Name != "UNREGISTERED" {
		t.Error(f, ok)
	}
	if status, _ := ask("POST", "/phones/fcm/faults", `{"token": "t"}`); status != 400 {
		t.Error("a fault without a name:", status)
	}
	if status, _ := ask("DELETE", "/phones/fcm/faults"); status != 200 {
		t.Error(status)
	}
	if f, ok := is.Faults().Next("t"); ok {
		t.Error("is left:", f)
	}
}
