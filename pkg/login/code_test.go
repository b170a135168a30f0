package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/login"
)

const callback = "https://chat.example/callback"

// webClient makes a client that signs people in, and gives it as others know it.
func (h *house) webClient(clientSecret string) (*oauth2.Config, *oidc.Provider) {
	h.t.Helper()
	h.client(login.NewClient{ID: "web", Name: "Web chat", Redirects: []string{callback}}, clientSecret)
	provider, err := oidc.NewProvider(h.t.Context(), h.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	return &oauth2.Config{ClientID: "web", ClientSecret: clientSecret, RedirectURL: callback, Endpoint: provider.Endpoint(), Scopes: []string{"openid", "offline_access", "read"}}, provider
}

// page posts the page's form as a browser does that was sent to a URL.
func (h *house) page(at string, headers []string, values ...string) answer {
	h.t.Helper()
	return h.formWith(append([]string{"Origin", h.URL, "Sec-Fetch-Site", "same-origin"}, headers...), strings.TrimPrefix(at, h.URL), values...)
}

// code signs somebody in on the page and gives the code that the client gets.
func (h *house) code(at string) string {
	h.t.Helper()
	a := h.page(at, nil, "username", "ann", "password", secret)
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), callback) || to.Query().Get("code") == "" || to.Query().Get("iss") != h.URL {
		h.t.Fatalf("the page answers %+v", a)
	}
	return to.Query().Get("code")
}

func TestCodeGrant(t *testing.T) {
	for name, clientSecret := range map[string]string{"public": "", "confidential": "a client's secret"} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, nil)
			h.user("ann")
			client, provider := h.webClient(clientSecret)
			verifier := oauth2.GenerateVerifier()
			at := client.AuthCodeURL("a state of some length", oauth2.S256ChallengeOption(verifier), oidc.Nonce("a nonce of some length"))
			shown := h.ask("GET", strings.TrimPrefix(at, h.URL), nil)
			if shown.status != http.StatusOK || !strings.Contains(shown.text("text"), "Web chat</b> asks you to sign in. It asks to read your conversations.") || shown.header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("the page: %+v", shown)
			}
			wrong := h.page(at, nil, "username", "ann", "password", "wrong horse")
			if wrong.status != http.StatusUnauthorized || !strings.Contains(wrong.text("text"), "no such user with that password") || strings.Contains(wrong.text("text"), "wrong horse") {
				t.Errorf("a wrong password: %+v", wrong)
			}
			token, err := client.Exchange(t.Context(), h.code(at), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := token.Extra("id_token").(string)
			is, err := provider.Verifier(&oidc.Config{ClientID: "web"}).Verify(t.Context(), text)
			if err != nil || is.Subject != "ann" || is.Nonce != "a nonce of some length" {
				t.Fatalf("the ID token: %+v, %v", is, err)
			}
			if err := is.VerifyAccessToken(token.AccessToken); err != nil {
				t.Error(err)
			}
			id, bad := h.tokens.Verify(token.AccessToken)
			if bad != nil || id.User != "ann" || id.Client != "web" || id.Login == "" || !id.Lets(auth.ScopeRead) || id.Lets(auth.ScopeWrite) {
				t.Errorf("the access token: %+v, %v", id, bad)
			}
			if _, bad := h.tokens.Verify(text); bad == nil {
				t.Error("an ID token serves as an access token")
			}
			if info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err != nil || info.Subject != "ann" {
				t.Errorf("userinfo: %+v, %v", info, err)
			}
			old := *token
			old.Expiry = time.Now().Add(-time.Minute)
			next, err := client.TokenSource(t.Context(), &old).Token()
			if err != nil || next.AccessToken == token.AccessToken {
				t.Fatalf("refreshed: %v", err)
			}
			if again, _ := next.Extra("id_token").(string); again == "" {
				t.Error("a refresh gives no ID token")
			}
			// Who signs out goes back to the client, and nowhere else.
			out := login.PathLogout + "?state=s&id_token_hint=" + text + "&post_logout_redirect_uri="
			if a := h.ask("GET", out+url.QueryEscape("https://evil.example/"), nil); a.status != http.StatusOK || a.header.Get("Location") != "" {
				t.Errorf("sent to a stranger: %+v", a)
			}
			if h.self.last() != "out ann "+id.Device+" logout" {
				t.Errorf("told %q", h.self.last())
			}
			if a := h.ask("GET", out+url.QueryEscape("https://chat.example/bye"), nil); a.header.Get("Location") != "https://chat.example/bye?state=s" {
				t.Errorf("sent back: %+v", a)
			}
			if _, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(next)); err == nil {
				t.Error("userinfo of a login that ended")
			}
		})
	}
}

