package huawei

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"annal/pkg/projections/push"
)

// Codes that answers are read by.
const (
	codeSuccess     = "80000000"
	codePartial     = "80100000"
	codeBadAccess   = "80200001"
	codeEndedAccess = "80200003"
)

// answers are what Push Kit says
// (https://developer.huawei.com/consumer/cn/doc/HMSCore-References/https-send-api-0000001050986197), by code, else by HTTP status.
var answers = map[string]push.Answer{
	codeSuccess:     {Result: push.Delivered},        // taken
	codePartial:     {Result: push.Delivered},        // taken, but for illegal_tokens: see verdict
	"80100001":      {Result: push.Refused},          // a parameter is wrong
	"80100003":      {Result: push.Refused},          // the message's structure is wrong
	"80100004":      {Result: push.Refused},          // it would have ended before it began: ttl
	"80100013":      {Result: push.Refused},          // collapse_key
	"80100016":      {Result: push.Refused},          // it says something that may not be said
	"80100017":      {Result: push.Retry, All: true}, // more than 100 tasks at once
	"80100018":      {Result: push.Refused},          // its reviewer's signature is wrong
	codeBadAccess:   {Result: push.Misconfigured},    // the access token is wrong, or another app's
	codeEndedAccess: {Result: push.Misconfigured},    // the access token has ended, and so has the one asked for then
	"80200005":      {Result: push.Misconfigured},    // a JWT has ended, of which we have none
	"80300002":      {Result: push.Misconfigured},    // the app may not send
	"80300007":      {Result: push.Gone},             // all tokens are invalid
	"80300008":      {Result: push.Refused},          // it is longer than 4096 bytes
	"80300010":      {Result: push.Refused},          // there are too many tokens
	"80300011":      {Result: push.Refused},          // the app has no right to what this message asks for
	"80300013":      {Result: push.Refused},          // the address of receipts is wrong
	"80600003":      {Result: push.Misconfigured},    // OAuth failed: client ID or secret
	"81000001":      {Result: push.Retry, All: true}, // an error of the service
	"401":           {Result: push.Misconfigured},    // not accepted
	"404":           {Result: push.Misconfigured},    // there is no such address, which has our app in it
	"429":           {Result: push.Retry, All: true}, // too much
	"500":           {Result: push.Retry, All: true}, // an error of the service
	"502":           {Result: push.Retry, All: true}, // its network
	"503":           {Result: push.Retry, All: true}, // too much: flow control
}

// verdict is the answer to a request, and the tokens in it that are invalid.
func verdict(reply push.Reply, now time.Time) (answer push.Answer, illegal map[string]bool) {
	var said struct {
		Code, Msg, RequestID string
	}
	status := fmt.Sprint(reply.Status)
	if json.Unmarshal(reply.Body, &said) != nil || said.Code == "" {
		said.Code, said.Msg = status, string(reply.Body)
		if reply.Status == http.StatusOK {
			// Not Push Kit's word, or only its beginning: nobody knows what came of it.
			return push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + said.Msg)}, nil
		}
	}
	answer = push.Coded(answers, said.Code, said.Msg, reply.After(now))
	if _, known := answers[said.Code]; !known && reply.Status >= 500 {
		answer = reply.OfStatus(now)
		answer.Code, answer.Text = said.Code, push.Clip(said.Msg)
	}
	if answer.Result == push.Delivered {
		answer.VendorID = said.RequestID
	}
	if said.Code == codePartial {
		var part struct {
			Illegal []string `json:"illegal_tokens"`
		}
		if json.Unmarshal([]byte(said.Msg), &part) != nil {
			// Some were taken, and nobody knows which.
			return push.Answer{Result: push.Retry, Code: said.Code, Text: answer.Text, Unsure: true}, nil
		}
		illegal = map[string]bool{}
		for _, token := range part.Illegal {
			illegal[token] = true
		}
	}
	return answer, illegal
}

// tired says whether an answer is that the access token is no good.
func tired(answer push.Answer) bool {
	return answer.Code == codeBadAccess || answer.Code == codeEndedAccess || answer.Code == fmt.Sprint(http.StatusUnauthorized)
}
