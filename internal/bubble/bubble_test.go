package bubble

import (
	"sync"
	"testing"
	"time"
)

// Receivers of timers that are due already, many at once: under the race detector this ends the process, all its tests
// with it, wherever a bubble has several threads.
func TestTimersDueAlready(t *testing.T) {
	for range 50 {
		Test(t, func(t *testing.T) {
			var receivers sync.WaitGroup
			for range 8 {
				receivers.Go(func() {
					for range 300 {
						timer := time.NewTimer(0)
						select {
						case <-timer.C:
						case <-t.Context().Done():
						}
					}
				})
			}
			receivers.Wait()
		})
	}
}
