package bench

import (
	"testing"
	"time"

	"annal/internal/rearchive"
	"annal/pkg/eventlog"
)

// BenchmarkRebuildArchive measures building the archive anew from the log, beside inserting the same rows straight, planned before,
// and beside plainly consuming the topic; all in the same run, on the same engines.
//
//	go test ./internal/bench -run xxx -bench RebuildArchive -benchtime 1x
func BenchmarkRebuildArchive(b *testing.B) {
	for range b.N {
		w := newArchiveWorld(b)
		b.ResetTimer()
		w.write(archiveEvents, 0)
		inserted, consumed := w.floor(), w.consumeCounted()
		store := w.store("archive")
		began := time.Now()
		if _, err := rearchive.Run(b.Context(), rearchive.Options{Log: w.log, Archive: store, Holder: "bench", Said: func(string) {}, Progress: func(int64, int64) {}}); err != nil {
			b.Fatal(err)
		}
		rate := float64(w.said) / time.Since(began).Seconds()
		b.ReportMetric(inserted, "insert_floor_events/s")
		b.ReportMetric(consumed, "consume_floor_events/s")
		b.ReportMetric(rate, "events/s")
		b.ReportMetric(rate/inserted, "of_insert_floor")
	}
}

// consumeCounted reads the topic by the reader's rule and does nothing else, and gives events a second.
func (w *archiveWorld) consumeCounted() float64 {
	began, n := time.Now(), 0
	for p := range int32(archivePartitions) {
		if err := eventlog.EachCounted(w.Context(), w.log, p, func(*eventlog.Record) error {
			n++
			return nil
		}); err != nil {
			w.Fatal(err)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}
