package apns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// atOnce is how many requests go at once. Apple sets the number of streams of a connection by its load; more than that wait, or go over a
// second connection.
const atOnce = 200

// Service sends to the devices of one app. Apps whose name ends in .voip are those of calls: what their tokens get has to be a
// call that the app reports at once (https://developer.apple.com/documentation/pushkit), so they take no other kind.
type Service struct {
	app, endpoint string
	voip          bool
	provider      *provider
	client        *http.Client
	now           func() time.Time
}

// New sends for an app, which is its bundle's id, by a client that speaks HTTP/2. It asks Apple nothing yet.
func New(app string, c Config, client *http.Client) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if app == "" {
		return nil, errors.New("apns: an app has no name")
	}
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	return &Service{
		app: app, endpoint: c.endpoint(), voip: strings.HasSuffix(app, ".voip"), client: client, now: time.Now,
		provider: &provider{key: key, keyID: c.KeyID, teamID: c.TeamID, now: time.Now},
	}, nil
}

// Name implements push.Service.
func (s *Service) Name() string { return "apns" }

// Abilities implements push.Service.
func (s *Service) Abilities() push.Abilities {
	return push.Abilities{Batch: 1, AtOnce: atOnce, Badge: !s.voip, Withdraw: !s.voip}
}

// Send implements push.Service.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	answers := make([]push.Answer, len(letters))
	for i, l := range letters {
		answers[i] = s.send(ctx, l)
	}
	return answers
}

// tokens are what a device's can be: hexadecimal, of 32 bytes at present, and of 100 as far as Apple announced
// (https://developer.apple.com/videos/wwdc2015/720). What is none is not sent: it goes into the path, and one that is
// longer than the connection takes headers would cost a call, and be taken for a connection that failed.
var tokens = regexp.MustCompile(`^[0-9A-Fa-f]{2,200}$`)

func (s *Service) send(ctx context.Context, l push.Letter) push.Answer {
	switch {
	case !tokens.MatchString(l.Token):
		return push.Answer{Result: push.Refused, Code: "BAD_TOKEN", Text: "no hexadecimal of 2 to 200 characters"}
	case s.voip && l.Note.Kind != push.Call:
		return push.Answer{Result: push.Refused, Code: "UNSUPPORTED"}
	case !l.Note.Expires.IsZero() && !l.Note.Expires.After(s.now()):
		return push.Answer{Result: push.Refused, Code: "EXPIRED"}
	}
	token, err := s.provider.get("")
	if err != nil {
		return push.Answer{Result: push.Misconfigured, Code: "SIGNING", Text: push.Clip(err.Error())}
	}
	a := s.post(ctx, l, token)
	if a.Code == "ExpiredProviderToken" {
		if token, err = s.provider.get(token); err == nil {
			a = s.post(ctx, l, token)
		}
	}
	if a.Code == "UnrelatedKeyIdInToken" {
		s.letGo()
	}
	return a
}

// letGo closes connections that nobody uses, since what Apple knows of a connection is what it began with: of another key, if the
// credentials were changed. All others wait meanwhile, so that those in use will come to be idle.
func (s *Service) letGo() { s.client.CloseIdleConnections() }

func (s *Service) post(ctx context.Context, l push.Letter, token string) push.Answer {
	r, err := s.request(ctx, l, token)
	if err != nil {
		return push.Answer{Result: push.Refused, Code: "UNSENDABLE", Text: push.Clip(err.Error())}
	}
	reply, failed := push.Ask(s.client, r, maxAnswer)
	if failed != nil {
		return *failed
	}
	return read(reply, s.now())
}

// request makes Apple's request
// (https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns).
func (s *Service) request(ctx context.Context, l push.Letter, token string) (*http.Request, error) {
	limit := maxPayload
	if s.voip {
		limit = maxPayloadVoIP
	}
	body, err := payload(l.Note, limit)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+"/3/device/"+l.Token, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("apns: %w", err)
	}
	h := r.Header
	h.Set("Content-Type", "application/json")
	h.Set("authorization", "bearer "+token)
	h.Set("apns-topic", s.app)
	h.Set("apns-id", l.Note.ID)
	h.Set("apns-push-type", s.pushType(l.Note.Kind))
	h.Set("apns-priority", priority(l.Note))
	if !l.Note.Expires.IsZero() {
		h.Set("apns-expiration", strconv.FormatInt(l.Note.Expires.Unix(), 10))
	}
	if l.Note.Kind.Shown() && l.Note.Collapse != "" {
		h.Set("apns-collapse-id", l.Note.Collapse)
	}
	return r, nil
}

func (s *Service) pushType(k push.Kind) string {
	switch {
	case s.voip:
		return "voip"
	case k == push.Withdraw:
		return "background"
	}
	return "alert" // which a badge is as well
}

// priority is 10 for at once and 5 for when the device is awake; background notifications may have no other than 5.
func priority(n push.Note) string {
	if n.Kind == push.Call || n.Urgent && n.Kind != push.Withdraw {
		return "10"
	}
	return "5"
}
