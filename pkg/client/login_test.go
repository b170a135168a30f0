package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// loginServer answers as one does, and refuses refresh tokens that it did not give last.
type loginServer struct {
	*httptest.Server
	mu      sync.Mutex
	n       int
	last    string
	lasts   int64
	asked   []string
	refused string
}

func newLoginServer(t *testing.T) *loginServer {
	s := &loginServer{lasts: 3600}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		grant := r.PostFormValue("grant_type")
		if r.URL.Path == "/oauth2/revoke" {
			grant = "revoke " + r.PostFormValue("token")
		}
		s.asked = append(s.asked, grant)
		refuse := s.refused
		if grant == "refresh_token" && r.PostFormValue("refresh_token") != s.last {
			refuse = "invalid_grant"
		}
		id, escaped, is := r.BasicAuth()
		if secret, err := url.QueryUnescape(escaped); grant == "client_credentials" && (err != nil || !is || id != "bridge" || secret != "s e:cret") { // RFC 6749, 2.3.1
			refuse = "invalid_client"
		}
		if refuse != "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":"no","code":"ACCOUNT_BANNED"}`, refuse)
			return
		}
		s.n++
		answer := map[string]any{"access_token": fmt.Sprint("access-", s.n), "expires_in": s.lasts}
		if grant != "client_credentials" {
			s.last = fmt.Sprint("refresh-", s.n)
			answer["refresh_token"], answer["device"] = s.last, "d-1"
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestTokens(t *testing.T) {
	s := newLoginServer(t)
	var kept []string
	in := LoginServer{URL: s.URL + "/", Keep: func(refresh string) error { kept = append(kept, refresh); return nil }}
	tokens, err := in.Password(t.Context(), "ann", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tokens.now = func() time.Time { return now }
	want := func(what, want string) {
		t.Helper()
		if got, err := tokens.Token(t.Context()); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", what, got, err, want)
		}
	}
	want("at once", "access-1")
	now = now.Add(58 * time.Minute)
	want("while it is good", "access-1")
	now = now.Add(90 * time.Second)
	want("in time before its end", "access-2")
	// Who gives up waiting loses no token.
	now = now.Add(time.Hour)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := tokens.Token(cancelled); got != "access-3" || err != nil {
		t.Errorf("for who gave up: %q, %v", got, err)
	}
	want("afterwards", "access-3")
	if tokens.Device() != "d-1" || fmt.Sprint(kept) != "[refresh-1 refresh-2 refresh-3]" {
		t.Errorf("device %q, kept %v", tokens.Device(), kept)
	}
	in.Refresh = "refresh-3"
	if got, err := in.Kept().Token(t.Context()); got != "access-4" || err != nil {
		t.Errorf("with a token that was kept: %q, %v", got, err)
	}
	now = now.Add(time.Hour)
	if _, err := tokens.Token(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("with one that was replaced: %v", err)
	}
	asked := len(s.asked)
	if _, err := tokens.Token(t.Context()); !errors.Is(err, ErrSignedOut) || len(s.asked) != asked {
		t.Errorf("again: %v, %v", err, s.asked[asked:])
	}
}

func TestTokensOfAService(t *testing.T) {
	s := newLoginServer(t)
	tokens := LoginServer{URL: s.URL, Client: "bridge", Secret: "s e:cret", Scopes: []string{"read"}}.Service()
	for range 3 {
		if got, err := tokens.Token(t.Context()); got != "access-1" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if len(s.asked) != 1 {
		t.Errorf("asked %v", s.asked)
	}
	if err := tokens.SignOut(t.Context()); err != nil || len(s.asked) != 1 {
		t.Errorf("a service signs out: %v, %v", err, s.asked)
	}
}

func TestTokensAreRefused(t *testing.T) {
	s := newLoginServer(t)
	s.refused = "invalid_grant"
	_, err := LoginServer{URL: s.URL}.Password(t.Context(), "ann", "x")
	var refused *OAuthError
	if !errors.As(err, &refused) || refused.Name != "invalid_grant" || refused.Code != "ACCOUNT_BANNED" || errors.Is(err, ErrSignedOut) {
		t.Errorf("%v", err)
	}
	s.refused = ""
	tokens, err := LoginServer{URL: s.URL}.Password(t.Context(), "ann", "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := tokens.SignOut(t.Context()); err != nil || s.asked[len(s.asked)-1] != "revoke refresh-1" {
		t.Errorf("%v, %v", err, s.asked)
	}
	if _, err := tokens.Token(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("signed out: %v", err)
	}
	s.Close()
	if _, err := (LoginServer{URL: s.URL}).Password(t.Context(), "ann", "x"); err == nil || errors.As(err, &refused) {
		t.Errorf("a server that is not there: %v", err)
	}
}
