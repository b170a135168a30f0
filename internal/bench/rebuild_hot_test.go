package bench

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"annal/internal/app"
	"annal/internal/devstack"
	"annal/internal/rebuild"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/projections/hot"
)

// rebuiltEvents is how many the log has.
const rebuiltEvents = 200_000

// BenchmarkRebuildHot measures building the hot view beside the one that is read, from real Kafka into real Redis, beside plainly consuming
// the topic in the same run.
//
//	go test ./internal/bench -run xxx -bench RebuildHot -benchtime 1x
func BenchmarkRebuildHot(b *testing.B) {
	for range b.N {
		w := newChatWorld(b)
		w.write(rebuiltEvents, 0)
		store := w.redis()
		stop := w.projector(store)
		b.ResetTimer()
		for _, what := range []string{"there", "and_back"} {
			floor := w.consume()
			rate := w.rebuild(store, what)
			b.ReportMetric(floor, "consumed/s_"+what)
			b.ReportMetric(rate, "rebuilt/s_"+what)
		}
		stop()
	}
}

func (w *archiveWorld) redis() *redis.Redis {
	w.Helper()
	o := redis.Defaults()
	o.Addrs, o.Partitions, o.Log = []string{devstack.RedisForTest(w).Addr()}, archivePartitions, slog.New(slog.DiscardHandler)
	o.Prefix = devstack.UniqueName(w) + ":"
	r, err := redis.Open(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = r.Close() })
	return r
}

// projector runs one until stop, and returns once its views are whole.
func (w *archiveWorld) projector(store *redis.Redis) (stop func()) {
	w.Helper()
	p, err := hot.New(w.Context(), hot.Options{
		Log: w.log, Store: store, Notifier: store, Source: "bench", NewViewID: app.NewViewID, CommitEvery: time.Second, Recall: time.Hour,
		Logger: slog.New(slog.DiscardHandler), Metrics: hot.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			w.Error(err)
		}
	})
	for tick := time.NewTicker(10 * time.Millisecond); p.Ready() != nil; <-tick.C {
		if w.Context().Err() != nil {
			w.Fatal("the projector does not become ready")
		}
	}
	return func() { cancel(); running.Wait() }
}

// rebuild gives records a second, from asking to the last swap.
func (w *archiveWorld) rebuild(store *redis.Redis, request string) float64 {
	w.Helper()
	began := time.Now()
	results, err := rebuild.Hot{Log: w.log, Store: store, Request: request, Idle: time.Minute, Show: func(rebuild.State) {}}.Run(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	rate := rebuiltEvents / time.Since(began).Seconds()
	for _, r := range results {
		if r.Said != hot.SaidSwapped {
			w.Fatalf("partition %d ended as %s", r.Partition, r.Said)
		}
	}
	return rate
}

// consume reads all that was written, and gives records a second.
func (w *archiveWorld) consume() float64 {
	w.Helper()
	began := time.Now()
	var group errgroup.Group
	for p := range int32(archivePartitions) {
		group.Go(func() error {
			_, end, err := w.log.Bounds(w.Context(), eventlog.Events, p)
			if err != nil {
				return err
			}
			cursor, err := w.log.Read(w.Context(), eventlog.Events, p, 0)
			if err != nil {
				return err
			}
			defer cursor.Close()
			for at := int64(0); at < end; {
				records, err := cursor.Next(w.Context())
				if err != nil {
					return err
				}
				if len(records) == 0 {
					return errors.New("no records")
				}
				at = records[len(records)-1].Offset + 1
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		w.Fatal(err)
	}
	return rebuiltEvents / time.Since(began).Seconds()
}
