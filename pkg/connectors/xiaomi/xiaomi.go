// Package xiaomi brings notes to phones of Xiaomi (push.Service), by Mi Push
// (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559).
//
// What is shown is short, 49 characters of title and 127 of body, and where a channel is private its template decides how it looks. Urgency and
// threads have no place in Mi Push; both are decided by the channel, and by the app from the data. The number at the icon is the system's own count of
// notifications (https://dev.mi.com/console/doc/detail?pId=939), so badges are refused.
//
// What is shown is taken back by the number under which it is shown, which version 3 of revoke does; the earlier ones end on 1 December 2026
// (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=2367). Its parameters are those of Xiaomi's SDK.
package xiaomi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

const (
	sendPath, revokePath = "/v3/message/regid", "/v3/message/regid/revoke"
	// batch is how many letters a call has: those that say the same are one request, of which inCall are under way. Mi Push takes 1000 registration ids in
	// one; but where all differ, as in language, a call is to be over before long.
	batch, inCall, atOnce = 100, 10, 4
	maxAnswer             = 256 << 10 // a thousand ids can come back
)

// Codes of what is refused without asking Xiaomi.
const (
	codeUnsupported = "UNSUPPORTED"
	codeExpired     = "EXPIRED"
	codeTooBig      = "TOO_BIG"
	codeEmpty       = "EMPTY"
	codeToken       = "BAD_TOKEN"
)

func refused(code, text string) *push.Answer {
	return &push.Answer{Result: push.Refused, Code: code, Text: text}
}

// Service is a push.Service.
type Service struct {
	app    string
	config Config
	client *http.Client
	now    func() time.Time
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
	return &Service{app: app, config: c.withDefaults(), client: client, now: time.Now}, nil
}

// Name implements push.Service.
func (s *Service) Name() string { return "xiaomi" }

// Abilities implements push.Service.
func (s *Service) Abilities() push.Abilities {
	return push.Abilities{Batch: batch, AtOnce: atOnce, Withdraw: true}
}

// request is what is asked for a letter, and where, without whom it is for.
type request struct {
	path string
	form url.Values
}

// Send implements push.Service.
func (s *Service) Send(ctx context.Context, letters []push.Letter) []push.Answer {
	now := s.now()
	return push.Together(letters, inCall, func(l *push.Letter) (request, string, *push.Answer) {
		path, form, bad := s.write(l, now)
		return request{path, form}, path + "?" + form.Encode(), bad
	}, func(c *push.Circular[request]) map[string]push.Answer {
		answer, bad := s.ask(ctx, c.Content, c.Tokens)
		answers := push.ToEach(c.Tokens, answer)
		for id := range bad {
			answers[id] = push.Answer{Result: push.Gone, Code: "bad_regids"}
		}
		return answers
	})
}

// write says what is asked for a letter, and where.
func (s *Service) write(l *push.Letter, now time.Time) (path string, form url.Values, bad *push.Answer) {
	left := l.Note.Expires.Sub(now)
	switch {
	case !push.Plain(l.Token, push.MaxToken):
		// Ids are listed with commas: one with a comma would be two people's.
		return "", nil, refused(codeToken, "not the form of a registration id")
	case left <= 0:
		return "", nil, refused(codeExpired, "")
	case l.Note.Kind == push.Withdraw:
		return revokePath, url.Values{"restricted_package_name": {s.app}, "notify_id": {notifyID(l.Note.Collapse)}}, nil
	case !l.Note.Kind.Shown():
		return "", nil, refused(codeUnsupported, "")
	}
	form, bad = s.compose(&l.Note, left)
	return sendPath, form, bad
}

func (s *Service) ask(ctx context.Context, asked request, ids []string) (push.Answer, map[string]bool) {
	to := "registration_id"
	if asked.path == revokePath {
		to = "registration_ids"
	}
	asked.form.Set(to, strings.Join(ids, ","))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.Endpoint+asked.path, strings.NewReader(asked.form.Encode()))
	if err != nil {
		return push.Answer{Result: push.Misconfigured, Code: "ENDPOINT", Text: push.Clip(err.Error())}, nil
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("Authorization", "key="+s.config.AppSecret)
	reply, failed := push.Ask(s.client, r, maxAnswer)
	if failed != nil {
		return *failed, nil
	}
	return verdict(reply, s.now())
}
