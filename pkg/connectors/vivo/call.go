package vivo

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
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
func (s *Service) bring(ctx context.Context, c *push.Circular[payload]) map[string]push.Answer {
	request := requestOf(c.Letters)
	if len(c.Tokens) == 1 {
		return map[string]push.Answer{c.Tokens[0]: s.bringOne(ctx, single{payload: c.Content, RegID: c.Tokens[0], RequestID: request})}
	}
	r, problem := s.call(ctx, savePath, saved{payload: c.Content, RequestID: request})
	if problem == nil && *r.Result != 0 {
		a := push.Coded(verdicts, *r.Result, r.Desc, r.wait)
		problem = &a
	}
	if problem != nil {
		// Whatever came of it, a content that was kept goes to nobody.
		problem.Unsure = problem.Unsure && ctx.Err() != nil
		return push.ToEach(c.Tokens, *problem)
	}
	m := many{payload: c.Content, task: r.TaskID, request: request, calls: maxCalls}
	return s.bringMany(ctx, &m, c.Tokens)
}

func (s *Service) bringOne(ctx context.Context, m single) push.Answer {
	r, problem := s.call(ctx, sendPath, m)
	if problem != nil {
		return *problem
	}
	a := push.Coded(verdicts, *r.Result, r.Desc, r.wait)
	if *r.Result == badRegID {
		if r.InvalidUser != nil {
			r.InvalidUsers = append(r.InvalidUsers, *r.InvalidUser)
		}
		for _, u := range r.InvalidUsers {
			if u.UserID == m.RegID {
				return answerUser(u.Status)
			}
			a.Result = push.Refused // it is about somebody else
		}
	}
	if a.Result == push.Delivered {
		a.VendorID = r.TaskID
	}
	return a
}

// maxCalls is how many calls one content has at most where lists of its phones are refused for one of them: of 200, one is found by 15.
const maxCalls = 32

// many is a content that is kept and goes to many, and how many calls it may still have.
type many struct {
	payload payload
	task    string
	request string
	calls   int
}

// bringMany sends what is kept to phones. A list that is refused for regIds in it went to nobody: it goes once more without those that were named, or in halves if
// none was. Who is not named is not gone.
func (s *Service) bringMany(ctx context.Context, m *many, tokens []string) map[string]push.Answer {
	if m.calls == 0 {
		return push.ToEach(tokens, push.Answer{Result: push.Retry, Code: strconv.Itoa(badRegID), Text: "refused with others, who were not named"})
	}
	request := m.request
	if m.calls < maxCalls { // not the first one
		request = requestID(append([]string{request}, tokens...))
	}
	m.calls--
	if len(tokens) == 1 {
		return map[string]push.Answer{tokens[0]: s.bringOne(ctx, single{payload: m.payload, RegID: tokens[0], RequestID: request})}
	}
	r, problem := s.call(ctx, listPath, list{AppID: s.config.AppID, RegIDs: tokens, TaskID: m.task, RequestID: request, PushMode: s.config.PushMode})
	if problem != nil {
		return push.ToEach(tokens, *problem)
	}
	a := push.Coded(verdicts, *r.Result, r.Desc, r.wait)
	if a.Result == push.Delivered {
		a.VendorID = m.task
	}
	answers := push.ToEach(tokens, a)
	named := map[string]bool{}
	for _, u := range r.InvalidUsers {
		answers[u.UserID], named[u.UserID] = answerUser(u.Status), true
	}
	if *r.Result != badRegID {
		return answers
	}
	rest := slices.DeleteFunc(slices.Clone(tokens), func(token string) bool { return named[token] })
	again := [][]string{rest}
	if len(rest) == len(tokens) {
		again = [][]string{rest[:len(rest)/2], rest[len(rest)/2:]}
	}
	for _, part := range again {
		if len(part) > 0 {
			maps.Copy(answers, s.bringMany(ctx, m, part))
		}
	}
	return answers
}

// call makes a call, and once more if the access token had expired.
func (s *Service) call(ctx context.Context, path string, body any) (r reply, problem *push.Answer) {
	if none := s.access.With(ctx, func(token string) bool {
		r, problem = s.post(ctx, path, token, body)
		return problem == nil && *r.Result == badAccess
	}); none != nil {
		return reply{}, none
	}
	return r, problem
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
		a := said.OfStatus(s.now())
		return reply{}, &a
	case json.Unmarshal(said.Body, &r) != nil || r.Result == nil:
		return reply{}, &push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + string(said.Body))}
	}
	return r, nil
}
