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

// tokenStatus is what the token service says by HTTP alone
// (https://developer.huawei.com/consumer/en/doc/doccenter-references/api/account-server-error-code/): 400 and its codes are of our credentials.
func tokenStatus(status int) push.Answer {
	if status >= 500 || status == http.StatusTooManyRequests {
		return push.Answer{Result: push.Retry, All: true}
	}
	return push.Answer{Result: push.Misconfigured}
}

// askAccess is push.AskAccess: OAuth 2.0, client credentials
// (https://developer.huawei.com/consumer/cn/doc/HMSCore-Guides/oauth2-0000001212610981). A token serves for an hour, and an app may ask for 1000 in five minutes.
func (s *Service) askAccess(ctx context.Context) (token string, life time.Duration, failed *push.Answer) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.config.AppID}, "client_secret": {s.config.AppSecret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, &push.Answer{Result: push.Misconfigured, Code: "TOKEN_ENDPOINT", Text: push.Clip(err.Error())}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, failed := push.Ask(s.client, r, maxAnswer)
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
	if !readable {
		said.Description = string(reply.Body)
	}
	if reply.Status != http.StatusOK || !readable || said.AccessToken == "" || said.ExpiresIn <= 0 {
		answer := tokenStatus(reply.Status)
		answer.Code, answer.Text = fmt.Sprint(reply.Status), push.Clip(said.Description)
		if answer.Result == push.Retry {
			answer.After = reply.After(s.now())
		}
		if said.Error != 0 {
			answer.Code = fmt.Sprintf("%d/%d", said.Error, said.SubError)
		}
		return "", 0, &answer
	}
	return said.AccessToken, min(time.Duration(said.ExpiresIn)*time.Second, 24*time.Hour), nil
}
