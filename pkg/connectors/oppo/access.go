package oppo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

const authPath = "/server/v1/auth"

// The access token is good for 24 hours (11234). It is renewed an hour before.
const (
	tokenLife   = 24 * time.Hour
	tokenMargin = time.Hour
)

// access keeps the access token. Who holds turn may look at the rest and ask for a new one; others wait meanwhile.
type access struct {
	turn  chan struct{}
	token string
	until time.Time
}

func newAccess() access { return access{turn: make(chan struct{}, 1)} }

// accessToken gives the token, asking for one if there is none, it ends soon, or it is the one that the vendor found bad.
func (s *Service) accessToken(ctx context.Context, bad string) (string, *push.Answer) {
	a := &s.access
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", unanswered(ctx, ctx.Err(), false)
	}
	now := s.now()
	if a.token != "" && a.token != bad && now.Before(a.until) {
		return a.token, nil
	}
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	r, problem := s.post(ctx, authPath, url.Values{"app_key": {s.config.AppKey}, "timestamp": {timestamp}, "sign": {sign(s.config.AppKey, timestamp, s.config.MasterSecret)}})
	if problem != nil {
		// Whatever came of this call, the letters were not in it.
		problem.Unsure, problem.All = ctx.Err() != nil, problem.Result == push.Retry
		return "", problem
	}
	if *r.Code != 0 {
		refusal := answer(*r.Code, r.Message, r.wait)
		if refusal.Result != push.Retry {
			refusal.Result = push.Misconfigured // without a token no letter is taken
		}
		return "", &refusal
	}
	var data struct {
		AuthToken string `json:"auth_token"`
	}
	if json.Unmarshal(r.Data, &data) != nil || data.AuthToken == "" {
		return "", &push.Answer{Result: push.Retry, All: true, Text: "no auth_token in the answer"}
	}
	a.token, a.until = data.AuthToken, now.Add(tokenLife-tokenMargin)
	return a.token, nil
}

// sign is what the vendor checks us by: SHA-256 of key, milliseconds and secret, in lower-case hex (11234).
func sign(key, timestamp, secret string) string {
	sum := sha256.Sum256([]byte(key + timestamp + secret))
	return hex.EncodeToString(sum[:])
}
