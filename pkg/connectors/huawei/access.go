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
	*push.Access
	config Config
	client *http.Client
	now    func() time.Time
}

func newAccess(c Config, client *http.Client) *access {
	a := &access{config: c, client: client, now: time.Now}
	a.Access = push.NewAccess(func() time.Time { return a.now() }, a.ask)
	return a
}

// tokenStatus is what the token service says by HTTP alone
// (https://developer.huawei.com/consumer/en/doc/doccenter-references/api/account-server-error-code/): 400 and its codes are of our credentials.
func tokenStatus(status int) push.Answer {
	if status >= 500 || status == http.StatusTooManyRequests {
		return push.Answer{Result: push.Retry, All: true}
	}
	return push.Answer{Result: push.Misconfigured}
}

// ask is push.AskAccess.
func (a *access) ask(ctx context.Context) (token string, life time.Duration, failed *push.Answer) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.config.AppID}, "client_secret": {a.config.AppSecret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.config.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, &push.Answer{Result: push.Misconfigured, Code: "TOKEN_ENDPOINT", Text: push.Clip(err.Error())}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, failed := push.Ask(a.client, r, maxAnswer)
	if failed != nil {
		return "", 0, failed
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
		return "", 0, &answer
	}
	return said.AccessToken, min(time.Duration(said.ExpiresIn)*time.Second, 24*time.Hour), nil
}
