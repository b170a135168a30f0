package login_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/login"
)

func TestForgedTokens(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	good := h.signIn("ann", "pixel").text("access_token")
	key, err := h.keys.Ring().Signer(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(good, c); err != nil {
			t.Fatal(err)
		}
		change(c)
		return c
	}
	same := func(jwt.MapClaims) {}
	sign := func(method jwt.SigningMethod, private any, kid any, change func(jwt.MapClaims)) string {
		token := jwt.NewWithClaims(method, claims(change))
		token.Header["kid"] = kid
		text, err := token.SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	public := key.Private.Public().(ed25519.PublicKey)
	parts := strings.Split(good, ".")
	changed, err := json.Marshal(claims(func(c jwt.MapClaims) { c["sub"] = "bob" }))
	if err != nil {
		t.Fatal(err)
	}
	// A key confused by hand: the public key as the secret of an HMAC.
	confused := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT","kid":"`+key.ID+`"}`)) + "." + parts[1]
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(confused))
	_, rsaLike, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string]struct {
		token string
		code  events.Code
	}{
		"alg none":         {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, key.ID, same), events.CodeBadToken},
		"alg HS256":        {sign(jwt.SigningMethodHS256, []byte(public), key.ID, same), events.CodeBadToken},
		"key confusion":    {confused + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), events.CodeBadToken},
		"a forged kid":     {sign(jwt.SigningMethodEdDSA, foreign, "../../dev/null", same), events.CodeBadToken},
		"a kid of no text": {sign(jwt.SigningMethodEdDSA, foreign, 1, same), events.CodeBadToken},
		"another key":      {sign(jwt.SigningMethodEdDSA, rsaLike, key.ID, same), events.CodeBadToken},
		"expired":          {sign(jwt.SigningMethodEdDSA, key.Private, key.ID, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Second).Unix() }), events.CodeTokenExpired},
		"not yet":          {sign(jwt.SigningMethodEdDSA, key.Private, key.ID, func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Minute).Unix() }), events.CodeBadToken},
		"no end":           {sign(jwt.SigningMethodEdDSA, key.Private, key.ID, func(c jwt.MapClaims) { delete(c, "exp") }), events.CodeBadToken},
		"another audience": {sign(jwt.SigningMethodEdDSA, key.Private, key.ID, func(c jwt.MapClaims) { c["aud"] = "web" }), events.CodeBadToken},
		"another issuer":   {sign(jwt.SigningMethodEdDSA, key.Private, key.ID, func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }), events.CodeBadToken},
		"another user":     {parts[0] + "." + base64.RawURLEncoding.EncodeToString(changed) + "." + parts[2], events.CodeBadToken},
		"cut":              {good[:len(good)-4], events.CodeBadToken},
		"long":             {good + strings.Repeat("A", 10_000), events.CodeBadToken},
		"a refresh token":  {h.signIn("ann", "laptop").text("refresh_token"), events.CodeBadToken},
	} {
		if _, bad := h.tokens.Verify(forged.token); bad == nil || bad.Code != forged.code {
			t.Errorf("%s: %v, want %s", name, bad, forged.code)
		}
		if a := h.ask("GET", login.PathUserinfo, nil, "Authorization", "Bearer "+forged.token); a.status != http.StatusUnauthorized || a.text("code") != string(forged.code) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for name, value := range map[string]string{"a header in a header": good + "\tX: y", "two tokens": good + " " + good} {
		if a := h.ask("GET", login.PathUserinfo, nil, "Authorization", "Bearer "+value); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, bad := h.tokens.Verify(good); bad != nil {
		t.Errorf("the token itself: %v", bad)
	}
}

func TestSpray(t *testing.T) {
	now := time.Now()
	limiter := limits.New(limits.Defaults(), limits.NewMemory(func() time.Time { return now }), func() time.Time { return now }, nil, limits.NewMetrics(prometheus.NewRegistry()))
	h := serve(t, func(_ *login.Config, p *login.Ports) { p.Limits = limiter })
	h.user("ann")
	try := func(user, password string) answer {
		return h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", user, "password", password)
	}
	refused := 0
	for range 40 {
		if a := try("ann", "guess"+rand.Text()); a.status == http.StatusTooManyRequests {
			refused++
			if a.text("code") != string(events.CodeRateLimited) || a.header.Get("Retry-After") == "" {
				t.Fatalf("too often: %+v", a)
			}
		}
	}
	if refused < 15 {
		t.Errorf("%d of 40 guesses were refused", refused)
	}
	h.refused("the right password behind guesses", try("ann", secret), http.StatusTooManyRequests, "slow_down", events.CodeRateLimited)
	unknown := 0
	for range 40 {
		if try("nobody", "guess"+rand.Text()).status == http.StatusTooManyRequests {
			unknown++
		}
	}
	if unknown != refused {
		t.Errorf("of a user who is not there %d guesses were refused, of one who is %d", unknown, refused)
	}
	now = now.Add(time.Minute)
	if a := try("ann", secret); a.status != http.StatusOK {
		t.Errorf("a minute later: %+v", a)
	}
	// One password tried of many users.
	sprayed := 0
	for range 1200 {
		if try("u"+rand.Text(), "password1").status == http.StatusTooManyRequests {
			sprayed++
		}
	}
	if sprayed < 150 {
		t.Errorf("%d of 1200 tries of one password were refused", sprayed)
	}
}

func TestLargeRequests(t *testing.T) {
	h := serve(t, nil)
	for path, want := range map[string]int{
		login.PathToken: http.StatusBadRequest, login.PathSignUp: http.StatusBadRequest, login.PathIntrospect: http.StatusUnauthorized, login.PathRevoke: http.StatusBadRequest,
	} {
		if a := h.form(path, "grant_type", "password", "client_id", "app", "username", strings.Repeat("x", 1<<20), "password", "y"); a.status != want && a.status != http.StatusUnauthorized {
			t.Errorf("%s: %+v", path, a)
		}
	}
	h.refused("a long name", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", strings.Repeat("x", 1000), "password", "y"),
		http.StatusBadRequest, "invalid_grant", events.CodeBadCredentials)
	h.refused("a long password", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "x", "password", strings.Repeat("y", 60_000)),
		http.StatusBadRequest, "invalid_grant", "")
}

