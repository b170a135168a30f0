// Package webpush brings notes to browsers (push.Service), through whichever push service a browser chose: the protocol is RFC 8030, what we say is
// encrypted for the browser alone (RFC 8291, 8188) and signed with our key (VAPID, RFC 8292), with webpush-go.
//
// A device's token is the JSON of its PushSubscription. What its service worker gets as event.data.json() is
//
//	{"kind":   "message", "call" or "contact",
//	 "title":  …, "body": …,    plain text; the body ends with … where it was cut
//	 "tag":    …,               for showNotification: what has the same tag takes its place
//	 "thread": …, "link": …,    the session, and where a click leads
//	 "badge":  3,               for navigator.setAppBadge, if there is one
//	 "data":   {"kind": …, "session": …, "event": …, …}}
//
// Nothing is sent that shows nothing. Browsers subscribe with userVisibleOnly, a promise to show something for every push: Chrome shows a line of its own when
// a page breaks it (https://web.dev/articles/push-notifications-subscribing-a-user), Safari ends the subscription
// (https://webkit.org/blog/12945/meet-web-push/). So badges and withdrawals are refused; an open page learns both from its connection.
package webpush

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	driver "github.com/SherClockHolmes/webpush-go"

	"annal/pkg/projections/push"
)

const (
	// atOnce is how many requests are under way; push services are several, and each takes one letter at a time.
	atOnce = 64
	// maxAnswer is how much is read of an answer.
	maxAnswer = 4 << 10
	// longestTTL is what push services keep a letter for at most: four weeks (https://firebase.google.com/docs/cloud-messaging/customize-messages/setting-message-lifespan).
	longestTTL = 28 * 24 * time.Hour
)

// Service is a push.Service.
type Service struct {
	config Config
	places []place
	client *http.Client
	now    func() time.Time

	mu sync.Mutex
	// works are the places where letters were taken that this key signed.
	works map[place]bool
}

var _ push.Service = (*Service)(nil)

// New makes the service of one app, whose package is the name that its pages register with.
func New(app string, c Config, client *http.Client) (*Service, error) {
	if app == "" {
		return nil, ErrApp
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	places, err := parsePlaces(c.Hosts)
	if err != nil {
		return nil, err
	}
	return &Service{config: c, places: places, client: client, now: time.Now, works: map[place]bool{}}, nil
}

// Name implements push.Service.
func (s *Service) Name() string { return "webpush" }

// Abilities implements push.Service.
func (s *Service) Abilities() push.Abilities { return push.Abilities{Batch: 1, AtOnce: atOnce} }

var _ push.Parted = (*Service)(nil)

// Part implements push.Parted: makers of browsers have services of their own, and one that fails or asks to wait is no reason to leave another alone. It is
// the entry of hosts that the token's endpoint is of; empty for none.
func (s *Service) Part(token string) string {
	_, where, bad := s.subscription(token)
	if bad != nil {
		return ""
	}
	return where.host + where.path
}

// Send implements push.Service.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	given := make([]push.Answer, len(letters))
	for i := range letters {
		given[i] = s.bring(ctx, &letters[i])
	}
	return given
}

func (s *Service) bring(ctx context.Context, l *push.Letter) push.Answer {
	now := s.now()
	if !l.Note.Kind.Shown() {
		return *refused(codeUnsupported, "a push has to show something")
	}
	left := l.Note.Expires.Sub(now)
	if left <= 0 {
		return *refused(codeExpired, "")
	}
	sub, where, bad := s.subscription(l.Token)
	if bad != nil {
		return *bad
	}
	text := encode(&l.Note)
	if text == nil {
		return *refused(codeTooBig, "what is not shown is too long")
	}
	asked := asking{client: s.client, where: where}
	resp, err := driver.SendNotificationWithContext(ctx, text, sub, s.options(&asked, &l.Note, left, recordSize(text)))
	switch {
	case asked.failed != nil:
		return *asked.failed
	case err != nil:
		return *refused(codeSubscription, err.Error())
	}
	resp.Body.Close()
	return verdict(asked.reply, s.accepted(where, asked.reply.Status < http.StatusMultipleChoices), now)
}

// options are a letter's headers. Two things of the driver need care: it writes mailto: before whatever does not begin with https:, whether it is
// there or not, and Apple refuses mailto:mailto:…; and it pads everything to 4096 bytes unless told less, which is too long for Firefox on Android.
func (s *Service) options(asked *asking, n *push.Note, left time.Duration, size uint32) *driver.Options {
	o := &driver.Options{
		HTTPClient: asked, RecordSize: size, Subscriber: strings.TrimPrefix(s.config.Subject, "mailto:"), Topic: n.Collapse,
		// A TTL of 0 is for browsers that are there at this moment.
		TTL: int(max(min(left, longestTTL), time.Second) / time.Second), Urgency: driver.UrgencyNormal,
		VAPIDPublicKey: s.config.PublicKey, VAPIDPrivateKey: s.config.PrivateKey,
	}
	if n.Urgent || n.Kind == push.Call {
		o.Urgency = driver.UrgencyHigh
	}
	return o
}

// accepted says whether letters were taken at a place before, and notes whether one was now.
func (s *Service) accepted(where place, now bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now {
		s.works[where] = true
	}
	return s.works[where]
}

// asking makes the driver's request.
type asking struct {
	client *http.Client
	where  place
	reply  push.Reply
	failed *push.Answer
	// cause is what the transport failed of.
	cause error
}

// errUnanswered ends the driver's work; what happened is in failed.
var errUnanswered = errors.New("webpush: no answer")

// Do implements the driver's HTTPClient.
func (a *asking) Do(r *http.Request) (*http.Response, error) {
	client := *a.client
	client.Transport = a
	if a.reply, a.failed = push.Ask(&client, r, maxAnswer); a.failed != nil {
		a.blame()
		return nil, errUnanswered
	}
	return &http.Response{StatusCode: a.reply.Status, Header: a.reply.Header, Body: http.NoBody}, nil
}

// RoundTrip implements http.RoundTripper with the client's own.
func (a *asking) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	transport := a.client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	resp, a.cause = transport.RoundTrip(r)
	return resp, a.cause
}

// blame says whose affair it is that there is no connection. Hosts that are named in full are the operator's word, and what befalls them befalls all. A name
// below one is a user's word: that it is not there, or that nobody answers at it, is no reason to leave the others waiting.
func (a *asking) blame() {
	if !a.where.below || !a.failed.All {
		return
	}
	a.failed.All = false
	var name *net.DNSError
	if errors.As(a.cause, &name) && name.IsNotFound {
		a.failed = refused(codeNoHost, a.failed.Text)
	}
}
