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
	// early is how long before its end a token is renewed, if it is good for longer than twice that.
	early = 5 * time.Minute
)

// access has the token by which Google knows the account. Safe for use at once: one asks for a new token, and the others wait for it.
type access struct {
	account  account
	key      *rsa.PrivateKey
	endpoint string
	client   *http.Client
	now      func() time.Time

	// turn has room for who reads and changes what follows.
	turn  chan struct{}
	token string
	until time.Time
}

// get gives a token other than refused, which Google said is no good; or what is to be said to a letter that cannot be sent.
func (a *access) get(ctx context.Context, refused string) (string, *push.Answer) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", &push.Answer{Result: push.Retry, Text: "no access token in time", Unsure: true}
	}
	if a.token != "" && a.token != refused && a.now().Before(a.until) {
		return a.token, nil
	}
	a.token = ""
	token, life, failed := a.ask(ctx)
	if failed != nil {
		return "", failed
	}
	a.token, a.until = token, a.now().Add(life-min(early, life/2))
	return token, nil
}

// ask asks Google for a token.
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
		// The letter itself was not sent: that is sure, unless time ran out.
		failed.Unsure, failed.All = ctx.Err() != nil, ctx.Err() == nil
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
