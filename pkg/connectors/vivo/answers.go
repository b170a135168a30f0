package vivo

import (
	"fmt"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

// Codes that are more than a verdict.
const (
	badAccess = 10000
	badRegID  = 10302
)

// Answers that codes come to. What is to be tried again concerns all letters of the app; how long to wait the vendor does not say.
var (
	taken   = push.Answer{Result: push.Delivered}
	gone    = push.Answer{Result: push.Gone}
	refused = push.Answer{Result: push.Refused}
	wrong   = push.Answer{Result: push.Misconfigured}
	busy    = push.Answer{Result: push.Retry, All: true, After: time.Second}
	// usedUp is the day's number: the vendor lowers it for those who go on asking.
	usedUp = push.Answer{Result: push.Retry, All: true, After: time.Hour}
)

// verdicts are the codes of doc/362 that were to be had. Others are refused.
var verdicts = map[int]push.Answer{
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
var userStates = map[int]push.Answer{
	1: gone,    // there is none
	2: gone,    // uninstalled, or notifications are off: the app registers anew when it is used
	3: gone,    // not seen for 90 days
	4: refused, // not one of the phones for tests, in push_mode 1
}

// answerUser is what it means that a regId is of no use.
func answerUser(status int) push.Answer {
	a := push.Coded(userStates, status, fmt.Sprint("status ", status), 0)
	a.Code = strconv.Itoa(badRegID)
	return a
}
