// Package huawei brings notes to phones with HMS Core (push.Service): Android, and HarmonyOS up to 4, by version 1 of Push Kit's REST interface.
//
// Versions 1 and 2 reach the same phones; 2 has a project in its address where several apps share senders, which here each have their own. Version 3 reaches
// HarmonyOS 5 and later alone: those run apps of another kind, with other tokens, signed by a service account instead of an access token, and other fields. It
// would be a service of its own beside this one.
//
// A number at the icon comes with a notification and not without one, so badges are refused. Taking back what is shown (messages:revoke) is documented for
// HarmonyOS 5 only (https://developer.huawei.com/consumer/en/doc/harmonyos-references/push-msg-revoke/), so withdrawals are too.
package huawei

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"annal/pkg/projections/push"
)

const (
	// batch is how many letters a call has: those that say the same are one request, of which inCall are under way. Huawei takes 1000 tokens in one; but
	// where all differ, in language or number, a call is to be over before long.
	batch, inCall, atOnce = 100, 10, 4
	maxAnswer             = 256 << 10 // a thousand tokens can come back
)

// Codes of what is refused without asking Huawei.
const (
	codeUnsupported = "UNSUPPORTED"
	codeExpired     = "EXPIRED"
	codeTooBig      = "TOO_BIG"
	codeToken       = "BAD_TOKEN"
)

// Service is a push.Service.
type Service struct {
	app    string
	config Config
	client *http.Client
	now    func() time.Time
	access *push.Access
	url    string
}

var _ push.Service = (*Service)(nil)

// New makes the service of an app, by the name of its package.
func New(app string, c Config, client *http.Client) (*Service, error) {
	if app == "" {
		return nil, ErrApp
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Service{app: app, config: c, client: client, now: time.Now, url: c.Endpoint + "/v1/" + c.AppID + "/messages:send"}
	s.access = push.NewAccess(func() time.Time { return s.now() }, s.askAccess)
	return s, nil
}

// Name implements push.Service.
func (s *Service) Name() string { return "huawei" }

// Abilities implements push.Service.
func (s *Service) Abilities() push.Abilities { return push.Abilities{Batch: batch, AtOnce: atOnce} }

// Send implements push.Service.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	now := s.now()
	return push.Together(letters, inCall, func(l *push.Letter) (request, string, *push.Answer) { return s.write(l, now) },
		func(c *push.Circular[request]) map[string]push.Answer {
			answer, illegal := s.bring(ctx, c.Content, c.Tokens)
			answers := push.ToEach(c.Tokens, answer)
			for token := range illegal {
				answers[token] = push.Answer{Result: push.Gone, Code: codePartial, Text: "an illegal token"}
			}
			return answers
		})
}

func refused(code, text string) *push.Answer {
	return &push.Answer{Result: push.Refused, Code: code, Text: text}
}

// write gives a letter's request without its token, and as JSON.
func (s *Service) write(l *push.Letter, now time.Time) (r request, key string, bad *push.Answer) {
	left := l.Note.Expires.Sub(now)
	switch {
	case !push.Plain(l.Token, push.MaxToken):
		return r, "", refused(codeToken, "not the form of a token")
	case !l.Note.Kind.Shown():
		return r, "", refused(codeUnsupported, "")
	case left <= 0:
		return r, "", refused(codeExpired, "")
	}
	r, ok := s.compose(&l.Note, left)
	if !ok {
		return r, "", refused(codeTooBig, "what is not shown is too long")
	}
	return r, string(written(r)), nil
}

// bring sends a request to those with these tokens.
func (s *Service) bring(ctx context.Context, r request, tokens []string) (answer push.Answer, illegal map[string]bool) {
	r.Message.Token = tokens
	if failed := s.access.With(ctx, func(access string) bool {
		answer, illegal = s.ask(ctx, written(r), access)
		return tired(answer)
	}); failed != nil {
		return *failed, nil
	}
	return answer, illegal
}

func (s *Service) ask(ctx context.Context, body []byte, access string) (push.Answer, map[string]bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return push.Answer{Result: push.Misconfigured, Code: "ENDPOINT", Text: push.Clip(err.Error())}, nil
	}
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	r.Header.Set("Authorization", "Bearer "+access)
	reply, failed := push.Ask(s.client, r, maxAnswer)
	if failed != nil {
		return *failed, nil
	}
	return verdict(reply, s.now())
}
