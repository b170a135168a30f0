package meizu

import (
	"time"

	"annal/pkg/projections/push"
)

// ok is the code of a call that was taken; its value has the phones that it did not go to.
const ok = "200"

// Answers that codes come to, where they are many. How long to wait the vendor does not say.
var (
	taken   = push.Answer{Result: push.Delivered}
	gone    = push.Answer{Result: push.Gone}
	refused = push.Answer{Result: push.Refused}
	wrong   = push.Answer{Result: push.Misconfigured}
	busy    = push.Answer{Result: push.Retry, All: true, After: time.Second}
	usedUp  = push.Answer{Result: push.Retry, All: true, After: time.Hour} // the day's number
)

// ofCall are the codes of a call, about all its letters. Others are refused.
var ofCall = map[string]push.Answer{
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
var ofPhone = map[string]push.Answer{
	"201":    refused,                                  // no right
	"501":    {Result: push.Retry, After: time.Second}, // a fault of its database
	"513":    {Result: push.Retry, After: time.Second}, // an internal fault
	"518":    busy,                                     // faster than was agreed on
	"519":    busy,                                     // overloaded
	"520":    {Result: push.Retry, After: time.Minute}, // folded: the phone had too many of this in a minute
	"110002": gone,                                     // not subscribed
	"110003": gone,                                     // no pushId
	"110010": refused,                                  // switched off; it may be switched on
	"110011": {Result: push.Retry, After: time.Hour},   // the phone's public messages of the day
}
