// Package rest is what a gateway answers over plain HTTP, beside its socket: errors have the codes and the fields that they have there.
package rest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
)

// Tokens checks tokens.
type Tokens interface {
	Verify(token string) (auth.Identity, *events.Error)
}

// Limits is [limits.Limiter]'s.
type Limits interface {
	Allow(ctx context.Context, c limits.Class, w limits.Who) (wait time.Duration, ok bool)
}

// RemoteAddress is where a request comes from, without its port.
func RemoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Bearer says whom a request's token speaks for.
func Bearer(r *http.Request, tokens Tokens) (auth.Identity, *events.Error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.Identity{}, events.Errorf(events.CodeBadToken, "the header Authorization is Bearer and a token")
	}
	return tokens.Verify(token)
}

// statuses are those of codes that are not the server's own trouble.
var statuses = map[events.Code]int{
	events.CodeRateLimited: http.StatusTooManyRequests, events.CodeBadToken: http.StatusUnauthorized, events.CodeTokenExpired: http.StatusUnauthorized,
	events.CodeLoginEnded: http.StatusUnauthorized, events.CodeBadCredentials: http.StatusUnauthorized, events.CodeInvalidField: http.StatusBadRequest,
	events.CodeBadPassword: http.StatusBadRequest, events.CodeUserExists: http.StatusConflict, events.CodeSignupClosed: http.StatusForbidden,
	events.CodeNoSuchInvite: http.StatusForbidden, events.CodeInviteExpired: http.StatusForbidden, events.CodeInviteUsedUp: http.StatusForbidden,
	events.CodeAccountBanned: http.StatusForbidden, events.CodeAccountClosed: http.StatusForbidden,
}

// retryAfter is when a client may try again what can't be done now, at the earliest.
const retryAfter = time.Second

// Refuse answers with an error, and after what time to try again if that is known.
func Refuse(w http.ResponseWriter, e *events.Error) {
	info := e.Code.Info()
	body := struct {
		Code         events.Code `json:"code"`
		Message      string      `json:"message"`
		Retry        string      `json:"retry"`
		RetryAfterMs int64       `json:"retry_after_ms,omitempty,string"`
	}{Code: e.Code, Message: e.Detail, Retry: string(info.Retry)}
	if body.Message == "" {
		body.Message = info.Text
	}
	status, known := statuses[e.Code]
	if !known {
		status = http.StatusServiceUnavailable
	}
	switch {
	case info.Retry == events.RetryLater:
		after := max(e.After, retryAfter)
		body.RetryAfterMs = after.Milliseconds()
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	Answer(w, status, body)
}

// Answer answers with JSON.
func Answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked is gone if that fails
}

// shared lets pages of some origins ask, of all where none is named: what is asked for needs a token, which no page of a stranger has.
func shared(h http.Handler, origins []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin != "" {
			w.Header().Add("Vary", "Origin")
			if len(origins) > 0 && !slices.Contains(origins, origin) {
				http.Error(w, "this page's origin may not ask here", http.StatusForbidden)
				return
			}
			w.Header().Set("Access-Control-Allow-Origin", origin)
		}
		switch {
		case r.Method == http.MethodOptions && origin != "":
			w.Header().Set("Access-Control-Allow-Headers", "Authorization")
			w.Header().Set("Access-Control-Allow-Methods", http.MethodGet)
			w.WriteHeader(http.StatusNoContent)
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			h.ServeHTTP(w, r)
		}
	})
}
