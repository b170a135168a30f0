package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/login"
)

// forged are tokens that are not good, each with its code: what somebody makes of a good one with the public key alone, and what the key itself
// signs for others, or signed once.
func (g *siege) forged(t *testing.T, good string) map[string]forgery {
	t.Helper()
	content, err := os.ReadFile(g.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := auth.ParseKey(content)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	same := func(jwt.MapClaims) {}
	sign := func(method jwt.SigningMethod, private any, kid any, change func(jwt.MapClaims)) string {
		t.Helper()
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(good, claims); err != nil {
			t.Fatal(err)
		}
		change(claims)
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"], token.Header["typ"] = kid, "at+jwt"
		signed, err := token.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	public := key.Private.Public().(ed25519.PublicKey)
	ours := func(change func(jwt.MapClaims)) string {
		return sign(jwt.SigningMethodEdDSA, key.Private, key.ID, change)
	}
	parts := strings.Split(good, ".")
	other := strings.Split(ours(func(c jwt.MapClaims) { c["sub"] = "bob" }), ".")
	bad := events.CodeBadToken
	return map[string]forgery{
		"alg none":                     {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, key.ID, same), bad},
		"no signature":                 {parts[0] + "." + parts[1] + ".", bad},
		"the public key as a secret":   {sign(jwt.SigningMethodHS256, []byte(public), key.ID, same), bad},
		"its text as a secret":         {sign(jwt.SigningMethodHS256, []byte(base64.RawURLEncoding.EncodeToString(public)), key.ID, same), bad},
		"another key under the kid":    {sign(jwt.SigningMethodEdDSA, foreign, key.ID, same), bad},
		"a kid of one's own":           {sign(jwt.SigningMethodEdDSA, foreign, "mine", same), bad},
		"a kid that is a path":         {sign(jwt.SigningMethodEdDSA, foreign, "../../dev/null", same), bad},
		"a kid that splits lines":      {sign(jwt.SigningMethodEdDSA, foreign, "x\r\n"+injected, same), bad},
		"no kid":                       {sign(jwt.SigningMethodEdDSA, foreign, nil, same), bad},
		"another user":                 {parts[0] + "." + other[1] + "." + parts[2], bad},
		"another audience":             {ours(func(c jwt.MapClaims) { c["aud"] = "web" }), bad},
		"another issuer":               {ours(func(c jwt.MapClaims) { c["iss"] = foreignIssuer }), bad},
		"not yet":                      {ours(func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Minute).Unix() }), bad},
		"no end":                       {ours(func(c jwt.MapClaims) { delete(c, "exp") }), bad},
		"a user that splits lines":     {ours(func(c jwt.MapClaims) { c["sub"] = "x\r\n" + injected }), bad},
		"long":                         {good + strings.Repeat("A", 10_000), bad},
		"expired":                      {ours(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Second).Unix() }), events.CodeTokenExpired},
		"of another device than login": {ours(func(c jwt.MapClaims) { c["dev"] = "elsewhere" }), events.CodeLoginEnded},
		"of a login that is made up":   {ours(func(c jwt.MapClaims) { c["sid"], c["dev"] = "made-up", "elsewhere" }), events.CodeLoginEnded},
	}
}

type forgery struct {
	token string
	code  events.Code
}

const foreignIssuer = "https://id.evil.example"

// forgedTokens: none is taken, on a socket, for a node, or by login.
func (g *siege) forgedTokens(t *testing.T) {
	all := g.forged(t, g.mallory)
	g.nothingWritten(t, func() {
		for what, f := range all {
			r := rawSocket(t, g.Roles["gateway"])
			r.hello(f.token)
			r.closed(what, f.code)
			if status, code := get(t, g.issuer+login.PathUserinfo, f.token); status != http.StatusUnauthorized || code != string(f.code) {
				t.Errorf("%s: userinfo answers %d %s", what, status, code)
			}
			if status, code := get(t, g.Roles["gateway"].At.HTTP+rest.NodePath, f.token); f.code != events.CodeLoginEnded && (status != http.StatusUnauthorized || code != string(f.code)) {
				t.Errorf("%s: a node is answered with %d %s", what, status, code)
			}
			if status, _ := g.asJSON(t, login.PathPassword, f.token, map[string]string{"old": testPassword, "new": otherPassword}); status != http.StatusUnauthorized {
				t.Errorf("%s: a password is changed: %d", what, status)
			}
		}
	})
	g.refreshTokensAre(t)
}

// refreshTokensAre no access tokens.
func (g *siege) refreshTokensAre(t *testing.T) {
	t.Helper()
	refresh := text(g.password(t, "bob", "tablet"), "refresh_token")
	r := rawSocket(t, g.Roles["gateway"])
	r.hello(refresh)
	r.closed("a refresh token", events.CodeBadToken)
}

