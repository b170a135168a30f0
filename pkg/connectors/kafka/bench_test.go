package kafka

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// The payload and the figures to compare with are those of the project's floors:
// 300 bytes; append p50 0.19 ms at 1 in flight, 0.64 at 16, 2.7 at 1024; append to
// read 0.37 at 1, 4.3 at 1024; all with one node of Apache Kafka on the same machine.

// benchKafka is a broker with the compiler that tests go without, for all benchmarks.
var benchKafka = sync.OnceValues(func() (*devstack.Kafka, error) {
	return devstack.StartKafka(context.Background(), devstack.KafkaOptions{HeapMiB: 1024, JVMFlags: []string{"-XX:TieredStopAtLevel=4"}})
})

// withBenchKafka stops that broker after all benchmarks.
type withBenchKafka struct{ *testing.M }

func (m withBenchKafka) Run() int {
	code := m.M.Run()
	if !benchKafkaAsked.Load() {
		return code
	}
	if k, err := benchKafka(); err == nil && k.Stop() != nil {
		return 1
	}
	return code
}

var benchKafkaAsked atomic.Bool

func benchLog(b *testing.B) *Log {
	b.Helper()
	benchKafkaAsked.Store(true)
	k, err := benchKafka()
	if err != nil {
		b.Fatal(err)
	}
	o := Defaults()
	o.Seeds, o.Prefix = k.Addrs(), devstack.UniqueName(b)+"."
	o.Log, o.Metrics = slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry()
	log := openLog(b, o)
	if err := log.CreateTopics(b.Context(), EmbeddedSpec()); err != nil {
		b.Fatal(err)
	}
	return log
}

func payload(i int) events.Record {
	return events.Record{Key: fmt.Appendf(nil, "g_%d", i%1000), Value: make([]byte, 300)}
}

// BenchmarkAppend keeps a number of appends in flight, over four partitions.
func BenchmarkAppend(b *testing.B) {
	for _, inFlight := range []int{1, 16, 64, 256, 1024} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			log := benchLog(b)
			run(b, log, 1000, inFlight) // warm
			b.ResetTimer()
			report(b, run(b, log, b.N, inFlight))
		})
	}
}

// BenchmarkFloor is BenchmarkAppend with franz-go alone, without linger.
func BenchmarkFloor(b *testing.B) {
	for _, inFlight := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			log := benchLog(b)
			client, err := log.opts.client(kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerBatchCompression(kgo.NoCompression()))
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close()
			produce := func(n int) []time.Duration {
				took := make([]time.Duration, n)
				slots := make(chan struct{}, inFlight)
				for i := range n {
					slots <- struct{}{}
					start := time.Now()
					r := payload(i)
					client.Produce(b.Context(), &kgo.Record{Topic: log.opts.topic(eventlog.Commands), Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) {
						took[i] = time.Since(start)
						if err != nil {
							b.Error(err)
						}
						<-slots
					})
				}
				for range inFlight {
					slots <- struct{}{}
				}
				return took
			}
			produce(1000)
			b.ResetTimer()
			report(b, produce(b.N))
		})
	}
}

// run appends n records and gives how long each took.
func run(b *testing.B, log *Log, n, inFlight int) []time.Duration {
	b.Helper()
	took := make([]time.Duration, n)
	slots := make(chan struct{}, inFlight)
	var failed atomic.Pointer[error]
	for i := range n {
		slots <- struct{}{}
		start := time.Now()
		log.Append(b.Context(), eventlog.Commands, eventlog.ByKey, payload(i), func(_ int32, _ int64, err error) {
			took[i] = time.Since(start)
			if err != nil {
				failed.Store(&err)
			}
			<-slots
		})
	}
	for range inFlight {
		slots <- struct{}{}
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return took
}

func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(0, "ns/op")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkAppendToRead takes the time from append to a cursor's Next; four
// cursors of one Log read, as a role of four partitions has.
func BenchmarkAppendToRead(b *testing.B) {
	for _, inFlight := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			log := benchLog(b)
			through(b, log, 1000, func(slots chan struct{}) { slots <- struct{}{} }, inFlight)
			b.ResetTimer()
			report(b, through(b, log, b.N, func(slots chan struct{}) { slots <- struct{}{} }, inFlight))
		})
	}
}

// BenchmarkSteady appends at a steady rate, as many clients do, and takes the time
// to a cursor's Next.
func BenchmarkSteady(b *testing.B) {
	for _, perSecond := range []int{1_000, 5_000, 20_000} {
		b.Run(fmt.Sprint(perSecond), func(b *testing.B) {
			log := benchLog(b)
			pace := func() func(chan struct{}) {
				start, n := time.Now(), 0
				return func(chan struct{}) {
					n++
					<-time.After(time.Until(start.Add(time.Duration(n) * time.Second / time.Duration(perSecond))))
				}
			}
			through(b, log, 1000, pace(), 0)
			b.ResetTimer()
			report(b, through(b, log, b.N, pace(), 0))
		})
	}
}

// through appends n records, each when next lets it, and gives how long each took
// until it was read. Reading one frees a slot.
func through(b *testing.B, log *Log, n int, next func(slots chan struct{}), inFlight int) []time.Duration {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	starts, took := make([]time.Time, n), make([]time.Duration, n)
	slots := make(chan struct{}, inFlight)
	var left sync.WaitGroup
	left.Add(n)
	for p := range EmbeddedSpec().Partitions {
		_, end, err := log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			b.Fatal(err)
		}
		cursor, err := log.Read(ctx, eventlog.Events, p, end)
		if err != nil {
			b.Fatal(err)
		}
		defer cursor.Close()
		go func() {
			for {
				records, err := cursor.Next(ctx)
				if err != nil {
					return
				}
				now := time.Now()
				for _, r := range records {
					var i int
					_, _ = fmt.Sscan(string(r.Headers[0].Value), &i)
					took[i] = now.Sub(starts[i])
					if inFlight > 0 {
						<-slots
					}
					left.Done()
				}
			}
		}()
	}
	for i := range n {
		next(slots)
		r := payload(i)
		r.Headers = []events.Header{{Name: "i", Value: fmt.Append(nil, i)}}
		starts[i] = time.Now()
		log.Append(ctx, eventlog.Events, eventlog.ByKey, r, func(int32, int64, error) {})
	}
	left.Wait()
	return took
}
