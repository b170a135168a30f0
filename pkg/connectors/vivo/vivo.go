// Package vivo brings notes to phones of vivo and iQOO by vivo Push, implementing push.Service.
//
// Written from copies of the vendor's pages read on 2026-11-28: https://dev.vivo.com.cn/documentCenter/doc/362 (the server's API, edition 2.9.2 and that of 2024-03)
// and …/doc/359 (categories). No copy had the whole list of codes: some are as the vendor's users have them. Where editions disagree:
//
//   - timeToLive is at least 60 seconds in most, at least 900 in one about messages to everybody: 60, since calls live for less than 900;
//   - appId in every call came with edition 2.9.2: it is sent;
//   - an emoji counts one character in later ones and is not mentioned in earlier ones: it counts two here, as Chinese does everywhere.
//
// vivo Push shows notifications only. It counts the badge up by one if the app was granted that (addBadge), and sets no number; the pages at hand
// have no way to take one back.
package vivo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

const production = "https://api-push.vivo.com.cn"

const (
	// batch is how many letters Send takes. Those of one message say the same, and are one call; the vendor takes 1000 phones in one. Less, for a call that is cut
	// leaves as many in doubt as it had, and phones may alert again for what is sent to them again; and letters that do not say the same have a
	// call each, for all of which whoever waits for Send waits.
	batch = 200
	// atOnce is how many of those calls are under way at once: with 200 and a tenth of a second for each, Send is over in two.
	atOnce = 10
)

// Config is what the app is at the vendor. Names are the vendor's.
type Config struct {
	// Endpoint is where the server is; empty: the vendor's.
	Endpoint string `yaml:"endpoint"`
	// AppID, AppKey and AppSecret are the app's, from the vendor's console.
	AppID     string `yaml:"app_id"`
	AppKey    string `yaml:"app_key"`
	AppSecret string `yaml:"app_secret"`
	// Category is of all notes (doc/359); empty: IM, which has calls too.
	Category string `yaml:"category"`
	// PushMode is 1 for apps that the vendor has not approved yet: only phones that were entered in its console get something.
	PushMode int `yaml:"push_mode"`
}

// Errors of Validate.
var (
	ErrEndpoint = errors.New("vivo: endpoint: want http://host:port or https://host alone")
	ErrID       = errors.New("vivo: app_id is missing")
	ErrKey      = errors.New("vivo: app_key is missing")
	ErrSecret   = errors.New("vivo: app_secret is missing")
	ErrMode     = errors.New("vivo: push_mode is 0 or 1")
)

// Validate refuses what can't work. Errors repeat no secret.
func (c Config) Validate() error {
	switch {
	case c.Endpoint != "" && !push.Origin(strings.TrimSuffix(c.Endpoint, "/"), "http", "https"):
		return ErrEndpoint
	case c.AppID == "":
		return ErrID
	case c.AppKey == "":
		return ErrKey
	case c.AppSecret == "":
		return ErrSecret
	case c.PushMode != 0 && c.PushMode != 1:
		return ErrMode
	}
	return nil
}

// Service is push.Service for one app.
type Service struct {
	app      string
	config   Config
	endpoint string
	client   *http.Client
	now      func() time.Time
	access   *push.Access
}

var _ push.Service = (*Service)(nil)

// New gives the service for a package; nothing is asked yet.
func New(app string, c Config, client *http.Client) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Endpoint == "" {
		c.Endpoint = production
	}
	if c.Category == "" {
		c.Category = "IM"
	}
	s := &Service{app: app, config: c, endpoint: strings.TrimSuffix(c.Endpoint, "/"), client: client, now: time.Now}
	s.access = push.NewAccess(func() time.Time { return s.now() }, s.askAccess)
	return s, nil
}

// Name implements push.Service.
func (*Service) Name() string { return "vivo" }

// Abilities implements push.Service.
func (*Service) Abilities() push.Abilities { return push.Abilities{Batch: batch, AtOnce: 4} }

// Send implements push.Service: letters of one content go in one call.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	now := s.now()
	return push.Together(letters, atOnce, func(l *push.Letter) (payload, string, *push.Answer) {
		n := &l.Note
		switch {
		case !n.Kind.Shown():
			return payload{}, "", &push.Answer{Result: push.Refused, Code: "UNSUPPORTED", Text: "vivo Push only shows"}
		case !n.Expires.IsZero() && !now.Before(n.Expires):
			return payload{}, "", &push.Answer{Result: push.Refused, Code: "EXPIRED"}
		case !push.Plain(l.Token, push.MaxToken):
			return payload{}, "", &push.Answer{Result: push.Refused, Code: "BAD_TOKEN", Text: "not the form of a regId"}
		}
		p := s.payload(n, now)
		return p, string(encode(p)), nil
	}, func(c *push.Circular[payload]) map[string]push.Answer { return s.bring(ctx, c) })
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	return b
}
