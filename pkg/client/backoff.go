package client

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 5 * time.Second
)

// backoff is how long to wait after that many failures: doubling, bounded, and
// between half and all of it, so that clients don't come back in step.
func (c *Client) backoff(failures int) time.Duration {
	d := c.opts.backoffMost
	if failures < 6 {
		d = min(d, backoffFirst<<failures)
	}
	return d/2 + rand.N(d/2)
}

// wait waits for d; false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