func TestReplayedCode(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	client, _ := h.webClient("")
	verifier := oauth2.GenerateVerifier()
	at := client.AuthCodeURL("a state of some length", oauth2.S256ChallengeOption(verifier))
	code := h.code(at)
	redeem := func(code, verifier, to string) answer {
		return h.form(login.PathToken, "grant_type", "authorization_code", "client_id", "web", "code", code, "redirect_uri", to, "code_verifier", verifier)
	}
	h.refused("another verifier", redeem(code, oauth2.GenerateVerifier(), callback), http.StatusBadRequest, "invalid_grant", "")
	h.refused("another place", redeem(code, verifier, "https://chat.example/other"), http.StatusBadRequest, "invalid_grant", "")
	h.refused("another code", redeem("acd_guessed", verifier, callback), http.StatusBadRequest, "invalid_grant", "")
	h.refused("another client", h.form(login.PathToken, "grant_type", "authorization_code", "client_id", "app", "code", code, "redirect_uri", callback, "code_verifier", verifier),
		http.StatusBadRequest, "unauthorized_client", "")
	a := redeem(code, verifier, callback)
	if a.status != http.StatusOK {
		t.Fatalf("redeemed: %+v", a)
	}
	h.refused("replayed", redeem(code, verifier, callback), http.StatusBadRequest, "invalid_grant", "")
	if !strings.HasSuffix(h.self.last(), " reuse") {
		t.Errorf("told %q", h.self.last())
	}
	h.refused("the refresh token of a code that was replayed", h.form(login.PathToken, "grant_type", "refresh_token", "client_id", "web", "refresh_token", a.text("refresh_token")),
		http.StatusBadRequest, "invalid_grant", "")

	code = h.code(at)
	var wg sync.WaitGroup
	answers := make(chan answer, 8)
	for range cap(answers) {
		wg.Go(func() { answers <- redeem(code, verifier, callback) })
	}
	wg.Wait()
	close(answers)
	good := 0
	for a := range answers {
		if a.status == http.StatusOK {
			good++
		}
	}
	if good > 1 {
		t.Errorf("a code served %d times", good)
	}
}

func TestPageOfOthers(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	client, _ := h.webClient("")
	verifier := oauth2.GenerateVerifier()
	at := client.AuthCodeURL("a state of some length", oauth2.S256ChallengeOption(verifier))
	before := h.self.last()
	for name, headers := range map[string][]string{"a foreign origin": {"Origin", "https://evil.example", "Sec-Fetch-Site", ""}, "a cross-site form": {"Sec-Fetch-Site", "cross-site"}} {
		if a := h.page(at, headers, "username", "ann", "password", secret); a.status != http.StatusForbidden || a.header.Get("Location") != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	elsewhere := *client
	elsewhere.RedirectURL = "https://evil.example/callback"
	if a := h.ask("GET", strings.TrimPrefix(elsewhere.AuthCodeURL("a state of some length", oauth2.S256ChallengeOption(verifier)), h.URL), nil); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
		t.Errorf("a code for a stranger: %+v", a)
	}
	if a := h.ask("GET", strings.TrimPrefix(client.AuthCodeURL("a state of some length"), h.URL), nil); !strings.Contains(a.header.Get("Location"), "error=invalid_request") {
		// fosite asks for the challenge when the code is made.
		if b := h.page(client.AuthCodeURL("a state of some length"), nil, "username", "ann", "password", secret); !strings.Contains(b.header.Get("Location"), "error=invalid_request") {
			t.Errorf("without PKCE: %+v; %+v", a, b)
		}
	}
	hostile := at + "&login_hint=" + url.QueryEscape(`"><script>alert(1)</script>`) + "&x=" + url.QueryEscape(`"><script>`)
	if a := h.ask("GET", strings.TrimPrefix(hostile, h.URL), nil); a.status != http.StatusOK || strings.Contains(a.text("text"), "<script>") {
		t.Errorf("a page with a script in it: %+v", a)
	}
	if a := h.ask("GET", strings.TrimPrefix(at, h.URL)+"&prompt=none", nil); !strings.Contains(a.header.Get("Location"), "error=login_required") {
		t.Errorf("prompt=none: %+v", a)
	}
	if h.self.last() != before {
		t.Errorf("told %q", h.self.last())
	}
}

