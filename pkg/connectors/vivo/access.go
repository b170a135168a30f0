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

// access keeps the access token. Who holds turn may look at the rest and ask for a new one; others wait meanwhile.
type access struct {
	turn  chan struct{}
	token string
	until time.Time
}

func newAccess() access { return access{turn: make(chan struct{}, 1)} }

// accessToken gives the token, asking for one if there is none, it was used long enough, or it is the one that the vendor found bad.
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
	r, problem := s.post(ctx, authPath, "", s.credentials(now))
	if problem != nil {
		// Whatever came of this call, the letters were not in it.
		problem.Unsure, problem.All = ctx.Err() != nil, problem.Result == push.Retry
		return "", problem
	}
	if *r.Result != 0 {
		refusal := answer(*r.Result, r.Desc, r.wait)
		if refusal.Result != push.Retry {
			refusal.Result = push.Misconfigured // without a token no letter is taken
		}
		return "", &refusal
	}
	if r.AuthToken == "" {
		return "", &push.Answer{Result: push.Retry, All: true, Text: "no authToken in the answer"}
	}
	a.token, a.until = r.AuthToken, now.Add(keepToken)
	return a.token, nil
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
