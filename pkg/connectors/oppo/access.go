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

// tokenLife is for how long an access token is good (11234).
const tokenLife = 24 * time.Hour

// askAccess is push.AskAccess.
func (s *Service) askAccess(ctx context.Context) (string, time.Duration, *push.Answer) {
	timestamp := strconv.FormatInt(s.now().UnixMilli(), 10)
	r, problem := s.post(ctx, authPath, url.Values{"app_key": {s.config.AppKey}, "timestamp": {timestamp}, "sign": {sign(s.config.AppKey, timestamp, s.config.MasterSecret)}})
	if problem != nil {
		return "", 0, problem
	}
	if *r.Code != 0 {
		refusal := push.Coded(verdicts, *r.Code, r.Message, r.wait)
		return "", 0, &refusal
	}
	var data struct {
		AuthToken string `json:"auth_token"`
	}
	if json.Unmarshal(r.Data, &data) != nil || data.AuthToken == "" {
		return "", 0, &push.Answer{Result: push.Retry, Text: "no auth_token in the answer"}
	}
	return data.AuthToken, tokenLife, nil
}

// sign is what the vendor checks us by: SHA-256 of key, milliseconds and secret, in lower-case hex (11234).
func sign(key, timestamp, secret string) string {
	sum := sha256.Sum256([]byte(key + timestamp + secret))
	return hex.EncodeToString(sum[:])
}