func TestServices(t *testing.T) {
	h := serve(t, nil)
	h.client(login.NewClient{ID: "bridge", Scopes: []auth.Scope{auth.ScopeRead, auth.ScopeImport}}, "bridge secret")
	ask := func(more ...string) answer {
		return h.formWith(basic("bridge", "bridge secret"), login.PathToken, append([]string{"grant_type", "client_credentials"}, more...)...)
	}
	a := ask()
	id, bad := h.tokens.Verify(a.text("access_token"))
	if bad != nil || id.Service != "bridge" || id.User != "bridge" || id.Login != "" || !id.May(auth.ScopeRead) || !id.May(auth.ScopeImport) || id.May(auth.ScopeWrite) || id.May(auth.ScopeAccounts) {
		t.Errorf("the token says %+v, %v", id, bad)
	}
	if a.text("refresh_token") != "" {
		t.Error("a service got a refresh token")
	}
	one := ask("scope", "read")
	if id, bad := h.tokens.Verify(one.text("access_token")); bad != nil || !id.May(auth.ScopeRead) || id.May(auth.ScopeImport) {
		t.Errorf("one scope of two: %+v, %v", id, bad)
	}
	h.refused("beyond its scopes", ask("scope", "read accounts"), http.StatusBadRequest, "invalid_scope", "")
	h.refused("a wrong secret", h.formWith(basic("bridge", "x"), login.PathToken, "grant_type", "client_credentials"), http.StatusUnauthorized, "invalid_client", "")
	h.refused("no secret", h.form(login.PathToken, "grant_type", "client_credentials", "client_id", "bridge"), http.StatusUnauthorized, "invalid_client", "")
	h.refused("a password", h.formWith(basic("bridge", "bridge secret"), login.PathToken, "grant_type", "password", "username", "ann", "password", secret), http.StatusBadRequest, "unauthorized_client", "")
	h.refused("an app as a service", h.form(login.PathToken, "grant_type", "client_credentials", "client_id", "app"), http.StatusBadRequest, "invalid_grant", "")
	h.refused("no grant", h.form(login.PathToken, "client_id", "app"), http.StatusBadRequest, "invalid_request", "")
	if got := h.ask("GET", login.PathToken, nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %+v", got)
	}
}

func basic(user, password string) []string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return []string{"Authorization", r.Header.Get("Authorization")}
}

func TestIntrospectAndRevoke(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	h.client(login.NewClient{ID: "api", Scopes: []auth.Scope{auth.ScopeRead}}, "api secret")
	a := h.signIn("ann", "pixel")
	look := func(token string) answer {
		return h.formWith(basic("api", "api secret"), login.PathIntrospect, "token", token)
	}
	active := func(what, token string, want bool) {
		t.Helper()
		got := look(token)
		if is, _ := got.body["active"].(bool); got.status != http.StatusOK || is != want {
			t.Errorf("%s: %+v", what, got)
		}
		if !want && len(got.body) != 1 {
			t.Errorf("%s: more is said than that it is not active: %+v", what, got.body)
		}
	}
	got := look(a.text("access_token"))
	if got.text("sub") != "ann" || got.text("client_id") != "app" || got.text("dev") != "pixel" || got.body["exp"] == nil {
		t.Errorf("a good token: %+v", got.body)
	}
	active("a good token", a.text("access_token"), true)
	active("a refresh token", a.text("refresh_token"), true)
	active("nonsense", "nonsense", false)
	service := h.formWith(basic("api", "api secret"), login.PathToken, "grant_type", "client_credentials")
	if got := look(service.text("access_token")); got.text("svc") != "api" || got.text("scope") != "read" {
		t.Errorf("a service's: %+v", got.body)
	}
	for name, headers := range map[string][]string{"nobody": nil, "a wrong secret": basic("api", "x"), "a token": {"Authorization", "Bearer " + a.text("access_token")}} {
		if got := h.formWith(headers, login.PathIntrospect, "token", a.text("access_token")); got.status != http.StatusUnauthorized {
			t.Errorf("%s looks: %+v", name, got)
		}
	}
	if got := h.formWith(basic("api", "api secret"), login.PathRevoke, "token", a.text("refresh_token")); got.status == http.StatusOK {
		t.Errorf("another client revokes: %+v", got)
	}
	active("which another client may not revoke", a.text("access_token"), true)
	if got := h.form(login.PathRevoke, "client_id", "app", "token", a.text("refresh_token")); got.status != http.StatusOK || h.self.last() != "out ann pixel logout" {
		t.Errorf("revoked: %+v, told %q", got, h.self.last())
	}
	active("revoked", a.text("access_token"), false)
	active("its refresh token", a.text("refresh_token"), false)
	b := h.signIn("ann", "pixel")
	if got := h.form(login.PathRevoke, "client_id", "app", "token", b.text("access_token"), "token_type_hint", "access_token"); got.status != http.StatusOK || h.self.last() != "out ann pixel logout" {
		t.Errorf("revoked by its access token: %+v, told %q", got, h.self.last())
	}
	c := h.signIn("ann", "pixel")
	if got := h.ask("POST", login.PathLogout, nil, "Authorization", "Bearer "+c.text("access_token")); got.status != http.StatusNoContent || h.self.last() != "out ann pixel logout" {
		t.Errorf("logged out: %+v, told %q", got, h.self.last())
	}
	if got := h.form(login.PathRevoke, "client_id", "app", "token", "nonsense"); got.status != http.StatusOK {
		t.Errorf("nonsense: %+v", got)
	}
	d := h.signIn("ann", "pixel")
	h.self.away = true
	if got := look(d.text("access_token")); got.status != http.StatusServiceUnavailable || got.text("code") != string(events.CodeTryAgain) {
		t.Errorf("while the view is away: %+v", got)
	}
}

// challenge are the parameters of a code for who knows a verifier.
func challenge(verifier string) []oauth2.AuthCodeOption {
	return []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
}
