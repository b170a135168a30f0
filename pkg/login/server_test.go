package login_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/accounts"
	"annal/pkg/accounts/accountstest"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/login"
)

// selves are self sessions in memory: who is signed in where.
type selves struct {
	mu     sync.Mutex
	logins map[string]map[string]login.SignIn // by user and device
	told   []string
	away   bool
	codes  map[string]events.Code
}

// refuse has a user's sign-ins refused.
func (s *selves) refuse(user string, code events.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.codes == nil {
		s.codes = map[string]events.Code{}
	}
	s.codes[user] = code
}

func newSelves() *selves { return &selves{logins: map[string]map[string]login.SignIn{}} }

func (s *selves) tell(words ...string) { s.told = append(s.told, strings.Join(words, " ")) }

func (s *selves) SignedUp(_ context.Context, user events.UserID, how string) *events.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell("up", string(user), how)
	return nil
}

func (s *selves) SignIn(_ context.Context, in login.SignIn) (ended []string, err *events.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, &events.Error{Code: events.CodeTryAgain}
	}
	if code := s.codes[string(in.User)]; code != "" {
		return nil, &events.Error{Code: code}
	}
	devices := s.logins[string(in.User)]
	if devices == nil {
		devices = map[string]login.SignIn{}
		s.logins[string(in.User)] = devices
	}
	if was, there := devices[in.Device]; there && was.Login != in.Login {
		ended = append(ended, was.Login)
	}
	devices[in.Device] = in
	s.tell("in", string(in.User), in.Device, in.Kind)
	return ended, nil
}

func (s *selves) SignOut(_ context.Context, user events.UserID, of, why string) *events.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return &events.Error{Code: events.CodeTryAgain}
	}
	for device, in := range s.logins[string(user)] {
		if in.Login == of {
			delete(s.logins[string(user)], device)
			s.tell("out", string(user), device, why)
		}
	}
	return nil
}

func (s *selves) Known(_ context.Context, user events.UserID) (bool, *events.Error) {
	return strings.HasPrefix(string(user), "corp"), nil
}

func (s *selves) SignOutOthers(_ context.Context, user events.UserID, except, why string) *events.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for device, in := range s.logins[string(user)] {
		if in.Login != except {
			delete(s.logins[string(user)], device)
			s.tell("out", string(user), device, why)
		}
	}
	return nil
}

func (s *selves) LoggedIn(_ context.Context, user events.UserID, device, of string) (bool, *events.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return false, &events.Error{Code: events.CodeTryAgain}
	}
	return of != "" && s.logins[string(user)][device].Login == of, nil
}

func (s *selves) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// devices are those that a user is signed in on, in order.
func (s *selves) devices(user string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.logins[user]))
}

func (s *selves) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) == 0 {
		return ""
	}
	return s.told[len(s.told)-1]
}

// keyring is a ring that may be replaced.
type keyring struct {
	mu   sync.Mutex
	ring auth.Ring
}

func (k *keyring) Ring() auth.Ring {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ring
}

func (k *keyring) set(r auth.Ring) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ring = r
}

