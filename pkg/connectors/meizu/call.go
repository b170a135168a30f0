package meizu

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// maxBody bounds what is read of an answer; one about a whole batch has some 50 bytes a phone.
const maxBody = 1 << 20

const pushPath = "/garcia/api/server/push/varnished/pushByPushId"

// reply is the form of all answers.
type reply struct {
	// Code is a string; one in older documents is a number.
	Code    json.RawMessage `json:"code"`
	Message string          `json:"message"`
	MsgID   string          `json:"msgId"`
	// Value is an object of lists of pushIds by code, or "" where there is nothing to say.
	Value json.RawMessage `json:"value"`
	wait  time.Duration
}

// bring sends one content to its phones, and gives an answer for each.
func (s *Service) bring(ctx context.Context, message string, tokens []string) map[string]push.Answer {
	fields := map[string]string{"appId": s.config.AppID, "pushIds": strings.Join(tokens, ","), "messageJson": message}
	r, problem := s.post(ctx, fields)
	if problem != nil {
		return push.ToEach(tokens, *problem)
	}
	a := push.Coded(ofCall, r.code(), r.Message, r.wait)
	if a.Result != push.Delivered {
		return push.ToEach(tokens, a)
	}
	a.VendorID = r.MsgID
	answers := push.ToEach(tokens, a)
	for code, ids := range r.phones() {
		for _, id := range ids {
			answers[id] = push.Coded(ofPhone, code, r.Message, r.wait)
		}
	}
	return answers
}

func (r *reply) code() string { return strings.Trim(string(r.Code), `"`) }

// phones are those that a message did not go to, by why.
func (r *reply) phones() map[string][]string {
	var byCode map[string][]string
	if json.Unmarshal(r.Value, &byCode) != nil {
		return nil
	}
	return byCode
}

// readable says whether an answer can be what the vendor says.
func (r *reply) readable() bool {
	var nothing string
	return r.code() != "" && (r.code() != ok || len(r.Value) == 0 || json.Unmarshal(r.Value, &nothing) == nil || r.phones() != nil)
}

// sign is what the vendor checks us by: MD5 of all fields as name=value, in the order of their names, and of the secret, in lower-case hex.
func sign(fields map[string]string, secret string) string {
	h := md5.New()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		h.Write([]byte(name + "=" + fields[name]))
	}
	h.Write([]byte(secret))
	return hex.EncodeToString(h.Sum(nil))
}

// post signs fields, sends them and reads the answer. A problem is the answer to all letters of the call.
func (s *Service) post(ctx context.Context, fields map[string]string) (reply, *push.Answer) {
	form := url.Values{"sign": {sign(fields, s.config.AppSecret)}}
	for name, value := range fields {
		form.Set(name, value)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+pushPath, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, &push.Answer{Result: push.Misconfigured, Text: push.Clip(err.Error())}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	said, problem := push.Ask(s.client, request, maxBody)
	if problem != nil {
		return reply{}, problem
	}
	r := reply{wait: said.After(s.now())}
	switch {
	case said.Status != http.StatusOK:
		a := said.OfStatus(s.now())
		return reply{}, &a
	case json.Unmarshal(said.Body, &r) != nil || !r.readable():
		return reply{}, &push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + string(said.Body))}
	}
	return r, nil
}
