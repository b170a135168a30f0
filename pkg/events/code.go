package events

import (
	"fmt"
	"time"
)

// Code is a stable outcome or error code from schemas/errors.yaml.
type Code string

// CodeKind says where a code comes from.
type CodeKind string

// The kinds of codes.
const (
	// KindRejected is a command's outcome in the log, the same for ever.
	KindRejected CodeKind = "rejected"
	// KindAnswered is the outcome of a command without an effect of its own; a success.
	KindAnswered CodeKind = "answered"
	// KindRefused means the gateway did not pass it on; nothing is in the log.
	KindRefused CodeKind = "refused"
	// KindHTTP is the answer to what is asked over plain HTTP.
	KindHTTP CodeKind = "http"
	// KindClose ends the connection.
	KindClose CodeKind = "close"
)

// Retry says when to try again.
type Retry string

// When to try again.
const (
	RetryNever   Retry = "never"
	RetryChanged Retry = "changed"
	RetryLater   Retry = "later"
)

// CodeInfo is a code's row in the table.
type CodeInfo struct {
	Kind  CodeKind
	Retry Retry
	// Close is the WebSocket close code, 0 unless Kind is KindClose, or it is a rejection that ends connections too.
	Close int
	Text  string
}

// Info gives a code's row; the zero CodeInfo for a code not in the table.
func (c Code) Info() CodeInfo { return codeInfo[c] }

// Codes calls f for every code of the table, in no order.
func Codes(f func(Code, CodeInfo)) {
	for c, i := range codeInfo {
		f(c, i)
	}
}

// Error is a refusal or rejection with its stable code.
type Error struct {
	Code Code
	// Detail is for people; not stable.
	Detail string
	// Seq names the message in question, 0 if none.
	Seq Seq
	// After is for how long to wait before trying again, 0 if that is not known.
	After time.Duration
}

// Errorf makes an Error with a formatted detail.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Code.Info().Text
	}
	return fmt.Sprintf("%s: %s", e.Code, text)
}
