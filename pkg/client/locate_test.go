package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

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
	l := client.NewLocator(client.StaticToken("secret"), "my phone", away.URL, busy.URL, good.URL+"/")
	want := func(what, url, failed string) {
		t.Helper()
		got, err := l.Locate(t.Context())
		if err != nil || got != url || good.last.URL.Query().Get("failed") != failed {
			t.Errorf("%s: %q, %v, asked for with %s; want %q", what, got, err, good.last.URL, url)
		}
	}
	want("the first time", "ws://a/v1/ws", "")
	if good.last.URL.Path != "/v1/node" || good.last.URL.Query().Get("device") != "my phone" || good.last.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("it asked for %s, %v", good.last.URL, good.last.Header)
	}
	good.answer = `{"node":"b","url":"ws://b/v1/ws"}`
	want("it was not reached", "ws://b/v1/ws", "a")
	l.Reached()
	want("it was reached", "ws://b/v1/ws", "")
	good.answer = "<html>"
	if _, err := l.Locate(t.Context()); err == nil {
		t.Error("a page is taken for an answer")
	}
	busy.last = nil
	good.status, good.answer = http.StatusOK, `{"node":"b","url":"ws://b/v1/ws"}`
	want("those that fail come last", "ws://b/v1/ws", "b")
	busy.last = nil
	want("and are not asked again", "ws://b/v1/ws", "b")
	if busy.last != nil {
		t.Error("one that had failed was asked before one that had not")
	}
	good.status, good.answer = http.StatusTooManyRequests, `{"code":"RATE_LIMITED","message":"too often","retry":"later","retry_after_ms":"2500"}`
	_, err := l.Locate(t.Context())
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != events.CodeRateLimited || e.RetryAfter != 2500*time.Millisecond || busy.last != nil {
		t.Errorf("too often: %v, and others were asked: %v", err, busy.last != nil)
	}
	broken := client.NewLocator(func(context.Context) (string, error) { return "", errors.New("no token") }, "", good.URL)
	if _, err := broken.Locate(t.Context()); err == nil {
		t.Error("without a token it asks")
	}
}

// A token that has expired ends a client that asks where to connect as one that knows.
func TestLocateWithAnExpiredToken(t *testing.T) {
	server := newAsked(t, http.StatusUnauthorized, `{"code":"TOKEN_EXPIRED","message":"expired","retry":"changed"}`)
	token := client.StaticToken("old")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := client.Dial(ctx, client.Options{Locate: client.NewLocator(token, "phone", server.URL).Locate, Token: token})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != events.CodeTokenExpired || ctx.Err() != nil {
		t.Errorf("it ended with %v", err)
	}
}
