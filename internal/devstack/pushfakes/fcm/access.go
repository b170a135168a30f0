package fcmfake

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/internal/devstack/pushfakes"
)

// audience is what Google's token endpoint calls itself; this one may be called by its own address as well.
const audience = "https://oauth2.googleapis.com/token"

// scopes are those with which messages may be sent (the method's page, "Authorization scopes").
var scopes = []string{"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}

// grant answers to a request for an access token: with one, or with an error of RFC 6749.
func (f *Fake) grant(w http.ResponseWriter, r *http.Request, body []byte) {
	if fault, ok := f.faults.Next(""); ok {
		fault.Begin(w, r)
		if fault.Name == pushfakes.CutAfter {
			pushfakes.Cut()
		}
		f.fail(w, fault.Name)
		return
	}
	word, text := f.assertion(r, body)
	if word != "" {
		pushfakes.Answer(w, http.StatusBadRequest, map[string]string{"error": word, "error_description": text})
		return
	}
	token := "ya29.c." + base64.RawURLEncoding.EncodeToString(random(48))
	now := f.now()
	f.mu.Lock()
	for t, until := range f.access {
		if now.After(until) {
			delete(f.access, t)
		}
	}
	f.access[token] = now.Add(life)
	f.mu.Unlock()
	pushfakes.Answer(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": int(life / time.Second), "token_type": "Bearer"})
}

func (f *Fake) fail(w http.ResponseWriter, name string) {
	status := http.StatusBadRequest
	if n, err := strconv.Atoi(name); err == nil {
		status = n
	} else if name == "invalid_client" || name == "unauthorized_client" {
		status = http.StatusUnauthorized
	}
	pushfakes.Answer(w, status, map[string]string{"error": name, "error_description": "It is told to say so."})
}

// assertion says what is wrong with a request for a token.
func (f *Fake) assertion(r *http.Request, body []byte) (word, text string) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	form, bad := url.ParseQuery(string(body))
	if err != nil || media != "application/x-www-form-urlencoded" || bad != nil {
		return "invalid_request", "Bad Request"
	}
	if form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return "unsupported_grant_type", "Invalid grant_type: " + form.Get("grant_type")
	}
	claims := jwt.MapClaims{}
	token, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation()).
		ParseWithClaims(form.Get("assertion"), claims, func(*jwt.Token) (any, error) { return &f.key.PublicKey, nil })
	switch {
	case err != nil:
		return "invalid_grant", "Invalid JWT Signature."
	case token.Header["kid"] != nil && token.Header["kid"] != f.keyID:
		return "invalid_grant", "Invalid JWT Signature."
	case claims["iss"] != email:
		return "invalid_grant", "Invalid grant: account not found"
	case claims["aud"] != audience && claims["aud"] != "https://"+r.Host+"/token":
		return "invalid_grant", "Invalid JWT: Failed audience check."
	}
	at, badAt := claims.GetIssuedAt()
	until, badUntil := claims.GetExpirationTime()
	now := f.now()
	if badAt != nil || badUntil != nil || at == nil || until == nil || until.Sub(at.Time) > time.Hour || now.After(until.Time) || at.Sub(now) > time.Minute {
		return "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
	}
	scope, _ := claims["scope"].(string)
	if !slices.ContainsFunc(strings.Fields(scope), func(s string) bool { return slices.Contains(scopes, s) }) {
		return "invalid_scope", "Invalid OAuth scope or ID token audience provided."
	}
	return "", ""
}

// authorized says what is wrong with who sends, or with the project that it sends for.
func (f *Fake) authorized(r *http.Request, name string) *refusal {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return &refusal{status: 401, word: "UNAUTHENTICATED", reason: "CREDENTIALS_MISSING",
			text: "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential."}
	}
	f.mu.Lock()
	until, known := f.access[token]
	f.mu.Unlock()
	switch {
	case !known || f.now().After(until):
		q := documented["UNAUTHENTICATED"]
		return &q
	case name != project:
		return &refusal{status: 403, word: "PERMISSION_DENIED", reason: "IAM_PERMISSION_DENIED",
			text: "Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/" + name + "' (or it may not exist)."}
	}
	return nil
}
