package login_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/accounts"
	"annal/pkg/accounts/accountstest"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/login"
)

// noPasswords refuses every try of a password.
type noPasswords struct{}

func (noPasswords) Allow(_ context.Context, c limits.Class, _ limits.Who) (time.Duration, bool) {
	return time.Second, c != limits.Login
}

// What is counted and what is done are the same, however a request is written.
func TestTheLimitIsNotPassedBy(t *testing.T) {
	h := serve(t, func(_ *login.Config, p *login.Ports) { p.Limits = noPasswords{} })
	for _, grant := range []string{"password ", " password", "password  ", "password client_credentials", "PASSWORD", "password\t"} {
		a := h.form(login.PathToken, "grant_type", grant, "client_id", "app", "username", "ann", "password", "guess guess")
		h.refused(grant, a, http.StatusBadRequest, "unsupported_grant_type", "")
	}
	h.refused("as it is", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", "guess guess"), http.StatusTooManyRequests, "slow_down", events.CodeRateLimited)
	twice := h.ask("POST", login.PathToken, strings.NewReader("grant_type=client_credentials&grant_type=password&client_id=app&username=ann&password=x"), "Content-Type", "application/x-www-form-urlencoded")
	h.refused("twice", twice, http.StatusBadRequest, "invalid_request", "")
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range map[string]string{"grant_type": "password", "client_id": "app", "username": "ann", "password": "guess guess"} {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if a := h.ask("POST", login.PathToken, &body, "Content-Type", w.FormDataContentType()); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("multipart: %+v", a)
	}
}

// behind is a log whose readers hear nothing while they are held.
type behind struct {
	eventlog.Log
	mu *sync.RWMutex
}

func (b behind) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	c, err := b.Log.Read(ctx, t, partition, from)
	return behindCursor{c, b.mu}, err
}

type behindCursor struct {
	eventlog.Cursor
	mu *sync.RWMutex
}

func (b behindCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	records, err := b.Cursor.Next(ctx)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return records, err
}

// A server that has not read yet what another one did takes nothing new for something old.
func TestTwoServers(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	self, keys := newSelves(), &keyring{}
	keys.rotate(t, 0, time.Hour)
	var held sync.RWMutex
	share := func(log eventlog.Log) func(*login.Config, *login.Ports) {
		return func(c *login.Config, p *login.Ports) {
			c.Issuer = "https://id.example"
			p.Table, p.Self, p.Keys = accountstest.Follow(t, log), self, keys
		}
	}
	a, b := serve(t, share(log)), serve(t, share(behind{log.Client(), &held}))
	slowly := func(do func() answer) answer {
		held.Lock()
		time.AfterFunc(50*time.Millisecond, held.Unlock)
		return do()
	}
	a.user("ann")
	one := slowly(func() answer { return b.signIn("ann", "pixel") })
	two := a.refresh(one.text("refresh_token"))
	if two.status != http.StatusOK {
		t.Fatalf("refreshed at the other server: %+v", two)
	}
	if three := slowly(func() answer { return b.refresh(two.text("refresh_token")) }); three.status != http.StatusOK {
		t.Errorf("the newest token at a server that is behind: %+v, told %q", three, self.last())
	}
}