func TestSignUp(t *testing.T) {
	h := serve(t, func(c *login.Config, _ *login.Ports) { c.SignUp = login.SignUpInvite })
	code := func(what string, a answer, status int, want events.Code) {
		t.Helper()
		if a.status != status || a.text("code") != string(want) {
			t.Errorf("%s: %+v", what, a)
		}
	}
	sign := func(user, password, invite string) answer {
		content, err := json.Marshal(map[string]string{"user": user, "password": password, "invite": invite})
		if err != nil {
			t.Fatal(err)
		}
		return h.json(login.PathSignUp, string(content))
	}
	for secret, until := range map[string]time.Time{"inv-1": time.Now().Add(time.Hour), "inv-old": time.Now().Add(-time.Second)} {
		if err := login.Invite(t.Context(), h.table, secret, 2, until); err != nil {
			t.Fatal(err)
		}
	}
	code("no invitation", sign("ann", secret, ""), http.StatusForbidden, events.CodeNoSuchInvite)
	code("a made up one", sign("ann", secret, "x"), http.StatusForbidden, events.CodeNoSuchInvite)
	code("an old one", sign("ann", secret, "inv-old"), http.StatusForbidden, events.CodeInviteExpired)
	code("a short password", sign("ann", "short", "inv-1"), http.StatusBadRequest, events.CodeBadPassword)
	for _, name := range []string{"", "a", "Ann", "a b", "annа", ".ann", "ann-", strings.Repeat("a", 65)} {
		code("the name "+name, sign(name, secret, "inv-1"), http.StatusBadRequest, events.CodeInvalidField)
	}
	code("no JSON", h.json(login.PathSignUp, "user=ann"), http.StatusBadRequest, events.CodeInvalidField)
	if h.self.last() != "" {
		t.Errorf("told %q", h.self.last())
	}
	code("invited", sign("ann", secret, "inv-1"), http.StatusCreated, "")
	if h.self.last() != "up ann invite" {
		t.Errorf("told %q", h.self.last())
	}
	code("a name that is taken", sign("ann", secret, "inv-1"), http.StatusConflict, events.CodeUserExists)
	var wg sync.WaitGroup
	outcomes := make(chan int, 8)
	for i := range cap(outcomes) {
		wg.Go(func() { outcomes <- sign("user"+string(rune('a'+i)), secret, "inv-1").status })
	}
	wg.Wait()
	close(outcomes)
	good := 0
	for status := range outcomes {
		if status == http.StatusCreated {
			good++
		}
	}
	if good != 1 {
		t.Errorf("an invitation for one more was used by %d", good)
	}
	code("a used up one", sign("zoe", secret, "inv-1"), http.StatusForbidden, events.CodeInviteUsedUp)
	closed := serve(t, func(c *login.Config, _ *login.Ports) { c.SignUp = login.SignUpOff })
	if a := closed.json(login.PathSignUp, `{"user":"ann","password":"correct horse"}`); a.status != http.StatusForbidden || a.text("code") != string(events.CodeSignupClosed) {
		t.Errorf("closed: %+v", a)
	}
}

