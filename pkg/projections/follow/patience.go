package follow

import (
	"context"
	"time"
)

// leastWait is the first wait of Patiently.
const leastWait = 50 * time.Millisecond

// Patiently tries until it works, or ctx ends: then it gives ctx's error. The waits between double, from 50 ms to most. What did not work is told to failed, with the
// wait that follows it.
func Patiently(ctx context.Context, most time.Duration, try func() error, failed func(err error, wait time.Duration)) error {
	for wait := leastWait; ; wait = min(2*wait, most) {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed(err, wait)
		if !Sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// Sleep says false when ctx ends before.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
