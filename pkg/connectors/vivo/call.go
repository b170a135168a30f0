package vivo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"annal/pkg/projections/push"
)

// maxBody bounds what is read of an answer; one about a whole batch has some 50 bytes a phone.
const maxBody = 1 << 20

// Where calls go (doc/362).
const (
	authPath = "/message/auth"
	sendPath = "/message/send"
	savePath = "/message/saveListPayload"
	listPath = "/message/pushToList"
)

// reply has what answers have (doc/362).
type reply struct {
	Result       *int   `json:"result"`
	Desc         string `json:"desc"`
	AuthToken    string `json:"authToken"`
	TaskID       string `json:"taskId"`
	InvalidUser  *user  `json:"invalidUser"`
	InvalidUsers []user `json:"invalidUsers"`
	wait         time.Duration
}

// user is a regId that is of no use, and why.
type user struct {
	Status int    `json:"status"`
	UserID string `json:"userid"`
}

// bring sends one content to its phones, and gives an answer for each.
func (s *Service) bring(ctx context.Context, g *group) map[string]push.Answer {
	note := g.payload.ClientCustomMap["note"]
	if len(g.tokens) == 1 {
		return map[string]push.Answer{g.tokens[0]: s.bringOne(ctx, single{payload: g.payload, RegID: g.tokens[0], RequestID: requestID(note, g.tokens[0])})}
	}
	r, problem := s.call(ctx, savePath, saved{payload: g.payload, RequestID: requestID(note, g.tokens...)})
	if problem == nil && *r.Result != 0 {
		a := answer(*r.Result, r.Desc, r.wait)
		problem = &a
	}
	if problem != nil {
		// Whatever came of it, a content that was kept goes to nobody.
		problem.Unsure = problem.Unsure && ctx.Err() != nil
		return each(g.tokens, *problem)
	}
	return s.bringMany(ctx, list{
		AppID: s.config.AppID, RegIDs: g.tokens, TaskID: r.TaskID, RequestID: requestID(note, g.tokens...), PushMode: s.config.PushMode,
	})
}

func (s *Service) bringOne(ctx context.Context, m single) push.Answer {
	r, problem := s.call(ctx, sendPath, m)
	if problem != nil {
		return *problem
	}
	if *r.Result == badRegID && r.InvalidUser != nil {
		return answerUser(r.InvalidUser.Status)
	}
	a := answer(*r.Result, r.Desc, r.wait)
	if a.Result == push.Delivered {
		a.VendorID = r.TaskID
	}
	return a
}

func (s *Service) bringMany(ctx context.Context, l list) map[string]push.Answer {
	r, problem := s.call(ctx, listPath, l)
	if problem != nil {
		return each(l.RegIDs, *problem)
	}
	a := answer(*r.Result, r.Desc, r.wait)
	if a.Result == push.Delivered {
		a.VendorID = l.TaskID
	}
	answers := each(l.RegIDs, a)
	for _, u := range r.InvalidUsers {
		answers[u.UserID] = answerUser(u.Status)
	}
	return answers
}

func each(tokens []string, a push.Answer) map[string]push.Answer {
	answers := make(map[string]push.Answer, len(tokens))
	for _, token := range tokens {
		answers[token] = a
	}
	return answers
}

// call makes a call, and once more if the access token had expired.
func (s *Service) call(ctx context.Context, path string, body any) (reply, *push.Answer) {
	for bad := ""; ; {
		token, problem := s.accessToken(ctx, bad)
		if problem != nil {
			return reply{}, problem
		}
		r, problem := s.post(ctx, path, token, body)
		if problem != nil || *r.Result != badAccess || bad != "" {
			return r, problem
		}
		bad = token
	}
}

// post sends a body and reads the answer. A problem is the answer to all letters of the call.
func (s *Service) post(ctx context.Context, path, token string, body any) (reply, *push.Answer) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+path, bytes.NewReader(encode(body)))
	if err != nil {
		return reply{}, &push.Answer{Result: push.Misconfigured, Text: short(err.Error())}
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("authToken", token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, unanswered(ctx, err, connected.Load())
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return reply{}, unanswered(ctx, err, true)
	}
	wait := retryAfter(response.Header, s.now())
	if response.StatusCode != http.StatusOK {
		a := answerStatus(response.StatusCode, string(text), wait)
		return reply{}, &a
	}
	r := reply{wait: wait}
	if json.Unmarshal(text, &r) != nil || r.Result == nil {
		return reply{}, &push.Answer{Result: push.Retry, Unsure: true, Text: short("unreadable: " + string(text))}
	}
	return r, nil
}

// unanswered is for a call that got no answer. What never had a connection was not taken, and neither would others be.
func unanswered(ctx context.Context, err error, connected bool) *push.Answer {
	unsure := connected || ctx.Err() != nil
	return &push.Answer{Result: push.Retry, Unsure: unsure, All: !unsure, Text: short(err.Error())}
}

// retryAfter reads RFC 9110, 10.2.3: seconds or a date. 0: nothing was said.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
