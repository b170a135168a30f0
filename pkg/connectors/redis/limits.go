package redis

import (
	"context"
	"fmt"
	"time"

	"annal/pkg/limits"
)

// Counts is where it is counted over all gateways how often something is done.
type Counts struct{ r *Redis }

var _ limits.Store = Counts{}

// Counts counts here, by Redis's clock; a key that does nothing for a while is gone.
func (r *Redis) Counts() Counts { return Counts{r} }

// Take implements limits.Store.
func (c Counts) Take(ctx context.Context, key string, r limits.Rate, n int) (granted int, wait time.Duration, err error) {
	got, err := c.r.scripts.limit.Run(ctx, c.r.aside, []string{c.r.opts.Prefix + "annal:limit:" + key}, r.Each.Microseconds(), r.Burst, n).Int64Slice()
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("redis: count: %w", err)
	case len(got) != 2:
		return 0, 0, fmt.Errorf("redis: count: it answers %v", got)
	}
	return int(got[0]), time.Duration(got[1]) * time.Microsecond, nil
}