func (k *keyring) rotate(t testing.TB, prepare, keep time.Duration) {
	t.Helper()
	next, err := k.Ring().Rotate(time.Now(), prepare, keep, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k.set(next)
}

// ringSource checks tokens with a ring that may be replaced.
type ringSource struct{ *keyring }

func (s ringSource) Find(kid string) (ed25519.PublicKey, bool) { return s.Ring().Find(kid, time.Now()) }

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

// house is a login server with all that it needs.
type house struct {
	*httptest.Server
	t      testing.TB
	table  *accounts.Table
	self   *selves
	keys   *keyring
	tokens *auth.Verifier
}

// open lets everybody do everything.
type open struct{}

func (open) Allow(context.Context, limits.Class, limits.Who) (time.Duration, bool) { return 0, true }

func serve(t testing.TB, change func(*login.Config, *login.Ports)) *house {
	t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	h := &house{t: t, self: newSelves(), keys: &keyring{}, table: accountstest.Follow(t, log)}
	h.keys.rotate(t, 0, time.Hour)
	passwords := accountstest.NewPasswords(t)
	mux := http.NewServeMux()
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	c := login.Config{Issuer: h.URL, SignUp: login.SignUpOpen, AccessTTL: login.DefaultAccessTTL, RefreshTTL: login.DefaultRefreshTTL}
	p := login.Ports{
		Table: h.table, Passwords: passwords, Keys: h.keys, Self: h.self, Limits: open{}, Now: time.Now, Logger: quiet, Metrics: login.NewMetrics(prometheus.NewRegistry()),
	}
	if change != nil {
		change(&c, &p)
	}
	h.table, h.self, h.keys = p.Table, p.Self.(*selves), p.Keys.(*keyring)
	h.tokens = auth.NewVerifier(ringSource{h.keys}, p.Now).WithIssuers(c.Issuer, nil)
	p.Tokens = h.tokens
	s, err := login.New(c, p)
	if err != nil {
		t.Fatal(err)
	}
	s.Mount(mux)
	return h
}

// answer is what somebody was answered.
type answer struct {
	status int
	body   map[string]any
	header http.Header
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// ask asks without following redirects.
func (h *house) ask(method, path string, body io.Reader, headers ...string) answer {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Body.Close()
	a := answer{status: w.StatusCode, header: w.Header, body: map[string]any{}}
	content, err := io.ReadAll(w.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if json.Unmarshal(content, &a.body) != nil {
		a.body["text"] = string(content)
	}
	return a
}

// form posts a form; values are names and values in turn.
func (h *house) form(path string, values ...string) answer {
	h.t.Helper()
	return h.formWith(nil, path, values...)
}

func (h *house) formWith(headers []string, path string, values ...string) answer {
	h.t.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	return h.ask("POST", path, strings.NewReader(form.Encode()), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func (h *house) json(path, body string, headers ...string) answer {
	h.t.Helper()
	return h.ask("POST", path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

const secret = "correct horse"

// user makes a user who may sign in.
func (h *house) user(name string) {
	h.t.Helper()
	if a := h.json(login.PathSignUp, `{"user":"`+name+`","password":"`+secret+`"}`); a.status != http.StatusCreated {
		h.t.Fatalf("sign up: %+v", a)
	}
}

// signIn signs a user in on a device.
func (h *house) signIn(user, device string) answer {
	h.t.Helper()
	a := h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", user, "password", secret, "device", device, "device_kind", "phone")
	if a.status != http.StatusOK {
		h.t.Fatalf("sign in: %+v", a)
	}
	return a
}

func (h *house) refresh(token string, more ...string) answer {
	h.t.Helper()
	return h.form(login.PathToken, append([]string{"grant_type", "refresh_token", "client_id", "app", "refresh_token", token}, more...)...)
}

// client makes a client.
func (h *house) client(n login.NewClient, clientSecret string) {
	h.t.Helper()
	c, err := n.Entry(clientSecret)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.table.Change(h.t.Context(), accounts.KindClient, n.ID, func(e *accounts.Entry) error {
		e.Removed, e.Kind = false, &accountsv1.Entry_Client{Client: c}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
}

// refused wants an error of the protocol, and that nobody is signed in for it.
func (h *house) refused(what string, a answer, status int, oauth string, code events.Code) {
	h.t.Helper()
	if a.status != status || a.text("error") != oauth || a.text("code") != string(code) || a.text("error_description") == "" || a.text("access_token") != "" {
		h.t.Errorf("%s: %+v", what, a)
	}
}

func TestPasswordGrant(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	if h.self.last() != "up ann open" {
		t.Errorf("told %q", h.self.last())
	}
	a := h.signIn("ann", "pixel")
	id, bad := h.tokens.Verify(a.text("access_token"))
	if bad != nil || id.User != "ann" || id.Device != "pixel" || id.Login == "" || id.Login != a.text("login") || id.Service != "" || id.Client != "app" || id.Issuer != h.URL {
		t.Errorf("the token says %+v, %v", id, bad)
	}
	if left := time.Until(id.Expires); left > login.DefaultAccessTTL+time.Second || left < login.DefaultAccessTTL-10*time.Second {
		t.Errorf("good for %v", left)
	}
	if h.self.last() != "in ann pixel phone" || a.text("token_type") != "bearer" || a.text("refresh_token") == "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("told %q; %+v", h.self.last(), a)
	}
	wrong := h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", "wrong horse")
	unknown := h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "nobody", "password", "wrong horse")
	h.refused("a wrong password", wrong, http.StatusBadRequest, "invalid_grant", "")
	if unknown.status != wrong.status || unknown.text("error_description") != wrong.text("error_description") {
		t.Errorf("who tries learns whether there is such a user: %+v, %+v", wrong, unknown)
	}
	h.refused("a client that is not there", h.form(login.PathToken, "grant_type", "password", "client_id", "nobody", "username", "ann", "password", secret), http.StatusUnauthorized, "invalid_client", "")
	h.refused("a kind of device that is not there", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", secret, "device_kind", "toaster"),
		http.StatusBadRequest, "invalid_request", "")
	h.self.away = true
	h.refused("while the log is away", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", secret), http.StatusServiceUnavailable,
		"temporarily_unavailable", events.CodeTryAgain)
}

func TestRefresh(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	phone, laptop := h.signIn("ann", "pixel"), h.signIn("ann", "laptop")
	next := h.refresh(phone.text("refresh_token"), "device", "pixel")
	if next.status != http.StatusOK || next.text("refresh_token") == phone.text("refresh_token") || next.text("login") != phone.text("login") || next.text("device") != "pixel" {
		t.Fatalf("refreshed: %+v", next)
	}
	id, bad := h.tokens.Verify(next.text("access_token"))
	if bad != nil || id.Login != phone.text("login") || id.Device != "pixel" || id.User != "ann" {
		t.Errorf("the new token says %+v, %v", id, bad)
	}
	h.refused("on another device", h.refresh(next.text("refresh_token"), "device", "laptop"), http.StatusBadRequest, "invalid_grant", "")
	third := h.refresh(next.text("refresh_token"))
	if third.status != http.StatusOK {
		t.Fatalf("refreshed again: %+v", third)
	}
	for _, made := range []string{"", "art", "art_a_b_c", "art_" + phone.text("login") + "_x_y", strings.Repeat("a_", 1000), phone.text("refresh_token")[:40]} {
		if a := h.refresh(made); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
			t.Errorf("%q: %+v", made, a)
		}
	}
	// Made up tokens end no login.
	third = h.refresh(third.text("refresh_token"))
	if third.status != http.StatusOK {
		t.Fatalf("after tokens that were made up: %+v", third)
	}
	h.refused("one that was used", h.refresh(phone.text("refresh_token")), http.StatusBadRequest, "invalid_grant", "")
	if h.self.last() != "out ann pixel reuse" {
		t.Errorf("told %q", h.self.last())
	}
	h.refused("the newest, since an old one was used", h.refresh(third.text("refresh_token")), http.StatusBadRequest, "invalid_grant", "")
	if a := h.refresh(laptop.text("refresh_token")); a.status != http.StatusOK {
		t.Errorf("the other device: %+v", a)
	}
}

func TestRefreshAtOnce(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	token := h.signIn("ann", "pixel").text("refresh_token")
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 16 {
		wg.Go(func() {
			if a := h.refresh(token); a.status == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				good++
			}
		})
	}
	wg.Wait()
	if good > 1 {
		t.Errorf("one token served %d times", good)
	}
}

func TestRefreshOfAnEndedLogin(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	a := h.signIn("ann", "pixel")
	if err := h.self.SignOut(t.Context(), "ann", a.text("login"), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	h.refused("ended elsewhere", h.refresh(a.text("refresh_token")), http.StatusBadRequest, "invalid_grant", "")
	if _, there := h.table.Get(accounts.KindGrant, a.text("login")); there {
		t.Error("what it could be renewed with is kept")
	}
	b := h.signIn("ann", "pixel")
	c := h.signIn("ann", "pixel")
	h.refused("replaced on its own device", h.refresh(b.text("refresh_token")), http.StatusBadRequest, "invalid_grant", "")
	h.self.away = true
	h.refused("while the view is away", h.refresh(c.text("refresh_token")), http.StatusServiceUnavailable, "temporarily_unavailable", events.CodeTryAgain)
	h.self.away = false
	if d := h.refresh(c.text("refresh_token")); d.status != http.StatusOK {
		t.Errorf("afterwards: %+v", d)
	}
}
