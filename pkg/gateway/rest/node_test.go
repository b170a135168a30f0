package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/limits"
	"annal/pkg/nodes"
)

// names takes a user's name for a token.
type names struct{}

func (names) Verify(token string) (auth.Identity, *events.Error) {
	if token == "old" {
		return auth.Identity{}, &events.Error{Code: events.CodeTokenExpired}
	}
	if !events.ValidName(token) {
		return auth.Identity{}, &events.Error{Code: events.CodeBadToken}
	}
	return auth.Identity{User: events.UserID(token)}, nil
}

// failing is a registry that is away.
type failing struct{ nodes.Registry }

func (failing) Nodes(context.Context) ([]nodes.Node, error) { return nil, errors.New("away") }

// hasty asks too often.
type hasty struct{}

func (hasty) Allow(_ context.Context, _ limits.Class, w limits.Who) (time.Duration, bool) {
	return 2500 * time.Millisecond, w.User != "hasty"
}

func TestNode(t *testing.T) {
	registry := nodes.NewMemory(time.Now)
	ask := func(r nodes.Registry, method, path string, headers ...string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		rest.Node(nodes.NewDirectory(r, 0), names{}, hasty{}, []string{"https://chat.example"}, slog.New(slog.DiscardHandler)).ServeHTTP(w, request)
		return w
	}
	want := func(what string, w *httptest.ResponseRecorder, status int, code events.Code) {
		t.Helper()
		var e struct{ Code, Message, Retry string }
		if err := json.Unmarshal(w.Body.Bytes(), &e); w.Code != status || err != nil || e.Code != string(code) || e.Message == "" || e.Retry != string(code.Info().Retry) {
			t.Errorf("%s: %d, %s (%v)", what, w.Code, w.Body, err)
		}
	}
	const ann = "Bearer ann"
	w := ask(registry, "GET", "/v1/node", "Authorization", ann)
	want("without nodes", w, http.StatusServiceUnavailable, events.CodeTryAgain)
	if w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"retry_after_ms":"1000"`) {
		t.Errorf("when to ask again is not said: %v, %s", w.Header(), w.Body)
	}
	for _, n := range []nodes.Node{{ID: "a", URL: "ws://a/v1/ws"}, {ID: "b", URL: "ws://b/v1/ws"}} {
		if err := registry.Announce(t.Context(), n, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	want("away", ask(failing{registry}, "GET", "/v1/node", "Authorization", ann), http.StatusServiceUnavailable, events.CodeTryAgain)
	want("no token", ask(registry, "GET", "/v1/node"), http.StatusUnauthorized, events.CodeBadToken)
	want("another scheme", ask(registry, "GET", "/v1/node", "Authorization", "Basic ann"), http.StatusUnauthorized, events.CodeBadToken)
	want("a bad token", ask(registry, "GET", "/v1/node", "Authorization", "Bearer "), http.StatusUnauthorized, events.CodeBadToken)
	want("an old token", ask(registry, "GET", "/v1/node", "Authorization", "Bearer old"), http.StatusUnauthorized, events.CodeTokenExpired)
	want("a long device", ask(registry, "GET", "/v1/node?device="+strings.Repeat("x", 129), "Authorization", ann), http.StatusBadRequest, events.CodeInvalidField)
	want("a device in no charset", ask(registry, "GET", "/v1/node?device=%ff", "Authorization", ann), http.StatusBadRequest, events.CodeInvalidField)
	often := ask(registry, "GET", "/v1/node", "Authorization", "Bearer hasty")
	want("too often", often, http.StatusTooManyRequests, events.CodeRateLimited)
	if often.Header().Get("Retry-After") != "3" || !strings.Contains(often.Body.String(), `"2500"`) {
		t.Errorf("when to ask again is not said: %v, %s", often.Header(), often.Body)
	}
	first := ask(registry, "GET", "/v1/node?device=phone", "Authorization", ann)
	var told rest.NodeAnswer
	if err := json.Unmarshal(first.Body.Bytes(), &told); err != nil || first.Code != http.StatusOK || told.URL != "ws://"+told.Node+"/v1/ws" {
		t.Fatalf("%d, %s (%v)", first.Code, first.Body, err)
	}
	if err := registry.Announce(t.Context(), nodes.Node{ID: told.Node, URL: told.URL, Connections: 1000}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if again := ask(registry, "GET", "/v1/node?device=phone", "Authorization", ann); again.Body.String() != first.Body.String() {
		t.Errorf("asked again: %s, after %s", again.Body, first.Body)
	}
	if other := ask(registry, "GET", "/v1/node?device=laptop", "Authorization", ann); other.Body.String() == first.Body.String() {
		t.Errorf("another device is sent to the full one: %s", other.Body)
	}
	if w := ask(registry, "POST", "/v1/node", "Authorization", ann); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	page := ask(registry, "GET", "/v1/node", "Authorization", ann, "Origin", "https://chat.example")
	if page.Code != http.StatusOK || page.Header().Get("Access-Control-Allow-Origin") != "https://chat.example" {
		t.Errorf("a page of ours: %d, %v", page.Code, page.Header())
	}
	if w := ask(registry, "OPTIONS", "/v1/node", "Origin", "https://chat.example"); w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Headers") != "Authorization" {
		t.Errorf("before it asks: %d, %v", w.Code, w.Header())
	}
	if w := ask(registry, "GET", "/v1/node", "Authorization", ann, "Origin", "https://evil.example"); w.Code != http.StatusForbidden || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a stranger's page: %d, %v", w.Code, w.Header())
	}
}
