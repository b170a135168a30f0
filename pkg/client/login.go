package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"annal/pkg/events"
)

// LoginServer says how to get tokens of a login server (docs/login.md).
type LoginServer struct {
	// URL is where it is, http:// or https://.
	URL string
	// Client is the OAuth client's id; "app", the first-party one, when empty. A service has its own, and a secret.
	Client string
	Secret string
	// Scopes are what a service asks for; empty: all that it has.
	Scopes []string
	// Device is what signs in, and Kind its kind: phone, tablet, desktop, web or other.
	Device string
	Kind   string
	// Refresh is a refresh token that was kept; with it nobody need give a password.
	Refresh string
	// Keep is given each new refresh token before the old one is forgotten: only the last is good, and one that was replaced ends the login when it
	// is used again. May be nil.
	Keep func(refresh string) error
}

// Tokens gives tokens for connecting, renewed in time. It may be used by many goroutines at once.
type Tokens struct {
	in  LoginServer
	now func() time.Time

	mu      sync.Mutex
	access  string
	expires time.Time
	// password is kept until it was used.
	user, password string
	refresh        string
	service        bool
}

// OAuthError is what a login server refuses with.
type OAuthError struct {
	// Name is OAuth's error, as in invalid_grant; Code is Annal's, where there is one.
	Name        string      `json:"error"`
	Description string      `json:"error_description"`
	Code        events.Code `json:"code"`
}

func (e *OAuthError) Error() string {
	if e.Code != "" {
		return fmt.Sprintf("sign in: %s (%s): %s", e.Name, e.Code, e.Description)
	}
	return fmt.Sprintf("sign in: %s: %s", e.Name, e.Description)
}

// ErrSignedOut says that a login can't be renewed: somebody has to sign in anew.
var ErrSignedOut = errors.New("client: signed out")

// Password signs a user in. Errors are *OAuthError and those of reaching the server.
func (in LoginServer) Password(ctx context.Context, user, password string) (*Tokens, error) {
	t := &Tokens{in: in, now: time.Now, user: user, password: password, refresh: in.Refresh}
	_, err := t.Token(ctx)
	return t, err
}

// Kept goes on with a login whose refresh token was kept.
func (in LoginServer) Kept() *Tokens { return &Tokens{in: in, now: time.Now, refresh: in.Refresh} }

// Service gives a service's tokens, by its own secret.
func (in LoginServer) Service() *Tokens { return &Tokens{in: in, now: time.Now, service: true} }

const (
	// renewBefore is how long before its end a token is renewed, or when a third of its time is left if that is shorter.
	renewBefore = time.Minute
	// askTokenTime bounds one answer.
	askTokenTime = 30 * time.Second
	// maxTokenAnswer bounds what is read of an answer.
	maxTokenAnswer = 64 << 10
)

// Token gives a token that is good, as [Options.Token] wants it. Errors are ErrSignedOut when the login has ended, else *OAuthError and those of
// reaching the server.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.access != "" && t.now().Before(t.expires) {
		return t.access, nil
	}
	form := url.Values{"client_id": {t.in.client()}}
	switch {
	case t.service:
		form.Set("grant_type", "client_credentials")
		if len(t.in.Scopes) > 0 {
			form.Set("scope", strings.Join(t.in.Scopes, " "))
		}
	case t.password != "":
		form.Set("grant_type", "password")
		form.Set("username", t.user)
		form.Set("password", t.password)
		if t.in.Device != "" {
			form.Set("device", t.in.Device)
		}
		if t.in.Kind != "" {
			form.Set("device_kind", t.in.Kind)
		}
	case t.refresh != "":
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", t.refresh)
	default:
		return "", ErrSignedOut
	}
	// Whoever gives up waiting must not lose the answer: the token that was presented is good no more.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTokenTime)
	defer cancel()
	got, err := t.in.ask(asking, form)
	var refused *OAuthError
	if errors.As(err, &refused) && refused.Name == "invalid_grant" && form.Get("grant_type") == "refresh_token" {
		t.refresh, t.access = "", ""
		return "", fmt.Errorf("%w: %w", ErrSignedOut, err)
	}
	if err != nil {
		return "", err
	}
	lasts := time.Duration(got.ExpiresIn) * time.Second
	t.access, t.expires = got.AccessToken, t.now().Add(lasts-min(renewBefore, lasts/3))
	t.password = ""
	if got.Device != "" {
		t.in.Device = got.Device
	}
	if got.RefreshToken != "" {
		t.refresh = got.RefreshToken
		if t.in.Keep != nil {
			if err := t.in.Keep(t.refresh); err != nil {
				return "", err
			}
		}
	}
	return t.access, nil
}

// Device is the device that is signed in, which the server may have named.
func (t *Tokens) Device() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.in.Device
}

// SignOut ends the login.
func (t *Tokens) SignOut(ctx context.Context) error {
	t.mu.Lock()
	refresh := t.refresh
	t.mu.Unlock()
	if refresh == "" {
		return nil
	}
	form := url.Values{"client_id": {t.in.client()}, "token": {refresh}}
	w, err := t.in.post(ctx, "/oauth2/revoke", form)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		return refusal(w)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh, t.access = "", ""
	return nil
}

func (in LoginServer) client() string {
	if in.Client == "" {
		return "app"
	}
	return in.Client
}

// tokenAnswer is what a login server answers with.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"`
	Device       string `json:"device"`
}

func (in LoginServer) ask(ctx context.Context, form url.Values) (a tokenAnswer, err error) {
	w, err := in.post(ctx, "/oauth2/token", form)
	if err != nil {
		return a, err
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		return a, refusal(w)
	}
	if err := json.NewDecoder(io.LimitReader(w.Body, maxTokenAnswer)).Decode(&a); err != nil || a.AccessToken == "" || a.ExpiresIn <= 0 {
		return a, fmt.Errorf("client: the login server's answer is no token: %w", err)
	}
	return a, nil
}

func (in LoginServer) post(ctx context.Context, path string, form url.Values) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(in.URL, "/")+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if in.Secret != "" {
		r.SetBasicAuth(url.QueryEscape(in.client()), url.QueryEscape(in.Secret))
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return w, nil
}

func refusal(w *http.Response) error {
	e := &OAuthError{}
	if err := json.NewDecoder(io.LimitReader(w.Body, maxTokenAnswer)).Decode(e); err != nil || e.Name == "" {
		return fmt.Errorf("client: the login server answers %s", w.Status)
	}
	return e
}
