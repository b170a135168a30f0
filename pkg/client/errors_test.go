package client

import (
	"testing"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// TestErrorTellsWhoWasSkipped: what the frame says, the error says.
func TestErrorTellsWhoWasSkipped(t *testing.T) {
	e := errorFrom(&clientv1.Error{Code: "SESSION_FULL", Skipped: []*logv1.Skipped{{User: "dan", Code: "SESSION_FULL"}}})
	if len(e.Skipped) != 1 || e.Skipped[0].GetUser() != "dan" || e.Retry == "" {
		t.Errorf("got %+v", e)
	}
}

// TestFinalCodes: whose login or account ended gets in no more, whatever the gateway; other ends are waited out.
func TestFinalCodes(t *testing.T) {
	for code, want := range map[events.Code]bool{
		events.CodeLoginEnded: true, events.CodeLoginReplaced: true, events.CodeAccountBanned: true, events.CodeAccountClosed: true,
		events.CodeTokenExpired: false, events.CodeGoingAway: false, events.CodeTooSlow: false, events.CodeHelloTimeout: false,
	} {
		err := closeError(&websocket.CloseError{Code: code.Info().Close, Text: string(code)})
		if got := fatal(err); got != want {
			t.Errorf("%s is final: %v, want %v", code, got, want)
		}
	}
}