// replays: a code and a refresh token are good once, and who shows one again ends the login.
func (g *siege) replays(t *testing.T) {
	first := g.password(t, "bob", "laptop")
	next, err := client.LoginServer{URL: g.issuer, Refresh: text(first, "refresh_token")}.Kept().Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holder := rawSocket(t, g.Roles["gateway"])
	holder.welcomed(next)
	g.wantOAuth(t, "a refresh token again", "invalid_grant", "grant_type", "refresh_token", "client_id", "app", "refresh_token", text(first, "refresh_token"))
	holder.closed("whose refresh token was replayed", events.CodeLoginEnded)
	g.wantOAuth(t, "and once more", "invalid_grant", "grant_type", "refresh_token", "client_id", "app", "refresh_token", text(first, "refresh_token"))

	g.annal(t, "", "service", "add", "web", "--redirect", webCallback, "--public")
	verifier := strings.Repeat("v", 50)
	challenge := base64.RawURLEncoding.EncodeToString(sha(verifier))
	redeem := []string{"grant_type", "authorization_code", "client_id", "web", "redirect_uri", webCallback}
	code := g.code(t, "bob", challenge)
	g.nothingWritten(t, func() {
		g.wantOAuth(t, "a code that is made up", "invalid_grant", append(redeem, "code", "abc.def", "code_verifier", verifier)...)
		g.wantOAuth(t, "a code without its verifier", "invalid_grant", append(redeem, "code", code, "code_verifier", strings.Repeat("w", 50))...)
	})
	status, body := g.oauth(t, append(redeem, "code", code, "code_verifier", verifier)...)
	if status != http.StatusOK {
		t.Fatalf("a code: %d, %v", status, body)
	}
	holder = rawSocket(t, g.Roles["gateway"])
	holder.welcomed(text(body, "access_token"))
	g.wantOAuth(t, "a code again", "invalid_grant", append(redeem, "code", code, "code_verifier", verifier)...)
	holder.closed("whose code was replayed", events.CodeLoginEnded)
}

// code signs somebody in on the page for the client web.
func (g *siege) code(t *testing.T, user, challenge string) string {
	t.Helper()
	query := url.Values{
		"client_id": {"web"}, "redirect_uri": {webCallback}, "response_type": {"code"}, "scope": {"openid offline_access"}, "state": {"a state of some length"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	to := g.postPage(t, query, url.Values{"username": {user}, "password": {testPassword}}, nil).Header.Get("Location")
	at, err := url.Parse(to)
	if err != nil || at.Query().Get("code") == "" || at.Query().Get("iss") != attackIssuer {
		t.Fatalf("the page sends to %q (%v)", to, err)
	}
	return at.Query().Get("code")
}

// postPage posts the page's form and follows nowhere.
func (g *siege) postPage(t *testing.T, query, form url.Values, headers http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.issuer+login.PathAuthorize+"?"+query.Encode(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	return w
}

// wantOAuth asks for a token and is refused.
func (g *siege) wantOAuth(t *testing.T, what, want string, values ...string) {
	t.Helper()
	if status, body := g.oauth(t, values...); status != http.StatusBadRequest && status != http.StatusUnauthorized || text(body, "error") != want {
		t.Errorf("%s: %d, %v; want %s", what, status, body, want)
	}
}

// signUps that are refused make no account.
func (g *siege) signUps(t *testing.T) {
	g.nothingWritten(t, func() {
		for what, c := range map[string]struct {
			user, password, invite string
			code                   events.Code
		}{
			"a name that is taken": {"ann", testPassword, "", events.CodeUserExists}, "a short password": {"carol", "short", "", events.CodeBadPassword},
			"a name that looks alike": {"аnn", testPassword, "", events.CodeInvalidField}, "a name that splits lines": {"x\r\n" + injected, testPassword, "", events.CodeInvalidField},
			"a long name": {strings.Repeat("a", 65), testPassword, "", events.CodeInvalidField}, "an invitation that is made up": {"carol", testPassword, "guess", events.CodeNoSuchInvite},
		} {
			if status, body := g.asJSON(t, login.PathSignUp, "", map[string]string{"user": c.user, "password": c.password, "invite": c.invite}); status < 400 || status >= 500 || text(body, "code") != string(c.code) {
				t.Errorf("%s: %d, %v", what, status, body)
			}
		}
	})
}

// spray: guesses are bounded by name and by address, with the limits that annal serve has by itself, and make nothing.
func (g *siege) spray(t *testing.T) {
	guess := func(user string) string {
		_, body := g.oauth(t, "grant_type", "password", "client_id", "app", "username", user, "password", "guess"+rand.Text())
		return text(body, "error") + " " + text(body, "code")
	}
	g.nothingWritten(t, func() {
		for _, user := range []string{"ann", "nobody"} { // who is there, and who is not
			got := map[string]int{}
			for range 40 {
				got[guess(user)]++
			}
			if slow := got["slow_down "+string(events.CodeRateLimited)]; slow < 15 || slow+got["invalid_grant "] != 40 {
				t.Errorf("40 guesses at %s's password: %v", user, got)
			}
		}
		g.wantSlow(t, "the right password behind guesses", "ann", testPassword)
		// One password, tried of many.
		tried := 0
		for ; tried < 1500; tried++ {
			if guess(fmt.Sprint("user-", tried)) == "slow_down "+string(events.CodeRateLimited) {
				break
			}
		}
		if tried == 1500 {
			t.Errorf("a password was tried of %d users", tried)
		}
		t.Logf("one address tried a password of %d users", tried)
	})
}

func (g *siege) wantSlow(t *testing.T, what, user, password string) {
	t.Helper()
	if status, body := g.oauth(t, "grant_type", "password", "client_id", "app", "username", user, "password", password); status != http.StatusTooManyRequests {
		t.Errorf("%s: %d, %v", what, status, body)
	}
}
