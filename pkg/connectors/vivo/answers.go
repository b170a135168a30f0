package vivo

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

// Codes that are more than a verdict.
const (
	badAccess = 10000
	badRegID  = 10302
)

// verdict is what a code means for a letter. What is to be tried again concerns all letters of the app.
type verdict struct {
	result push.Result
	// after is how long to wait where the vendor says no time.
	after time.Duration
}

var (
	taken   = verdict{result: push.Delivered}
	gone    = verdict{result: push.Gone}
	refused = verdict{result: push.Refused}
	wrong   = verdict{result: push.Misconfigured}
	busy    = verdict{push.Retry, time.Second}
	// usedUp is the day's number: the vendor lowers it for those who go on asking.
	usedUp = verdict{push.Retry, time.Hour}
)

// verdicts are the codes of doc/362 that were to be had. Others are refused.
var verdicts = map[int]verdict{
	0:         taken,
	badAccess: wrong,   // the access token is no good, a fresh one neither
	10040:     busy,    // its resources are used up
	10050:     refused, // neither regId nor alias
	10051:     refused, // no such kind of message
	10054:     refused, // notifyType is wrong
	10055:     refused, // no title
	10056:     refused, // the title is too long
	10058:     refused, // no content
	10059:     refused, // the content is too long
	10066:     refused, // clientCustomMap has more than ten
	10067:     refused, // clientCustomMap is too long
	10070:     usedUp,  // the day's messages, of those that the vendor takes for advertisement
	10071:     usedUp,  // those are not brought at this time of day
	10072:     busy,    // too fast
	10073:     usedUp,  // the day's messages, of those that it takes for conversation
	10085:     refused, // title or content are not allowed
	10093:     busy,    // access tokens are asked for too often
	10094:     wrong,   // appId is not the access token's
	10101:     refused, // the content was looked at and refused
	10103:     refused, // a word that is not allowed
	10104:     refused, // title or content look like a test
	10200:     wrong,   // no appId
	10201:     wrong,   // no appKey
	10202:     wrong,   // appKey is wrong
	10203:     wrong,   // no timestamp
	10204:     wrong,   // no sign
	10205:     wrong,   // no such appId
	10206:     wrong,   // sign, so the secret, is wrong
	10207:     wrong,   // the timestamp is more than ten minutes off: our clock is
	10250:     usedUp,  // the day's access tokens
	10252:     usedUp,  // the day's contents for many phones
	badRegID:  gone,    // no such regId, or none that is of use: userStates
}

// userStates are why a regId is of no use: status of invalidUser and of invalidUsers (doc/362). Others are refused.
var userStates = map[int]verdict{
	1: gone,    // there is none
	2: gone,    // uninstalled, or notifications are off: the app registers anew when it is used
	3: gone,    // not seen for 90 days
	4: refused, // not one of the phones for tests, in push_mode 1
}

// answer is what the vendor's code means.
func answer(code int, text string, wait time.Duration) push.Answer {
	v, known := verdicts[code]
	if !known {
		v = refused
	}
	a := push.Answer{Result: v.result, Code: strconv.Itoa(code), Text: push.Clip(text)}
	if v.result == push.Retry {
		a.After, a.All = max(v.after, wait), true
	}
	return a
}

// answerUser is what it means that a regId is of no use.
func answerUser(status int) push.Answer {
	v, known := userStates[status]
	if !known {
		v = refused
	}
	return push.Answer{Result: v.result, Code: strconv.Itoa(badRegID), Text: fmt.Sprint("status ", status)}
}

// answerStatus is what a status other than 200 means; the vendor documents 500.
func answerStatus(status int, text string, wait time.Duration) push.Answer {
	a := push.Answer{Result: push.Refused, Code: strconv.Itoa(status), Text: push.Clip(text)}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		a.Result = push.Misconfigured
	case status == http.StatusTooManyRequests || status >= 500:
		a.Result, a.After, a.All = push.Retry, wait, true
	}
	return a
}
