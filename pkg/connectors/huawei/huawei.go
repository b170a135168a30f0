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
	"sync"
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

// group is letters that say the same, their ids aside: which ones, and whom they are for.
type group struct {
	request request
	tokens  []string
	// letters has those of a token.
	letters map[string][]int
}

// Send implements push.Service.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	given := make([]push.Answer, len(letters))
	var running sync.WaitGroup
	room := make(chan struct{}, inCall)
	for _, g := range s.sort(letters, given) {
		room <- struct{}{}
		running.Go(func() {
			defer func() { <-room }()
			answer, illegal := s.bring(ctx, g)
			for token, which := range g.letters {
				for _, i := range which {
					given[i] = answer
					if illegal[token] {
						given[i] = push.Answer{Result: push.Gone, Code: codePartial, Text: "an illegal token"}
					}
				}
			}
		})
	}
	running.Wait()
	return given
}

// sort puts letters that say the same together, and answers those that are not to be sent.
func (s *Service) sort(letters []push.Letter, given []push.Answer) []*group {
	now := s.now()
	var groups []*group
	same := map[string]*group{}
	for i := range letters {
		n := &letters[i].Note
		left := n.Expires.Sub(now)
		switch {
		case !push.Plain(letters[i].Token, push.MaxToken):
			given[i] = push.Answer{Result: push.Refused, Code: codeToken, Text: "not the form of a token"}
			continue
		case !n.Kind.Shown():
			given[i] = push.Answer{Result: push.Refused, Code: codeUnsupported}
			continue
		case left <= 0:
			given[i] = push.Answer{Result: push.Refused, Code: codeExpired}
			continue
		}
		r, ok := s.compose(n, left)
		if !ok {
			given[i] = push.Answer{Result: push.Refused, Code: codeTooBig, Text: "what is not shown is too long"}
			continue
		}
		key := string(written(r))
		g := same[key]
		if g == nil {
			g = &group{request: r, letters: map[string][]int{}}
			same[key] = g
			groups = append(groups, g)
		}
		token := letters[i].Token
		if g.letters[token] == nil {
			g.tokens = append(g.tokens, token)
		}
		g.letters[token] = append(g.letters[token], i)
	}
	return groups
}

// bring sends a group, once more with another access token if that was what was wrong.
func (s *Service) bring(ctx context.Context, g *group) (push.Answer, map[string]bool) {
	token, failed := s.access.Token(ctx)
	if failed != nil {
		return *failed, nil
	}
	answer, illegal := s.ask(ctx, g, token)
	if !tired(answer) {
		return answer, illegal
	}
	s.access.Forget(token)
	token, failed = s.access.Token(ctx)
	if failed != nil {
		return *failed, nil
	}
	return s.ask(ctx, g, token)
}

func (s *Service) ask(ctx context.Context, g *group, token string) (push.Answer, map[string]bool) {
	g.request.Message.Token = g.tokens
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(written(g.request)))
	if err != nil {
		return push.Answer{Result: push.Misconfigured, Code: "ENDPOINT", Text: push.Clip(err.Error())}, nil
	}
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	r.Header.Set("Authorization", "Bearer "+token)
	reply, failed := push.Ask(s.client, r, maxAnswer)
	if failed != nil {
		return *failed, nil
	}
	return verdict(reply, s.now())
}
