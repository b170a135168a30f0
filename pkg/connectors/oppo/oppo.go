// Package oppo brings notes to phones of OPPO, OnePlus and realme by OPPO PUSH, implementing push.Service.
//
// Written from copies of the vendor's pages read on 2026-11-28, all under https://open.oppomobile.com/new/developmentDoc/info?id=: 11235 (addresses and codes),
// 11234 (the access token), 11236 (fields of a notification), 11238 (unicast and its batch), 13189 (categories). Fields about badges are in
// the vendor's own opush-server-sdk 1.1.0 alone. Where documents disagree:
//
//   - a standard notification has 50 characters in later editions and 200 in earlier ones, of which phones show 50: longer texts go as style 2, which
//     has 128 in all of them;
//   - field names are snake_case in the tables and in the SDK, camelCase in one sample: as in the tables.
//
// OPPO PUSH shows notifications only: no document has a way to set a badge silently or to take one back.
package oppo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// production is the vendor's server for phones sold in China; phones sold elsewhere have https://api-intl.push.oppomobile.com (11235).
const production = "https://api.push.oppomobile.com"

// batch is how many letters a call has. The vendor takes 1000; a call that is cut leaves as many in doubt as it had.
const batch = 100

// Config is what the app is at the vendor. Names are the vendor's.
type Config struct {
	// Endpoint is where the server is; empty: the vendor's, for phones sold in China.
	Endpoint string `yaml:"endpoint"`
	// AppKey and MasterSecret are the app's, from the vendor's console; AppSecret there is for the phone's side.
	AppKey       string `yaml:"app_key"`
	MasterSecret string `yaml:"master_secret"`
	// Category is of messages (13189); empty: IM, which the app has to be granted.
	Category string `yaml:"category"`
	// ChannelID and CallChannelID are the notification channels of messages and of calls, as the app made them on the phone. Empty: the SDK's
	// own; calls: that of messages.
	ChannelID     string `yaml:"channel_id"`
	CallChannelID string `yaml:"call_channel_id"`
	// CallNotifyLevel is how calls alert: 1 in the list, 2 on the lock screen too, 16 with banner, sound and vibration, which the app has
	// to be granted: without, the vendor refuses calls. 0: 2.
	CallNotifyLevel int `yaml:"call_notify_level"`
	// TemplateID is the template that the vendor approved for the category, if it wants one, with the names of its one parameter in the title
	// and in the text; an empty name: none there.
	TemplateID       string `yaml:"private_msg_template_id"`
	TitleParameter   string `yaml:"private_title_parameter"`
	ContentParameter string `yaml:"private_content_parameter"`
}

// Errors of Validate.
var (
	ErrEndpoint = errors.New("oppo: endpoint: want http://host:port or https://host alone")
	ErrKey      = errors.New("oppo: app_key is missing")
	ErrSecret   = errors.New("oppo: master_secret is missing")
	ErrLevel    = errors.New("oppo: call_notify_level is 0, 1, 2 or 16")
	ErrTemplate = errors.New("oppo: parameters without private_msg_template_id")
)

// Validate refuses what can't work. Errors repeat no secret.
func (c Config) Validate() error {
	switch {
	case c.Endpoint != "" && !push.Origin(strings.TrimSuffix(c.Endpoint, "/"), "http", "https"):
		return ErrEndpoint
	case c.AppKey == "":
		return ErrKey
	case c.MasterSecret == "":
		return ErrSecret
	case c.CallNotifyLevel != 0 && c.CallNotifyLevel != 1 && c.CallNotifyLevel != 2 && c.CallNotifyLevel != 16:
		return ErrLevel
	case c.TemplateID == "" && (c.TitleParameter != "" || c.ContentParameter != ""):
		return ErrTemplate
	}
	return nil
}

// Service is push.Service for one app.
type Service struct {
	config   Config
	endpoint string
	client   *http.Client
	now      func() time.Time
	access   *push.Access
}

var _ push.Service = (*Service)(nil)

// New gives the service; nothing is asked yet. The vendor knows the app by its key: the package is in no request.
func New(_ string, c Config, client *http.Client) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Endpoint == "" {
		c.Endpoint = production
	}
	if c.Category == "" {
		c.Category = "IM"
	}
	if c.CallChannelID == "" {
		c.CallChannelID = c.ChannelID
	}
	if c.CallNotifyLevel == 0 {
		c.CallNotifyLevel = lockScreen
	}
	s := &Service{config: c, endpoint: strings.TrimSuffix(c.Endpoint, "/"), client: client, now: time.Now}
	s.access = push.NewAccess(func() time.Time { return s.now() }, s.askAccess)
	return s, nil
}

// Name implements push.Service.
func (*Service) Name() string { return "oppo" }

// Abilities implements push.Service.
func (*Service) Abilities() push.Abilities { return push.Abilities{Batch: batch, AtOnce: 8} }

// Send implements push.Service: all letters in one call, if the vendor takes it.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	answers := make([]push.Answer, len(letters))
	var messages []message
	var of []int // of which letter each message is
	now := s.now()
	for i := range letters {
		switch n := &letters[i].Note; {
		case !n.Kind.Shown():
			answers[i] = push.Answer{Result: push.Refused, Code: "UNSUPPORTED", Text: "OPPO PUSH only shows"}
		case !n.Expires.IsZero() && !now.Before(n.Expires):
			answers[i] = push.Answer{Result: push.Refused, Code: "EXPIRED"}
		case !push.Plain(letters[i].Token, maxToken):
			answers[i] = push.Answer{Result: push.Refused, Code: "BAD_TOKEN", Text: "not the form of a registration id"}
		default:
			m := s.message(&letters[i], now)
			if code := m.fault(); code != 0 {
				answers[i] = push.Coded(verdicts, code, "not sent: the call would be refused for all", 0)
				continue
			}
			messages, of = append(messages, m), append(of, i)
		}
	}
	if len(messages) == 0 {
		return answers
	}
	calls := maxCalls
	for m, a := range s.bring(ctx, messages, &calls) {
		answers[of[m]] = a
	}
	return answers
}
