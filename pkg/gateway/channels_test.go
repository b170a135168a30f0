package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"annal/internal/bubble"
)

// TestAcquireEndsWithItsContext: whoever waits for another's subscribing may give up, and
// leaves nothing behind.
func TestAcquireEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		confirmed := make(chan struct{})
		ended := 0
		cs := newChannels(func(string) int { return 7 },
			func(context.Context, string) error { <-confirmed; return nil }, func(string) { ended++ })
		first := make(chan error, 1)
		go func() {
			_, err := cs.acquire(t.Context(), "k")
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() {
			_, err := cs.acquire(ctx, "k")
			second <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v, want %v", err, context.Canceled)
		}
		close(confirmed)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		cs.release("k")
		synctest.Wait()
		if n := len(cs.all()); n != 0 || ended != 1 {
			t.Errorf("%d channels are heard and %d ended, want 0 and 1", n, ended)
		}
	})
}
