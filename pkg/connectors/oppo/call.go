package oppo

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
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

// bring sends messages in one call, and once more if the access token had expired.
func (s *Service) bring(ctx context.Context, messages []message) []push.Answer {
	body, err := json.Marshal(messages)
	if err != nil {
		panic(err) // strings and numbers always have a form in JSON
	}
	for bad := ""; ; {
		token, problem := s.accessToken(ctx, bad)
		if problem != nil {
			return all(*problem, len(messages))
		}
		r, problem := s.post(ctx, batchPath, url.Values{"auth_token": {token}, "messages": {string(body)}})
		switch {
		case problem != nil:
			return all(*problem, len(messages))
		case *r.Code == invalidAuthToken && bad == "":
			bad = token
		case *r.Code != 0:
			return all(answer(*r.Code, r.Message, r.wait), len(messages))
		default:
			return s.each(r, messages)
		}
	}
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
		a := answer(it.ErrorCode, it.ErrorMessage, r.wait)
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
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, &push.Answer{Result: push.Misconfigured, Text: short(err.Error())}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, unanswered(ctx, err, connected.Load())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return reply{}, unanswered(ctx, err, true)
	}
	wait := retryAfter(response.Header, s.now())
	if response.StatusCode != http.StatusOK {
		a := answerStatus(response.StatusCode, string(body), wait)
		return reply{}, &a
	}
	r := reply{wait: wait}
	if json.Unmarshal(body, &r) != nil || r.Code == nil {
		return reply{}, &push.Answer{Result: push.Retry, Unsure: true, Text: short("unreadable: " + string(body))}
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
