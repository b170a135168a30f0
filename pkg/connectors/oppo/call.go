package oppo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// maxBody bounds what is read of an answer; one of a whole batch has some 150 bytes a letter.
const maxBody = 1 << 20

// batchPath is where letters go, one or many, each with its own content (11238).
const batchPath = "/server/v1/message/notification/unicast_batch"

// reply is the form of all answers (11235).
type reply struct {
	Code    *int            `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
	wait    time.Duration
}

// item is a letter's part of a batch's answer (11238). An answer leaves ErrorCode out where the letter was taken.
type item struct {
	MessageID      string `json:"messageId"`
	RegistrationID string `json:"registrationId"`
	ErrorCode      int    `json:"errorCode"`
	ErrorMessage   string `json:"errorMessage"`
}

// maxCalls is how many calls Send makes at most where the vendor refuses a batch for one of its letters: of 100, one is found by 15.
const maxCalls = 32

// bring sends messages, in halves where the vendor refuses them as a whole: one of them may be what is wrong, and the others are to come. calls is how many may
// still be made.
func (s *Service) bring(ctx context.Context, messages []message, calls *int) []push.Answer {
	if *calls == 0 {
		return all(push.Answer{Result: push.Retry, Code: codeLater, Text: "refused with others, and not yet alone"}, len(messages))
	}
	*calls--
	answers, whole := s.call(ctx, messages)
	switch {
	case whole == nil:
		return answers
	case len(messages) == 1 || whole.Result == push.Retry || whole.Result == push.Misconfigured:
		return all(*whole, len(messages))
	}
	half := len(messages) / 2
	return append(s.bring(ctx, messages[:half], calls), s.bring(ctx, messages[half:], calls)...)
}

// call sends messages in one call, and once more if the access token had expired. What is said of the call, and of no message of it, is whole.
func (s *Service) call(ctx context.Context, messages []message) (answers []push.Answer, whole *push.Answer) {
	body, err := json.Marshal(messages)
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	var r reply
	var problem *push.Answer
	if none := s.access.With(ctx, func(token string) bool {
		r, problem = s.post(ctx, batchPath, url.Values{"auth_token": {token}, "messages": {string(body)}})
		return problem == nil && *r.Code == invalidAuthToken
	}); none != nil {
		problem = none
	}
	switch {
	case problem != nil:
		return nil, problem
	case *r.Code != 0:
		a := push.Coded(verdicts, *r.Code, r.Message, r.wait)
		return nil, &a
	}
	return s.each(r, messages), nil
}

// each gives every message its item. Items name the registration id; several to one phone are in the order they were sent in.
func (s *Service) each(r reply, messages []message) []push.Answer {
	answers := all(push.Answer{Result: push.Retry, Unsure: true, Text: "the answer does not have this letter"}, len(messages))
	var items []item
	if json.Unmarshal(r.Data, &items) != nil {
		return answers
	}
	open := map[string][]int{}
	for i := range messages {
		open[messages[i].TargetValue] = append(open[messages[i].TargetValue], i)
	}
	for _, it := range items {
		left := open[it.RegistrationID]
		if len(left) == 0 {
			continue
		}
		open[it.RegistrationID] = left[1:]
		a := push.Coded(verdicts, it.ErrorCode, it.ErrorMessage, r.wait)
		if a.Result == push.Delivered {
			a.VendorID = it.MessageID
		}
		answers[left[0]] = a
	}
	return answers
}

func all(a push.Answer, n int) []push.Answer {
	answers := make([]push.Answer, n)
	for i := range answers {
		answers[i] = a
	}
	return answers
}

// post sends a form and reads the answer. A problem is the answer to all letters of the call.
func (s *Service) post(ctx context.Context, path string, form url.Values) (reply, *push.Answer) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, &push.Answer{Result: push.Misconfigured, Text: push.Clip(err.Error())}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	said, problem := push.Ask(s.client, request, maxBody)
	if problem != nil {
		return reply{}, problem
	}
	r := reply{wait: said.After(s.now())}
	switch {
	case said.Status != http.StatusOK:
		a := said.OfStatus(s.now())
		return reply{}, &a
	case json.Unmarshal(said.Body, &r) != nil || r.Code == nil:
		return reply{}, &push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + string(said.Body))}
	}
	return r, nil
}
