package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"annal/pkg/client"
	"annal/pkg/events"
)

// asked is a server of nodes that answers as it is told, and keeps what it was asked.
type asked struct {
	*httptest.Server
	answer string
	status int
	last   *http.Request
}

func newAsked(t *testing.T, status int, answer string) *asked {
	a := &asked{answer: answer, status: status}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.last = r
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.answer))
	}))
	t.Cleanup(a.Close)
	return a
}

func TestLocator(t *testing.T) {
	away := newAsked(t, http.StatusOK, "")
	away.Close()
	busy := newAsked(t, http.StatusServiceUnavailable, `{"code":"TRY_AGAIN","message":"not now","retry":"later","retry_after_ms":"1000"}`)
	good := newAsked(t, http.StatusOK, `{"node":"a","url":"ws://a/v1/ws"}`)
	locate := client.Locator(client.StaticToken("secret"), "my phone", away.URL, busy.URL, good.URL+"/")
	want := func(what, url string) {
		t.Helper()
		if got, err := locate(t.Context()); err != nil || got != url {
			t.Errorf("%s: %q, %v, want %q", what, got, err, url)
		}
	}
	want("the first time", "ws://a/v1/ws")
	q := good.last.URL.Query()
	if good.last.URL.Path != "/v1/node" || q.Get("device") != "my phone" || q.Get("failed") != "" || good.last.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("it asked for %s, %v", good.last.URL, good.last.Header)
	}
	busy.last, good.answer = nil, `{"node":"b","url":"ws://b/v1/ws"}`
	want("a moment later", "ws://b/v1/ws")
	if failed := good.last.URL.Query().Get("failed"); failed != "a" || busy.last != nil {
		t.Errorf("then it says that %q was not reached, and asked one that had not answered: %v", failed, busy.last != nil)
	}
	good.status, good.answer = http.StatusOK, "<html>"
	if _, err := locate(t.Context()); err == nil {
		t.Error("a page is taken for an answer")
	}
	good.status, good.answer = http.StatusUnauthorized, `{"code":"TOKEN_EXPIRED","message":"expired","retry":"never"}`
	if _, err := locate(t.Context()); !isCode(err, events.CodeTokenExpired) {
		t.Errorf("an expired token: %v", err)
	}
	broken := client.Locator(func(context.Context) (string, error) { return "", errors.New("no token") }, "", good.URL)
	if _, err := broken(t.Context()); err == nil {
		t.Error("without a token it asks")
	}
}

func isCode(err error, code events.Code) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Code == code
}
