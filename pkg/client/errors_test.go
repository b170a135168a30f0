package client

import (
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// TestErrorTellsWhoWasSkipped: what the frame says, the error says.
func TestErrorTellsWhoWasSkipped(t *testing.T) {
	e := errorFrom(&clientv1.Error{Code: "SESSION_FULL", Skipped: []*logv1.Skipped{{User: "dan", Code: "SESSION_FULL"}}})
	if len(e.Skipped) != 1 || e.Skipped[0].GetUser() != "dan" || e.Retry == "" {
		t.Errorf("got %+v", e)
	}
}
