// Package meizu brings notes to phones of Meizu by Flyme Push, implementing push.Service.
//
// Written from the vendor's https://github.com/MEIZUPUSH/PushAPI (README.md of 2025-04-09) and, for codes that it lacks, https://github.com/MEIZUPUSH/JavaSdk
// (2025-04-22), both read on 2026-11-28. Where they disagree:
//
//   - a call has 100 phones at most in the README of 2025, 1000 in older ones and in the SDK: 100;
//   - 110010 is about the whole call where it is its code, and about a phone where it is in the answer's value.
//
// Flyme Push shows notifications only: its documents have no badge, and take back nothing but tasks to everybody.
package meizu

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

const production = "https://server-api-push.meizu.com"

const (
	// batch is how many letters Send takes. Those of one message say the same, and are one call: no more than the 100 phones that the vendor takes in one. A call
	// that is cut leaves as many in doubt as it had. Letters that do not say the same have a call each, and whoever waits for Send waits for all of those.
	batch = 100
	// atOnce is how many of those calls are under way at once: with 100 and a tenth of a second for each, Send is over in one.
	atOnce = 10
)

// Config is what the app is at the vendor. Names are the vendor's.
type Config struct {
	// Endpoint is where the server is; empty: the vendor's.
	Endpoint string `yaml:"endpoint"`
	// AppID and AppSecret are the app's, from the vendor's console; the AppKey there is for the phone's side.
	AppID     string `yaml:"app_id"`
	AppSecret string `yaml:"app_secret"`
}

// Errors of Validate.
var (
	ErrEndpoint = errors.New("meizu: endpoint: want http://host:port or https://host alone")
	ErrID       = errors.New("meizu: app_id is missing")
	ErrSecret   = errors.New("meizu: app_secret is missing")
)

// Validate refuses what can't work. Errors repeat no secret.
func (c Config) Validate() error {
	switch {
	case c.Endpoint != "" && !push.Origin(strings.TrimSuffix(c.Endpoint, "/"), "http", "https"):
		return ErrEndpoint
	case c.AppID == "":
		return ErrID
	case c.AppSecret == "":
		return ErrSecret
	}
	return nil
}

// Service is push.Service for one app.
type Service struct {
	config   Config
	endpoint string
	client   *http.Client
	now      func() time.Time
}

var _ push.Service = (*Service)(nil)

// New gives the service; nothing is asked yet. The vendor knows the app by its id: the package is in no request.
func New(_ string, c Config, client *http.Client) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Endpoint == "" {
		c.Endpoint = production
	}
	return &Service{config: c, endpoint: strings.TrimSuffix(c.Endpoint, "/"), client: client, now: time.Now}, nil
}

// Name implements push.Service.
func (*Service) Name() string { return "meizu" }

// Abilities implements push.Service.
func (*Service) Abilities() push.Abilities { return push.Abilities{Batch: batch, AtOnce: 4} }

// Send implements push.Service: letters of one content go in one call.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	now := s.now()
	return push.Together(letters, atOnce, func(l *push.Letter) (string, string, *push.Answer) {
		n := &l.Note
		switch {
		case !n.Kind.Shown():
			return "", "", &push.Answer{Result: push.Refused, Code: "UNSUPPORTED", Text: "Flyme Push only shows"}
		case !n.Expires.IsZero() && !now.Before(n.Expires):
			return "", "", &push.Answer{Result: push.Refused, Code: "EXPIRED"}
		case !push.Plain(l.Token, push.MaxToken):
			// A call lists phones with commas: one with a comma would be other phones.
			return "", "", &push.Answer{Result: push.Refused, Code: "BAD_TOKEN", Text: "not the form of a pushId"}
		}
		message := encode(newMessage(n, now))
		return message, message, nil
	}, func(c *push.Circular[string]) map[string]push.Answer { return s.bring(ctx, c.Content, c.Tokens) })
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	return string(b)
}
