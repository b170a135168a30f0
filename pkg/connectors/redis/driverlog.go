package redis

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// driverLog takes what go-redis says of itself, which it would write past our log, a line by the retry. What matters of
// it comes as errors too, so it stays at level debug. The driver has one logger for the whole process.
type driverLog struct{ to atomic.Pointer[slog.Logger] }

var driver driverLog

func init() { redis.SetLogger(&driver) }

// Printf implements go-redis's logger.
func (d *driverLog) Printf(ctx context.Context, format string, args ...any) {
	if log := d.to.Load(); log != nil {
		log.DebugContext(ctx, "go-redis: "+fmt.Sprintf(format, args...))
	}
}
