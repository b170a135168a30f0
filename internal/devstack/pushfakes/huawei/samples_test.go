package huaweifake

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

// TestAnswers: what is answered has the fields that Huawei prints, and the code; and where msg is JSON, the fields of that.
func TestAnswers(t *testing.T) {
	x := newFixture(t)
	others := [3]string{x.Token(""), x.Token(""), x.Token("")}
	to := func(tokens ...string) string {
		all, _ := json.Marshal(tokens) // strings have a form in JSON
		return strings.Replace(printed.Sample(t, "notification.json"), `["pushtoken1"]`, string(all), 1)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"sent":    x.post(to(x.token), same),
		"partly":  x.post(to(others[0], "xxx", others[1], others[2]), same),
		"refused": x.post(to(x.token), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }),
	} {
		var got, want struct{ Code, Msg string }
		text := printed.Sample(t, name+".json")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got.Code != want.Code || !slices.Equal(pushfakes.Shape(w.Body.String()), pushfakes.Shape(text)) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v %s, must %s", name, w.Header(), w.Body, text)
		}
		if name == "partly" && (!slices.Equal(pushfakes.Shape(got.Msg), pushfakes.Shape(want.Msg)) || fmt.Sprint(parsed(t, got.Msg)) != fmt.Sprint(parsed(t, want.Msg))) {
			t.Errorf("%s, must %s", got.Msg, want.Msg)
		}
	}
}

func parsed(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestToken: the request for an access token that Huawei prints is answered as it prints.
func TestToken(t *testing.T) {
	x := newFixture(t)
	head, form, _ := strings.Cut(printed.Sample(t, "token_request.txt"), "\n\n")
	form = strings.NewReplacer("<客户端ID>", appID, "<客户端密钥>", url.QueryEscape(x.secret), "\n", "").Replace(form)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\n\n")))
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(strings.NewReader(form))
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(printed.Sample(t, "token.txt"))), r)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Body.Close()
	body, err := io.ReadAll(want.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name := range want.Header {
		if w.Header().Get(name) != want.Header.Get(name) {
			t.Errorf("%s: %q, must %q", name, w.Header().Get(name), want.Header.Get(name))
		}
	}
	var got, must struct {
		ExpiresIn int    `json:"expires_in"`
		TokenType string `json:"token_type"`
	}
	if _, _ = json.Unmarshal(w.Body.Bytes(), &got), json.Unmarshal(body, &must); w.Code != want.StatusCode || got != must || !slices.Equal(pushfakes.Shape(w.Body.String()), pushfakes.Shape(string(body))) {
		t.Errorf("%d %s, must %d %s", w.Code, w.Body, want.StatusCode, body)
	}
}
