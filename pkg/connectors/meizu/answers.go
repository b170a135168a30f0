package meizu

import (
	"net/http"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

// ok is the code of a call that was taken; its value has the phones that it did not go to.
const ok = "200"

// verdict is what a code means for a letter.
type verdict struct {
	result push.Result
	// after is how long to wait, which the vendor does not say; all, whether that concerns all letters of the app.
	after time.Duration
	all   bool
}

var (
	taken   = verdict{result: push.Delivered}
	gone    = verdict{result: push.Gone}
	refused = verdict{result: push.Refused}
	wrong   = verdict{result: push.Misconfigured}
	busy    = verdict{push.Retry, time.Second, true}
	usedUp  = verdict{push.Retry, time.Hour, true} // the day's number
)

// ofCall are the codes of a call, about all its letters. Others are refused.
var ofCall = map[string]verdict{
	ok:       taken,
	"300":    wrong,   // it is at another address, which endpoint has to name
	"500":    busy,    // any other exception
	"1001":   busy,    // a fault of the system
	"1003":   busy,    // the server is busy
	"1005":   refused, // an argument
	"1006":   wrong,   // the signature, so the secret
	"110000": wrong,   // appId
	"110001": wrong,   // appKey
	"110004": refused, // an argument is missing
	"110009": wrong,   // the app is on a list
	"110010": busy,    // the app pushes too fast
	"110019": usedUp,  // the app's pushes of the day
	"110031": wrong,   // packageName
	"110032": refused, // taskId
	"110033": wrong,   // appSecret
	"110051": usedUp,  // the app's number
	"110053": refused, // messages that are not shown, of which we send none
}

// ofPhone are the codes in value, each about the phones that it lists. Others are refused.
var ofPhone = map[string]verdict{
	"201":    refused,                          // no right
	"501":    {push.Retry, time.Second, false}, // a fault of its database
	"513":    {push.Retry, time.Second, false}, // an internal fault
	"518":    busy,                             // faster than was agreed on
	"519":    busy,                             // overloaded
	"520":    {push.Retry, time.Minute, false}, // folded: the phone had too many of this in a minute
	"110002": gone,                             // not subscribed
	"110003": gone,                             // no pushId
	"110010": refused,                          // switched off; it may be switched on
	"110011": {push.Retry, time.Hour, false},   // the phone's public messages of the day
}

// answer is what a code means by one of the tables.
func answer(table map[string]verdict, code, text string, wait time.Duration) push.Answer {
	v, known := table[code]
	if !known {
		v = refused
	}
	a := push.Answer{Result: v.result, Code: code, Text: push.Clip(text)}
	if v.result == push.Retry {
		a.After, a.All = max(v.after, wait), v.all
	}
	return a
}

// answerStatus is what a status other than 200 means; the vendor documents none.
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
