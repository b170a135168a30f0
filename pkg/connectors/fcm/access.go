package fcm

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/pkg/projections/push"
)

const (
	grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	scope = "https://www.googleapis.com/auth/firebase.messaging"
	// maxLife is for how long Google lets an assertion be good at most.
	maxLife = time.Hour
)

// access has the token by which Google knows the account.
type access struct {
	*push.Access
	account  account
	key      *rsa.PrivateKey
	endpoint string
	client   *http.Client
	now      func() time.Time
}

func newAccess(a account, key *rsa.PrivateKey, endpoint string, client *http.Client) *access {
	made := &access{account: a, key: key, endpoint: endpoint, client: client, now: time.Now}
	made.Access = push.NewAccess(func() time.Time { return made.now() }, made.ask)
	return made
}

// ask is push.AskAccess.
func (a *access) ask(ctx context.Context) (token string, life time.Duration, failed *push.Answer) {
	now := a.now()
	claim := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		// aud is Google's own name whatever the way there.
		"iss": a.account.ClientEmail, "scope": scope, "aud": a.account.TokenURI, "iat": now.Unix(), "exp": now.Add(maxLife).Unix(),
	})
	if a.account.PrivateKeyID != "" {
		claim.Header["kid"] = a.account.PrivateKeyID
	}
	assertion, err := claim.SignedString(a.key)
	if err != nil {
		return "", 0, &push.Answer{Result: push.Misconfigured, Code: "SIGNING", Text: push.Clip(err.Error())}
	}
	form := url.Values{"grant_type": {grant}, "assertion": {assertion}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint, strings.NewReader(form))
	if err != nil {
		return "", 0, &push.Answer{Result: push.Misconfigured, Code: "UNSENDABLE", Text: push.Clip(err.Error())}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, failed := push.Ask(a.client, r, maxAnswer)
	if failed != nil {
		return "", 0, failed
	}
	var said struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		// ExpiresIn is in seconds.
		ExpiresIn int64 `json:"expires_in"`
	}
	if reply.Status == http.StatusOK && json.Unmarshal(reply.Body, &said) == nil && said.AccessToken != "" && said.ExpiresIn > 0 {
		return said.AccessToken, min(time.Duration(said.ExpiresIn)*time.Second, 24*time.Hour), nil
	}
	return "", 0, a.refusal(reply)
}

// refusal is what a letter is told if Google gives no token (RFC 6749, 5.2: an error in one word, and its description).
func (a *access) refusal(reply push.Reply) *push.Answer {
	if reply.Status == http.StatusTooManyRequests || reply.Status >= 500 {
		return &push.Answer{Result: push.Retry, All: true, Code: strconv.Itoa(reply.Status), Text: push.Clip(string(reply.Body)), After: reply.After(a.now())}
	}
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(reply.Body, &said) != nil || said.Error == "" {
		said.Error, said.Description = strconv.Itoa(reply.Status), string(reply.Body)
	}
	return &push.Answer{Result: push.Misconfigured, Code: push.Clip(said.Error), Text: push.Clip(said.Description)}
}
