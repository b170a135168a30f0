package vivo

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
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
	request := requestID(g.ids)
	if len(g.tokens) == 1 {
		return map[string]push.Answer{g.tokens[0]: s.bringOne(ctx, single{payload: g.payload, RegID: g.tokens[0], RequestID: request})}
	}
	r, problem := s.call(ctx, savePath, saved{payload: g.payload, RequestID: request})
	if problem == nil && *r.Result != 0 {
		a := answer(*r.Result, r.Desc, r.wait)
		problem = &a
	}
	if problem != nil {
		// Whatever came of it, a content that was kept goes to nobody.
		problem.Unsure = problem.Unsure && ctx.Err() != nil
		return each(g.tokens, *problem)
	}
	return s.bringMany(ctx, list{AppID: s.config.AppID, RegIDs: g.tokens, TaskID: r.TaskID, RequestID: request, PushMode: s.config.PushMode})
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
	for renewed := false; ; renewed = true {
		token, problem := s.access.Token(ctx)
		if problem != nil {
			return reply{}, problem
		}
		r, problem := s.post(ctx, path, token, body)
		if problem != nil || *r.Result != badAccess || renewed {
			return r, problem
		}
		s.access.Forget(token)
	}
}

// post sends a body and reads the answer. A problem is the answer to all letters of the call.
func (s *Service) post(ctx context.Context, path, token string, body any) (reply, *push.Answer) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+path, bytes.NewReader(encode(body)))
	if err != nil {
		return reply{}, &push.Answer{Result: push.Misconfigured, Text: push.Clip(err.Error())}
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("authToken", token)
	}
	said, problem := push.Ask(s.client, request, maxBody)
	if problem != nil {
		return reply{}, problem
	}
	r := reply{wait: said.After(s.now())}
	switch {
	case said.Status != http.StatusOK:
		a := answerStatus(said.Status, string(said.Body), r.wait)
		return reply{}, &a
	case json.Unmarshal(said.Body, &r) != nil || r.Result == nil:
		return reply{}, &push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + string(said.Body))}
	}
	return r, nil
}
