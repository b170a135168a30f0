package client

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// Errors of this package.
var (
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("client: closed")
	// ErrOutcomeUnknown: the command may or may not take effect. Asking again with
	// the same client id tells, and does not repeat it.
	ErrOutcomeUnknown = errors.New("client: outcome unknown")
	// ErrSubscribed: the session has a stream already.
	ErrSubscribed = errors.New("client: already subscribed")
)

// Error is a refusal or rejection by its stable code.
type Error struct {
	Code events.Code
	// Message is for people; not stable.
	Message string
	Retry   events.Retry
	// RetryAfter is how long to wait, where the server said so.
	RetryAfter time.Duration
	// Seq is the message in question, 0 if none.
	Seq uint64
	// Duplicate: the command was sent before, and this is what came of it then.
	Duplicate bool
	// Resent: this client sent the command more than once before the answer came, so
	// a Duplicate may be its own.
	Resent bool
	// Skipped says of a command about several people, which had an effect on none, why: person by person.
	Skipped []*logv1.Skipped
}

func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = e.Code.Info().Text
	}
	return fmt.Sprintf("%s: %s", e.Code, text)
}

func errorFrom(m *clientv1.Error) *Error {
	e := &Error{
		Code: events.Code(m.GetCode()), Message: m.GetMessage(), Retry: events.Retry(m.GetRetry()),
		RetryAfter: time.Duration(m.GetRetryAfterMs()) * time.Millisecond, Seq: m.GetSeq(), Duplicate: m.GetDuplicate(),
	}
	e.Skipped = m.GetSkipped()
	if e.Retry == "" {
		e.Retry = e.Code.Info().Retry
	}
	return e
}

// closeCodes maps WebSocket close codes to ours.
var closeCodes = func() map[int]events.Code {
	m := map[int]events.Code{}
	events.Codes(func(c events.Code, i events.CodeInfo) {
		if i.Close != 0 {
			m[i.Close] = c
		}
	})
	return m
}()

// closeError tells our close codes from other ends of a connection.
func closeError(err error) error {
	var ce *websocket.CloseError
	if !errors.As(err, &ce) {
		return err
	}
	code, ok := closeCodes[ce.Code]
	if !ok {
		return err
	}
	e := &Error{Code: code, Message: ce.Text, Retry: code.Info().Retry}
	if ce.Text == string(code) { // as gateways say it
		e.Message = code.Info().Text
	}
	return e
}

// fatal says whether connecting again will fare the same.
func fatal(err error) bool {
	if errors.Is(err, errSameToken) {
		return true
	}
	var e *Error
	if errors.As(err, &e) {
		switch e.Code {
		case events.CodeTokenExpired, events.CodeHelloTimeout:
			return false
		}
		return e.Retry != events.RetryLater
	}
	var h *HandshakeError
	if errors.As(err, &h) {
		switch h.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return false
		}
		return h.Status < http.StatusInternalServerError
	}
	return errors.Is(err, errNoGateway)
}

// unknownIf adds to err that the outcome is unknown, if the frame was ever sent.
func unknownIf(sent bool, err error) error {
	if sent {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("client: not sent: %w", err)
}
