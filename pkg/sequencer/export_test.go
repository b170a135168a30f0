package sequencer

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
)

// TakeCheckpoint takes a checkpoint of partition 0.
func TakeCheckpoint(ctx context.Context, log eventlog.Log, store Store) error {
	c := &checkpointer{log: log, store: store, source: "/bench", metrics: NewMetrics(prometheus.NewRegistry()), logger: slog.New(slog.DiscardHandler)}
	return c.take(ctx, true)
}

// Restore fills the empty store of partition 0 from its newest checkpoint.
func Restore(ctx context.Context, log eventlog.Log, store Store, end int64) (bool, error) {
	r := &restorer{log: log, store: store, source: "/bench", look: firstLook}
	_, ok, _, err := r.restore(ctx, 0, 0, end)
	return ok, err
}
