package fcm

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"annal/pkg/projections/push"
)

// atOnce is how many requests go at once, over few connections (https://firebase.google.com/docs/cloud-messaging/scale-fcm).
const atOnce = 200

// Service sends to the devices of one app.
type Service struct {
	app, url string
	access   *access
	client   *http.Client
	now      func() time.Time
}

// New sends for an app, which is its package's name. It asks Google nothing yet.
func New(app string, c Config, client *http.Client) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if app == "" {
		return nil, errors.New("fcm: an app has no name")
	}
	a, key, err := c.account()
	if err != nil {
		return nil, err
	}
	return &Service{
		app: app, url: c.endpoint() + "/v1/projects/" + url.PathEscape(a.ProjectID) + "/messages:send", client: client, now: time.Now,
		access: newAccess(a, key, c.tokenEndpoint(a), client),
	}, nil
}

// Name implements push.Service.
func (s *Service) Name() string { return "fcm" }

// Abilities implements push.Service.
func (s *Service) Abilities() push.Abilities {
	return push.Abilities{Batch: 1, AtOnce: atOnce, Withdraw: true}
}

// Send implements push.Service.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	answers := make([]push.Answer, len(letters))
	for i, l := range letters {
		answers[i] = s.send(ctx, l)
	}
	return answers
}

// tokens are what a registration's can be. Google does not say; those that it gives are of less than 200 characters, and of those of base64url and a colon.
// What is none is not sent.
var tokens = regexp.MustCompile(`^[!-~]{1,1000}$`)

func (s *Service) send(ctx context.Context, l push.Letter) push.Answer {
	now := s.now()
	switch {
	case !tokens.MatchString(l.Token):
		return push.Answer{Result: push.Refused, Code: "BAD_TOKEN", Text: "not of 1 to 1000 characters of ASCII without blanks"}
	case l.Note.Kind == push.Badge:
		return push.Answer{Result: push.Refused, Code: "UNSUPPORTED"}
	case !l.Note.Expires.IsZero() && !l.Note.Expires.After(now):
		return push.Answer{Result: push.Refused, Code: "EXPIRED"}
	}
	message, err := body(s.app, l, now)
	if err != nil {
		return push.Answer{Result: push.Refused, Code: "UNSENDABLE", Text: push.Clip(err.Error())}
	}
	var a push.Answer
	if failed := s.access.With(ctx, func(token string) bool {
		a = s.post(ctx, message, token)
		return a.Code == "UNAUTHENTICATED" || a.Code == "401"
	}); failed != nil {
		return *failed
	}
	return a
}

func (s *Service) post(ctx context.Context, message []byte, token string) push.Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(message))
	if err != nil {
		return push.Answer{Result: push.Refused, Code: "UNSENDABLE", Text: push.Clip(err.Error())}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	reply, failed := push.Ask(s.client, r, maxAnswer)
	if failed != nil {
		return *failed
	}
	return read(reply, s.now())
}
