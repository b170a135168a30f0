package webpush

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// meaning is what an answer comes to.
type meaning struct {
	result push.Result
	all    bool // of the same part: see Part
	// ours: it says that whoever signed is not accepted, which can be of us or of the subscription: see verdict.
	ours bool
}

// answers are what push services say, by the reason in the body where there is one (Apple's), or by status: RFC 8030, 5 and 7; RFC 8292, 2 and 4.2;
// https://mozilla-services.github.io/autopush-rs/errors.html;
// https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers;
// https://learn.microsoft.com/windows/apps/develop/notifications/push-notifications/push-request-response-headers#response-codes.
var answers = map[string]meaning{
	"201":                 {result: push.Delivered},        // taken, to be pushed
	"202":                 {result: push.Delivered},        // taken, with a receipt to come
	"400":                 {result: push.Refused},          // a header or the encryption is not as it should be
	"401":                 {ours: true},                    // the signature is missing or not accepted
	"403":                 {ours: true},                    // it is not that of whom the subscription is for
	"404":                 {result: push.Gone},             // there is no such subscription, or no more
	"406":                 {result: push.Retry, all: true}, // Windows': too often, in place of 429; Retry-After says how long to wait
	"410":                 {result: push.Gone},             // the subscription has ended
	"413":                 {result: push.Refused},          // the body is too long for the service
	"429":                 {result: push.Retry, all: true}, // too often
	"500":                 {result: push.Retry, all: true}, // an error of the service
	"502":                 {result: push.Retry, all: true}, // one of what is before it
	"503":                 {result: push.Retry, all: true}, // not now
	"504":                 {result: push.Retry, all: true}, // what is before it waited too long
	"BadJwtToken":         {ours: true},                    // Apple's: subject, audience, time or signature of the token are wrong
	"VapidPkHashMismatch": {ours: true},                    // Apple's: the key is not that of whom the subscription is for
}

// verdict is the answer to a letter. works says that this key was accepted at that service before.
//
// 401 and 403 are said both of a key that is wrong and of a subscription that was made for another one. The first is Misconfigured, which holds everybody's
// letters up; the second is what any user can bring about by registering a subscription of somebody else's page. BadJwtToken is about us, but its audience
// comes from what a user registered. So once letters were taken with the key, such an answer is the subscription's own affair: Refused.
func verdict(reply push.Reply, works bool, now time.Time) push.Answer {
	code, text := said(reply)
	m, known := answers[code]
	if !known {
		m, known = answers[fmt.Sprint(reply.Status)]
	}
	switch {
	case known:
	case reply.Status >= 500:
		m = meaning{result: push.Retry, all: true}
	case reply.Status >= 200 && reply.Status < 300:
		m = meaning{result: push.Delivered}
	default:
		m = meaning{result: push.Refused}
	}
	if m.ours {
		m.result = push.Misconfigured
		if works {
			m.result = push.Refused
		}
	}
	a := push.Answer{Result: m.result, Code: code, Text: push.Clip(text), All: m.all && !ofChannel(reply)}
	switch a.Result {
	case push.Delivered:
		a.VendorID = push.Clip(reply.Header.Get("Location"))
	case push.Retry:
		a.After = reply.After(now)
	}
	return a
}

// ofChannel says whether it is one subscription that Windows has had too much of, and not all that is ours (same page as above, X-WNS-Status).
func ofChannel(reply push.Reply) bool {
	return strings.EqualFold(reply.Header.Get("X-WNS-Status"), "channelthrottled")
}

// said is the code of an answer, and what else is in it: Apple gives {"reason"}, Mozilla {"errno", "message"}, others text.
func said(reply push.Reply) (code, text string) {
	var body struct {
		Reason, Message string
		Errno           int
	}
	code = fmt.Sprint(reply.Status)
	if reply.Status < http.StatusBadRequest || json.Unmarshal(reply.Body, &body) != nil {
		return code, string(reply.Body)
	}
	if body.Reason != "" {
		return body.Reason, code
	}
	return code, fmt.Sprintf("%d %s", body.Errno, body.Message)
}
