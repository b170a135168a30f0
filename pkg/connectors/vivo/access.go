package vivo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

// keepToken is how long an access token is used. It is good for a day; the vendor wants it renewed every hour or two, and knows several at once (doc/362).
const keepToken = 2 * time.Hour

// askAccess is push.AskAccess.
func (s *Service) askAccess(ctx context.Context) (string, time.Duration, *push.Answer) {
	r, problem := s.post(ctx, authPath, "", s.credentials(s.now()))
	if problem != nil {
		return "", 0, problem
	}
	if *r.Result != 0 {
		refusal := push.Coded(verdicts, *r.Result, r.Desc, r.wait)
		return "", 0, &refusal
	}
	if r.AuthToken == "" {
		return "", 0, &push.Answer{Result: push.Retry, Text: "no authToken in the answer"}
	}
	return r.AuthToken, keepToken, nil
}

// credentials are what /message/auth takes.
type credentials struct {
	AppID     string `json:"appId"`
	AppKey    string `json:"appKey"`
	Timestamp int64  `json:"timestamp"` // milliseconds, at most ten minutes off
	Sign      string `json:"sign"`
}

func (s *Service) credentials(now time.Time) credentials {
	c := credentials{AppID: s.config.AppID, AppKey: s.config.AppKey, Timestamp: now.UnixMilli()}
	c.Sign = sign(c.AppID, c.AppKey, strconv.FormatInt(c.Timestamp, 10), s.config.AppSecret)
	return c
}

// sign is what the vendor checks us by: MD5 of the four, in lower-case hex (doc/362).
func sign(id, key, timestamp, secret string) string {
	sum := md5.Sum([]byte(id + key + timestamp + secret))
	return hex.EncodeToString(sum[:])
}
