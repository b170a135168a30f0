package fcm

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

// maxAnswer is how many bytes of an answer's body are read.
const maxAnswer = 64 << 10

// meaning is what comes of a letter.
type meaning struct {
	result push.Result
	all    bool
	// after is the least to wait where Google does not say.
	after time.Duration
}

// codes are Google's words for why a message was not taken: those of FCM
// (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode), and below them those of all its APIs
// (https://cloud.google.com/apis/design/errors#error_codes), which come alone where FCM was not reached.
var codes = map[string]meaning{
	"INVALID_ARGUMENT":       {push.Refused, false, 0},   // 400: a field is wrong, or the token has not the form of one
	"UNREGISTERED":           {push.Gone, false, 0},      // 404: the app is no longer on the phone, or has another token
	"SENDER_ID_MISMATCH":     {push.Refused, false, 0},   // 403: the token was made for another project; others may be ours
	"QUOTA_EXCEEDED":         {push.Retry, true, minute}, // 429: too many messages; no sooner than in a minute
	"UNAVAILABLE":            {push.Retry, true, second}, // 503: overloaded
	"INTERNAL":               {push.Retry, true, second}, // 500: something is wrong on Google's side
	"THIRD_PARTY_AUTH_ERROR": {push.Refused, false, 0},   // 401: the token is of iOS or a browser, for which the project has nothing that is good; those of Android are well

	"UNAUTHENTICATED":    {push.Misconfigured, false, 0}, // 401: the access token is no good, though it was renewed
	"PERMISSION_DENIED":  {push.Misconfigured, false, 0}, // 403: the account may not send for the project, or FCM is off there
	"NOT_FOUND":          {push.Refused, false, 0},       // 404: there is no such thing
	"RESOURCE_EXHAUSTED": {push.Retry, true, minute},     // 429
	"DEADLINE_EXCEEDED":  {push.Retry, true, second},     // 504
}

const (
	second = time.Second
	minute = time.Minute
)

// ofStatus is for answers without a word that is known.
func ofStatus(status int) meaning {
	switch {
	case status == http.StatusTooManyRequests:
		return codes["RESOURCE_EXHAUSTED"]
	case status >= 500:
		return codes["UNAVAILABLE"]
	case status == http.StatusUnauthorized:
		return codes["UNAUTHENTICATED"]
	case status == http.StatusForbidden:
		return codes["PERMISSION_DENIED"]
	}
	return meaning{result: push.Refused}
}

// failure is the body of an answer that is none of 200.
type failure struct {
	Error struct {
		Message string `json:"message"`
		// Status is the word of all APIs.
		Status  string `json:"status"`
		Details []struct {
			Type string `json:"@type"`
			// ErrorCode is FCM's, in the detail of its type.
			ErrorCode string `json:"errorCode"`
		} `json:"details"`
	} `json:"error"`
}

func (f failure) code() string {
	for _, d := range f.Error.Details {
		if d.Type == "type.googleapis.com/google.firebase.fcm.v1.FcmError" && d.ErrorCode != "" && d.ErrorCode != "UNSPECIFIED_ERROR" {
			return d.ErrorCode
		}
	}
	return f.Error.Status
}

// read makes an answer of Google's.
func read(r push.Reply, now time.Time) push.Answer {
	if r.Status == http.StatusOK {
		var said struct {
			// Name is projects/{project}/messages/{id}.
			Name string `json:"name"`
		}
		if json.Unmarshal(r.Body, &said) != nil {
			// It took it: to send it again would be worse than not to know its id.
			said.Name = ""
		}
		return push.Answer{Result: push.Delivered, VendorID: said.Name}
	}
	var said failure
	code, text := strconv.Itoa(r.Status), string(r.Body)
	if json.Unmarshal(r.Body, &said) == nil && said.code() != "" {
		code, text = said.code(), said.Error.Message
	}
	m, known := codes[code]
	if !known {
		m = ofStatus(r.Status)
	}
	a := push.Answer{Result: m.result, All: m.all, Code: push.Clip(code), Text: push.Clip(text)}
	if m.result == push.Retry {
		if a.After = r.After(now); a.After == 0 {
			a.After = m.after
		}
	}
	return a
}
