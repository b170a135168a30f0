package huawei

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// access is the app's access token: OAuth 2.0, client credentials
// (https://developer.huawei.com/consumer/cn/doc/HMSCore-Guides/oauth2-0000001212610981). It serves for an hour, and an app may ask for 1000 in five minutes.
type access struct {
	config Config
	client *http.Client
	now    func() time.Time
	// turn is held by who reads or changes what is below: one asks, and the others wait for what it is told.
	turn  chan struct{}
	token string
	// A token is good until ends, and renewed from due on.
	due, ends time.Time
}

const (
	// early is how long before its end a token is renewed at most.
	early = 5 * time.Minute
	// patience is how long renewing may take while the token is still good, and again when it is tried again.
	patience, again = 3 * time.Second, 30 * time.Second
)

func newAccess(c Config, client *http.Client) *access {
	return &access{config: c, client: client, now: time.Now, turn: make(chan struct{}, 1)}
}

// get gives a token other than refused, which the service said is no good.
func (a *access) get(ctx context.Context, refused string) (token string, failed *push.Answer) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		// Its letters were not sent.
		return "", &push.Answer{Result: push.Retry, Text: "no time to get an access token"}
	}
	good := a.token != "" && a.token != refused && a.now().Before(a.ends)
	if good && a.now().Before(a.due) {
		return a.token, nil
	}
	if !good {
		failed = a.renew(ctx)
		return a.token, failed
	}
	// While it is good nobody waits for long, or again soon.
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if a.renew(short) != nil {
		a.due = a.now().Add(again)
	}
	return a.token, nil
}

// tokenStatus is what the token service says by HTTP alone
// (https://developer.huawei.com/consumer/en/doc/doccenter-references/api/account-server-error-code/): 400 and its codes are of our credentials.
func tokenStatus(status int) push.Answer {
	if status >= 500 || status == http.StatusTooManyRequests {
		return push.Answer{Result: push.Retry, All: true}
	}
	return push.Answer{Result: push.Misconfigured}
}

func (a *access) renew(ctx context.Context) *push.Answer {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.config.AppID}, "client_secret": {a.config.AppSecret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.config.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return &push.Answer{Result: push.Misconfigured, Code: "TOKEN_ENDPOINT", Text: push.Clip(err.Error())}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, failed := push.Ask(a.client, r, maxAnswer)
	if failed != nil {
		failed.All, failed.Unsure = true, false // no letter was sent
		return failed
	}
	var said struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       int    `json:"error"`
		SubError    int    `json:"sub_error"`
		Description string `json:"error_description"`
	}
	readable := json.Unmarshal(reply.Body, &said) == nil
	if reply.Status != http.StatusOK || !readable || said.AccessToken == "" || said.ExpiresIn <= 0 {
		answer := tokenStatus(reply.Status)
		answer.Code, answer.Text, answer.After = fmt.Sprint(reply.Status), push.Clip(said.Description), reply.After(a.now())
		if said.Error != 0 {
			answer.Code = fmt.Sprintf("%d/%d", said.Error, said.SubError)
		}
		return &answer
	}
	life := min(time.Duration(said.ExpiresIn)*time.Second, 24*time.Hour)
	a.token, a.ends = said.AccessToken, a.now().Add(life)
	a.due = a.ends.Add(-min(early, life/10))
	return nil
}
