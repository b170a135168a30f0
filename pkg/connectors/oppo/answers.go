package oppo

import (
	"time"

	"annal/pkg/projections/push"
)

// Codes that are more than a verdict.
const (
	invalidAuthToken = 11 // the access token is good no more
	missingArgument  = 40
	badArgument      = 41
	badRegistration  = 10000
)

// codeLater is ours, of letters that were refused together with others and had no call alone.
const codeLater = "LATER"

// Answers that codes come to. What is to be tried again concerns all letters of the app; how long to wait the vendor does not say.
var (
	taken   = push.Answer{Result: push.Delivered}
	gone    = push.Answer{Result: push.Gone}
	refused = push.Answer{Result: push.Refused}
	wrong   = push.Answer{Result: push.Misconfigured}
	busy    = push.Answer{Result: push.Retry, All: true, After: time.Second}
	usedUp  = push.Answer{Result: push.Retry, All: true, After: time.Hour} // the day's number
)

// verdicts are all codes that the vendor's pages have (11235; 10000 on 11238), and 54, which its server gives since it wants templates.
// Others are refused.
var verdicts = map[int]push.Answer{
	-2:               busy, // the service limits its flow
	-1:               busy, // the service is unavailable
	0:                taken,
	invalidAuthToken: wrong,   // the access token is no good, a fresh one neither
	12:               refused, // the HTTP method
	13:               busy,    // the app calls too often
	14:               wrong,   // the app key is unknown
	15:               wrong,   // no app key
	16:               wrong,   // the signature, so the master secret
	17:               wrong,   // no signature
	18:               wrong,   // no timestamp
	19:               wrong,   // the timestamp is more than ten minutes off: our clock is
	20:               refused, // no such method
	21:               refused, // no method
	22:               refused, // no version
	23:               refused, // the version is no number
	24:               refused, // no such version
	25:               refused, // not UTF-8
	26:               wrong,   // our address is on a list
	27:               wrong,   // the app may not do this
	28:               wrong,   // the app is disabled
	29:               wrong,   // no access token
	30:               wrong,   // the app may not push by API
	31:               refused, // no such data
	32:               taken,   // the data was there before: the same app_message_id
	33:               usedUp,  // the day's messages
	34:               refused, // the day's pictures
	missingArgument:  refused, // an argument is missing
	badArgument:      refused, // an argument is wrong
	51:               refused, // the picture is wrong
	54:               wrong,   // the category wants a template
	55:               busy,    // the app calls too often
	59:               refused, // no right to a second link
	67:               wrong,   // the app was not granted the category or the level
	// Business codes, from 10000 on.
	badRegistration: gone, // no such registration id
}
