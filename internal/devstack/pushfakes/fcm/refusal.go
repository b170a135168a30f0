package fcmfake

import (
	"net/http"
	"strconv"

	"annal/internal/devstack/pushfakes"
)

// refusal is an answer of Google's that is none of 200
// (https://firebase.google.com/docs/cloud-messaging/error-codes).
type refusal struct {
	status int
	// word is that of all of Google's APIs, code FCM's own, which not all have.
	word, text, code string
	// field is what of the request is wrong, if it is one.
	field string
	// reason is why the caller is not known.
	reason string
}

func (q *refusal) write(w http.ResponseWriter) {
	var details []map[string]any
	if q.field != "" {
		details = append(details, map[string]any{
			"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []map[string]string{{"field": q.field, "description": q.text}},
		})
	}
	if q.reason != "" {
		details = append(details, map[string]any{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": q.reason, "domain": "googleapis.com",
			"metadata": map[string]string{"service": "fcm.googleapis.com"},
		})
	}
	if q.code != "" {
		details = append(details, map[string]any{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": q.code})
	}
	said := map[string]any{"code": q.status, "message": q.text, "status": q.word}
	if details != nil {
		said["details"] = details
	}
	pushfakes.Answer(w, q.status, map[string]any{"error": said})
}

// invalid is what FCM says of a message, field what the parser before it says of JSON.
func invalid(text string) *refusal {
	return &refusal{status: 400, word: "INVALID_ARGUMENT", text: text, code: "INVALID_ARGUMENT"}
}

func field(name, text string) *refusal {
	return &refusal{status: 400, word: "INVALID_ARGUMENT", text: text, field: name}
}

// documented are FCM's codes with the status and the word of all APIs that they come with
// (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode), and the words that come alone.
var documented = map[string]refusal{
	"INVALID_ARGUMENT":       {status: 400, word: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT", text: "Request contains an invalid argument."},
	"UNREGISTERED":           {status: 404, word: "NOT_FOUND", code: "UNREGISTERED", text: "Requested entity was not found."},
	"SENDER_ID_MISMATCH":     {status: 403, word: "PERMISSION_DENIED", code: "SENDER_ID_MISMATCH", text: "SenderId mismatch"},
	"QUOTA_EXCEEDED":         {status: 429, word: "RESOURCE_EXHAUSTED", code: "QUOTA_EXCEEDED", text: "Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute'"},
	"UNAVAILABLE":            {status: 503, word: "UNAVAILABLE", code: "UNAVAILABLE", text: "The service is currently unavailable."},
	"INTERNAL":               {status: 500, word: "INTERNAL", code: "INTERNAL", text: "Internal error encountered."},
	"THIRD_PARTY_AUTH_ERROR": {status: 401, word: "UNAUTHENTICATED", code: "THIRD_PARTY_AUTH_ERROR", text: "Auth error from APNS or Web Push Service"},
	"UNSPECIFIED_ERROR":      {status: 400, word: "UNKNOWN", code: "UNSPECIFIED_ERROR", text: "No more information is available about this error."},
	"UNAUTHENTICATED":        {status: 401, word: "UNAUTHENTICATED", reason: "ACCESS_TOKEN_EXPIRED", text: "Request had invalid authentication credentials."},
	"PERMISSION_DENIED":      {status: 403, word: "PERMISSION_DENIED", reason: "SERVICE_DISABLED", text: "Firebase Cloud Messaging API has not been used in the project before or it is disabled."},
	"NOT_FOUND":              {status: 404, word: "NOT_FOUND", text: "Requested entity was not found."},
	"RESOURCE_EXHAUSTED":     {status: 429, word: "RESOURCE_EXHAUSTED", text: "Resource has been exhausted (e.g. check quota)."},
	"DEADLINE_EXCEEDED":      {status: 504, word: "DEADLINE_EXCEEDED", text: "Deadline exceeded."},
}

// Codes are the documented words, which are names of faults.
func Codes() []string {
	all := make([]string, 0, len(documented))
	for code := range documented {
		all = append(all, code)
	}
	return all
}

// provoked is the answer of a fault: a documented one, or a status with a word that Google never said.
func provoked(name string) *refusal {
	q, known := documented[name]
	if !known {
		q = refusal{status: http.StatusBadRequest, word: name, text: "It is told to say so."}
		if status, err := strconv.Atoi(name); err == nil {
			q.status, q.word = status, ""
		}
	}
	return &q
}