func TestChangePassword(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	phone, laptop := h.signIn("ann", "pixel"), h.signIn("ann", "laptop")
	change := func(old, next, token string) answer {
		return h.json(login.PathPassword, `{"old":"`+old+`","new":"`+next+`"}`, "Authorization", "Bearer "+token)
	}
	code := func(what string, a answer, status int, want events.Code) {
		t.Helper()
		if a.status != status || a.text("code") != string(want) {
			t.Errorf("%s: %+v", what, a)
		}
	}
	code("nobody", change(secret, "another horse", "x"), http.StatusUnauthorized, events.CodeBadToken)
	code("a wrong password", change("x", "another horse", phone.text("access_token")), http.StatusUnauthorized, events.CodeBadCredentials)
	code("a short one", change(secret, "short", phone.text("access_token")), http.StatusBadRequest, events.CodeBadPassword)
	before, _ := h.table.Get(accounts.KindAccount, "ann")
	code("changed", change(secret, "another horse", phone.text("access_token")), http.StatusNoContent, "")
	after, _ := h.table.Get(accounts.KindAccount, "ann")
	if before.GetAccount().GetPassword() == after.GetAccount().GetPassword() || h.self.last() != "out ann laptop password" {
		t.Errorf("told %q", h.self.last())
	}
	code("from the device that is out", change("another horse", secret, laptop.text("access_token")), http.StatusUnauthorized, events.CodeLoginEnded)
	h.refused("the old password", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", secret), http.StatusBadRequest, "invalid_grant", "")
	h.refused("the other device", h.refresh(laptop.text("refresh_token")), http.StatusBadRequest, "invalid_grant", "")
	if a := h.refresh(phone.text("refresh_token")); a.status != http.StatusOK {
		t.Errorf("this device: %+v", a)
	}
}

func TestBannedAndClosed(t *testing.T) {
	h := serve(t, nil)
	for user, code := range map[string]events.Code{"ann": events.CodeAccountBanned, "bob": events.CodeAccountClosed} {
		h.user(user)
		h.self.refuse(user, code)
		h.refused(user, h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", user, "password", secret), http.StatusBadRequest, "invalid_grant", code)
		// Who does not know the password does not learn of it.
		h.refused(user, h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", user, "password", "x"), http.StatusBadRequest, "invalid_grant", "")
	}
	if e, ok := h.table.Get(accounts.KindAccount, "bob"); !ok || e.GetAccount().GetPassword() != "" || !e.GetAccount().GetClosed() {
		t.Errorf("of a closed account is left %v", e)
	}
	h.refused("a closed account", h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "bob", "password", secret), http.StatusBadRequest, "invalid_grant", "")
	if a := h.json(login.PathSignUp, `{"user":"bob","password":"`+secret+`"}`); a.text("code") != string(events.CodeUserExists) {
		t.Errorf("the name of a closed account: %+v", a)
	}
}

// While keys are rotated again and again, everybody signs in, refreshes, and has tokens that are good.
func TestRotationUnderLoad(t *testing.T) {
	h := serve(t, nil)
	h.user("ann")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	kids := make(chan string, 100_000) // more than there will be
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				a := h.form(login.PathToken, "grant_type", "password", "client_id", "app", "username", "ann", "password", secret)
				b := h.refresh(a.text("refresh_token"))
				for _, x := range []answer{a, b} {
					if _, bad := h.tokens.Verify(x.text("access_token")); x.status != http.StatusOK || bad != nil {
						t.Errorf("%+v, %v", x, bad)
						return
					}
				}
				token, _, err := jwt.NewParser().ParseUnverified(b.text("access_token"), jwt.MapClaims{})
				if err != nil {
					t.Error(err)
					return
				}
				kids <- token.Header["kid"].(string)
			}
		})
	}
	old := h.signIn("ann", "pixel").text("access_token")
	different := map[string]bool{}
	for range 5 {
		for range 20 {
			if kid, ok := <-kids; ok {
				different[kid] = true
			}
		}
		h.keys.rotate(t, 0, time.Hour)
	}
	cancel()
	wg.Wait()
	close(kids)
	for kid := range kids {
		different[kid] = true
	}
	if len(different) < 2 {
		t.Errorf("signed with %d keys", len(different))
	}
	if _, bad := h.tokens.Verify(old); bad != nil {
		t.Errorf("a token of the first key: %v", bad)
	}
	var published struct{ Keys []struct{ Kid, D string } }
	a := h.ask("GET", login.PathKeys, nil)
	content, err := json.Marshal(a.body)
	if err == nil {
		err = json.Unmarshal(content, &published)
	}
	if err != nil || len(published.Keys) != len(h.keys.Ring()) {
		t.Errorf("published: %+v, %v", a.body, err)
	}
	for _, k := range published.Keys {
		if k.D != "" {
			t.Error("a private key is published")
		}
	}
}

