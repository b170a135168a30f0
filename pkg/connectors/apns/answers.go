package apns

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// maxAnswer is how many bytes of an answer's body are read; Apple's have less than a hundred.
const maxAnswer = 16 << 10

// meaning is what comes of a letter.
type meaning struct {
	result push.Result
	all    bool
}

// reasons are Apple's words for why a notification was not taken
// (https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns, "Understand error codes").
var reasons = map[string]meaning{
	// 400
	"BadCollapseId":          {push.Refused, false},       // the collapse id has more than 64 bytes
	"BadDeviceToken":         {push.Refused, false},       // no token, or one of the other endpoint: with a wrong setting all would be, so it isn't Gone
	"BadExpirationDate":      {push.Refused, false},       // apns-expiration is no number
	"BadMessageId":           {push.Refused, false},       // apns-id is no UUID
	"BadPriority":            {push.Refused, false},       // apns-priority is none of 1, 5 and 10, or not one for the push type
	"BadTopic":               {push.Misconfigured, false}, // the topic is none
	"DeviceTokenNotForTopic": {push.Refused, false},       // the token is another app's
	"DuplicateHeaders":       {push.Refused, false},       // a header came twice
	"IdleTimeout":            {push.Retry, false},         // the connection was idle for too long
	"InvalidPushType":        {push.Refused, false},       // apns-push-type is none of Apple's
	"MissingDeviceToken":     {push.Refused, false},       // the path has no token
	"MissingTopic":           {push.Misconfigured, false}, // apns-topic is missing, and nothing else says the app
	"PayloadEmpty":           {push.Refused, false},       // there is no payload
	"TopicDisallowed":        {push.Misconfigured, false}, // we may not push to the topic
	// 403
	"BadCertificate":             {push.Misconfigured, false}, // the client's certificate is bad
	"BadCertificateEnvironment":  {push.Misconfigured, false}, // the client's certificate is for the other endpoint
	"ExpiredProviderToken":       {push.Misconfigured, false}, // ours is old, though it was made anew: our clock is wrong
	"Forbidden":                  {push.Misconfigured, false}, // the action is not allowed
	"InvalidProviderToken":       {push.Misconfigured, false}, // ours is not valid, or its signature is not the key's
	"MissingProviderToken":       {push.Misconfigured, false}, // there is neither a certificate nor a token
	"UnrelatedKeyIdInToken":      {push.Retry, true},          // the connection began with another key: a new one is needed, see letGo
	"BadEnvironmentKeyIdInToken": {push.Misconfigured, false}, // the key is for the other endpoint
	// 404, 405
	"BadPath":          {push.Refused, false}, // the path is bad
	"MethodNotAllowed": {push.Refused, false}, // the method was not POST
	// 410
	"ExpiredToken": {push.Gone, false}, // the device's token has expired
	"Unregistered": {push.Gone, false}, // the device's token is inactive for the topic
	// 413
	"PayloadTooLarge": {push.Refused, false}, // the payload is over the limit
	// 429
	"TooManyProviderTokenUpdates": {push.Retry, true},  // our token changes more often than every 20 minutes
	"TooManyRequests":             {push.Retry, false}, // too many to the same device in a row
	// 500, 503
	"InternalServerError": {push.Retry, true}, // something is wrong on Apple's side
	"ServiceUnavailable":  {push.Retry, true}, // the service is not available
	"Shutdown":            {push.Retry, true}, // the server is being shut down
}

// ofStatus is for answers without a word that is known.
func ofStatus(status int) meaning {
	switch {
	case status == http.StatusTooManyRequests, status >= 500:
		return meaning{push.Retry, true}
	case status == http.StatusForbidden:
		return meaning{push.Misconfigured, false}
	case status == http.StatusGone:
		return meaning{push.Gone, false}
	}
	return meaning{push.Refused, false}
}

// read makes an answer of Apple's.
func read(r push.Reply, now time.Time) push.Answer {
	if r.Status == http.StatusOK {
		return push.Answer{Result: push.Delivered, VendorID: r.Header.Get("apns-id")}
	}
	var said struct {
		Reason string `json:"reason"`
		// Timestamp is in milliseconds, and there with 410 only.
		Timestamp int64 `json:"timestamp"`
	}
	text := ""
	if json.Unmarshal(r.Body, &said) != nil || said.Reason == "" {
		said.Reason, text = strconv.Itoa(r.Status), push.Clip(string(r.Body))
	}
	m, known := reasons[said.Reason]
	if !known {
		m = ofStatus(r.Status)
	}
	a := push.Answer{Result: m.result, All: m.all, Code: push.Clip(said.Reason), Text: text}
	switch m.result {
	case push.Gone:
		a.Since = events.Millis(max(said.Timestamp, 0))
	case push.Retry:
		a.After = r.After(now)
	}
	return a
}