func TestBeforeTheAccountsAreRead(t *testing.T) {
	h := serve(t, func(_ *login.Config, p *login.Ports) {
		p.Table = accounts.NewTable(eventlog.NewMemory(eventlog.MemoryOptions{}), time.Now, quiet, accounts.NewMetrics(prometheus.NewRegistry()))
	})
	for path, body := range map[string]string{login.PathToken: "grant_type=refresh_token&client_id=app&refresh_token=art_a_b_c", login.PathSignUp: "{}"} {
		if a := h.ask("POST", path, strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded"); a.status != http.StatusServiceUnavailable || a.text("code") != string(events.CodeTryAgain) {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := h.ask("GET", login.PathKeys, nil); a.status != http.StatusOK {
		t.Errorf("keys: %+v", a)
	}
}

// Nobody signs up as who acts here already.
func TestNamesThatAreTaken(t *testing.T) {
	h := serve(t, nil)
	h.client(login.NewClient{ID: "welcome", Scopes: []auth.Scope{auth.ScopeWrite}}, "a secret")
	for _, name := range []string{"welcome", "app", "annal", "corp.zoe"} {
		if a := h.json(login.PathSignUp, `{"user":"`+name+`","password":"`+secret+`"}`); a.status != http.StatusConflict || a.text("code") != string(events.CodeUserExists) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if h.self.last() != "" {
		t.Errorf("told %q", h.self.last())
	}
}

// What was authenticated with a password that is no longer the user's is worth nothing.
func TestCodeOfAnOldPassword(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	client, _ := h.webClient("")
	verifier := "a verifier of the length that RFC 7636 wants"
	at := client.AuthCodeURL("a state of some length", challenge(verifier)...)
	code := h.code(at)
	phone := h.signIn("ann", "pixel")
	if a := h.json(login.PathPassword, `{"old":"`+secret+`","new":"another horse"}`, "Authorization", "Bearer "+phone.text("access_token")); a.status != http.StatusNoContent {
		t.Fatalf("changed: %+v", a)
	}
	a := h.form(login.PathToken, "grant_type", "authorization_code", "client_id", "web", "code", code, "redirect_uri", callback, "code_verifier", verifier)
	h.refused("a code of the old password", a, http.StatusBadRequest, "invalid_grant", "")
	if devices := h.self.devices("ann"); len(devices) != 1 || devices[0] != "pixel" {
		t.Errorf("signed in on %v", devices)
	}
	if a := h.refresh(phone.text("refresh_token")); a.status != http.StatusOK {
		t.Errorf("the login that changed it: %+v", a)
	}
	// Where ending the others failed then, they end when they are renewed.
	laptop := h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", "another horse", "device", "laptop")
	if err := login.SetPassword(t.Context(), h.table, "ann", time.Now(), "", "somebody"); err != nil {
		t.Fatal(err)
	}
	h.refused("after a change that ended nothing", h.refresh(laptop.text("refresh_token")), http.StatusBadRequest, "invalid_grant", "")
	if h.self.last() != "out ann laptop password" {
		t.Errorf("told %q", h.self.last())
	}
}

// A sign-up that ended halfway is told at the first sign-in.
func TestSignUpIsTold(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	if err := h.table.Change(t.Context(), accounts.KindAccount, "ann", func(e *accounts.Entry) error {
		e.GetAccount().UntoldSignUp = login.ByInvitation
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	h.signIn("ann", "pixel")
	h.signIn("ann", "pixel")
	if told := h.self.all(); len(told) != 4 || told[1] != "up ann invite" {
		t.Errorf("told %q", told)
	}
}

// An invitation is not used up by who does not get in with it.
func TestInvitationOfATakenName(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	if err := login.Invite(t.Context(), h.table, "inv", 1, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a := h.json(login.PathSignUp, `{"user":"ann","password":"`+secret+`","invite":"inv"}`); a.status != http.StatusConflict {
			t.Errorf("%+v", a)
		}
	}
	if a := h.json(login.PathSignUp, `{"user":"bob","password":"`+secret+`","invite":"inv"}`); a.status != http.StatusCreated {
		t.Errorf("afterwards: %+v", a)
	}
}

// An access token among the parameters authenticates nobody.
func TestIntrospectionNeedsASecret(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	h.user("bob")
	ann, bob := h.signIn("ann", "pixel"), h.signIn("bob", "pixel")
	a := h.formWith([]string{"Authorization", "Basic eDp4"}, login.PathIntrospect, "access_token", ann.text("access_token"), "token", bob.text("refresh_token"))
	if a.status != http.StatusUnauthorized || a.body["active"] != nil {
		t.Errorf("%+v", a)
	}
	a = h.formWith([]string{"Authorization", "Basic eDp4"}, login.PathIntrospect+"?access_token="+ann.text("access_token"), "token", bob.text("refresh_token"))
	if a.status != http.StatusUnauthorized || a.body["active"] != nil {
		t.Errorf("%+v", a)
	}
}