// Whoever adds a code of the kind sees it answered here.
func TestEveryHTTPCode(t *testing.T) {
	open, closed := serve(t, nil), serve(t, func(c *login.Config, _ *login.Ports) { c.SignUp = login.SignUpOff })
	open.user("ann")
	sign := func(h *house, user, password string) answer {
		return h.json(login.PathSignUp, `{"user":"`+user+`","password":"`+password+`"}`)
	}
	answers := map[events.Code]answer{
		events.CodeBadPassword:  sign(open, "bob", "short"),
		events.CodeUserExists:   sign(open, "ann", secret),
		events.CodeSignupClosed: sign(closed, "bob", secret),
		events.CodeBadCredentials: open.json(login.PathPassword, `{"old":"wrong","new":"another horse"}`, "Authorization",
			"Bearer "+open.signIn("ann", "pixel").text("access_token")),
	}
	events.Codes(func(c events.Code, info events.CodeInfo) {
		if info.Kind != events.KindHTTP {
			return
		}
		if a := answers[c]; a.text("code") != string(c) || a.text("message") != info.Text && c != events.CodeBadPassword || a.text("retry") != string(info.Retry) || a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %+v", c, a)
		}
	})
}

func TestConfig(t *testing.T) {
	good := login.Config{Issuer: "https://id.example", SignUp: login.SignUpOff, AccessTTL: time.Minute, RefreshTTL: time.Hour}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, issuer := range []string{"", "id.example", "http://id.example", "https://id.example/", "https://id.example?x", "https://u@id.example", "ftp://id.example"} {
		c := good
		c.Issuer = issuer
		if c.Validate() == nil {
			t.Errorf("issuer %q is taken", issuer)
		}
	}
	for _, n := range []login.NewClient{
		{ID: "app", Redirects: []string{"https://a.example"}}, {ID: auth.Audience, Redirects: []string{"https://a.example"}}, {ID: "x"},
		{ID: "x", Redirects: []string{"http://a.example"}}, {ID: "x", Redirects: []string{"com.example:/x"}}, {ID: "x", Scopes: []auth.Scope{"everything"}}, {ID: "\x00", Redirects: []string{"https://a.example"}},
	} {
		if _, err := n.Entry("s"); err == nil {
			t.Errorf("%+v is taken", n)
		}
	}
	if _, err := (login.NewClient{ID: "x", Scopes: []auth.Scope{auth.ScopeRead}}).Entry(""); err == nil {
		t.Error("a service without a secret is taken")
	}
}
