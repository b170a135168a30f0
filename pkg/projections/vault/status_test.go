package vault_test

import (
	"fmt"
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
)

// TestStatus: it tells what is sealed, what that takes, and how old the first is that is not.
func TestStatus(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		status := func() (s [2]string, bytes int64, seconds float64) {
			t.Helper()
			all, err := w.log().Status(t.Context(), 1, time.Now())
			if err != nil || len(all) != 1 {
				t.Fatalf("got %+v, %v", all, err)
			}
			is := all[0]
			return [2]string{offsets(is.Sealed, is.Behind), offsets(is.LogStart, is.LogEnd)}, is.Bytes, is.BehindSeconds
		}
		w.say(20)
		<-time.After(7 * time.Second)
		if s, bytes, seconds := status(); s != [2]string{"0 21", "0 21"} || bytes != 0 || seconds != 7 {
			t.Errorf("before anything is sealed: %v, %d bytes, %v s", s, bytes, seconds)
		}
		w.seal()
		s, bytes, seconds := status()
		if s != [2]string{"21 0", "0 21"} || bytes == 0 || seconds != 0 {
			t.Errorf("all sealed: %v, %d bytes, %v s", s, bytes, seconds)
		}
		w.say(5)
		<-time.After(3 * time.Second)
		w.memory.Trim(eventlog.Events, 0, 10)
		if s, was, seconds := status(); s != [2]string{"21 5", "10 26"} || was != bytes || seconds != 3 {
			t.Errorf("with five more: %v, %d bytes, %v s", s, was, seconds)
		}
	})
}

func offsets(a, b int64) string { return fmt.Sprint(a, " ", b) }
