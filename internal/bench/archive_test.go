package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/devstack"
	"annal/internal/freshness"
	"annal/pkg/connectors/clickhouse"
	"annal/pkg/connectors/kafka"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

const (
	archiveEvents     = 200_000
	archivePartitions = 4
	archiveSessions   = 400
	// archiveInsertion is how many outcomes the floor inserts at once.
	archiveInsertion = 20_000
	steadyRate       = 5000
	steadySpan       = 20 * time.Second
)

// BenchmarkArchive measures the archiver beside inserting the same rows straight with clickhouse-go, on the same ClickHouse engine and in
// the same run; then how far it is behind a steady 5,000 events a second; then what an event takes on disk.
//
//	go test ./internal/bench -run xxx -bench Archive -benchtime 1x
func BenchmarkArchive(b *testing.B) {
	for range b.N {
		w := newArchiveWorld(b)
		b.ResetTimer()
		w.write(archiveEvents, 0)
		floor := w.floor()
		rate := w.archive()
		b.ReportMetric(floor, "floor_events/s")
		b.ReportMetric(rate, "events/s")
		b.ReportMetric(rate/floor, "of_floor")
		w.steady()
		w.size()
	}
}

type archiveWorld struct {
	*testing.B
	log  *kafka.Log
	ch   *devstack.ClickHouse
	conn conn.Conn
	// of each partition: the offset and command of the last outcome.
	last [archivePartitions]int64
	seqs map[events.SessionID]events.Seq
	idx  map[events.SessionID]events.Index
	prev map[events.SessionID]events.Hash
	said int
}

func newArchiveWorld(b *testing.B) *archiveWorld {
	b.Helper()
	w := newChatWorld(b)
	ch, err := devstack.StartClickHouse(b.Context(), devstack.ClickHouseOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := ch.Stop(); err != nil {
			b.Error(err)
		}
	})
	c, err := driver.Open(&driver.Options{Addr: []string{ch.Addr()}, Protocol: driver.HTTP, Auth: driver.Auth{Username: "default"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	w.ch, w.conn = ch, c
	return w
}

// newChatWorld has a log alone.
func newChatWorld(b *testing.B) *archiveWorld {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	broker, err := devstack.StartKafka(b.Context(), devstack.KafkaOptions{})
	must(err)
	b.Cleanup(func() { must(broker.Stop()) })
	log, err := kafka.Open(b.Context(), kafka.Options{Seeds: broker.Addrs(), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	must(err)
	b.Cleanup(log.Close)
	spec := kafka.DefaultSpec()
	spec.Partitions, spec.Replication, spec.MinISR = archivePartitions, 1, 1
	must(log.CreateTopics(b.Context(), spec))
	w := &archiveWorld{B: b, log: log, seqs: map[events.SessionID]events.Seq{}, idx: map[events.SessionID]events.Index{}, prev: map[events.SessionID]events.Hash{}}
	for p := range int32(archivePartitions) {
		r, err := events.EncodeFence(events.Fence{Owner: archiveOwner}, archiveEnvelope)
		must(err)
		var done sync.WaitGroup
		done.Add(1)
		log.Append(b.Context(), eventlog.Events, p, r, func(_ int32, _ int64, err error) {
			defer done.Done()
			must(err)
		})
		done.Wait()
		w.last[p] = -1
	}
	return w
}

var (
	archiveOwner    = events.Owner{N: 1, Random: [16]byte{1}}
	archiveEnvelope = events.Envelope{Source: "bench"}
	archiveWords    = strings.Fields("the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part")
)

// write appends events of a chat as a sequencer would, so many a second; 0 is as fast as may be.
func (w *archiveWorld) write(n, perSecond int) {
	var written sync.WaitGroup
	began := time.Now()
	for i := range n {
		if perSecond > 0 && i%50 == 0 {
			until := began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
			timer := time.NewTimer(time.Until(until))
			<-timer.C
		}
		w.say(&written)
	}
	written.Wait()
}

// say appends the next event: mostly messages, some changes and markers.
func (w *archiveWorld) say(written *sync.WaitGroup) {
	i := w.said
	w.said++
	s := events.SessionID(fmt.Sprintf("g_%030d", i%archiveSessions))
	p := eventlog.KeyPartition([]byte(s), archivePartitions)
	user := events.UserID(fmt.Sprintf("user%05d", i*7919%5000))
	o := events.Outcome{
		ID: events.NewID(events.Millis(time.Now().UnixMilli()), "bench", p, w.last[p]+1), Session: s, Actor: events.Actor{User: user}, ClientID: fmt.Sprintf("client-%d", i),
		Client: events.ClientContext{Device: "phone", Version: "1.2.3", Address: events.Address{Plain: "192.0.2.7"}}, Time: events.Millis(time.Now().UnixMilli()), PrevHash: w.prev[s],
	}
	seq, idx := w.seqs[s], w.idx[s]
	var e events.Event
	switch {
	case seq == 0:
		e = events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: user, Role: events.RoleOwner}}, Title: "A group"}
	case i%20 == 7:
		e = events.Read{Marker: seq, MarkerIndex: idx}
	case i%20 == 11 && idx > 0:
		e = events.Reacted{Target: 2, TargetIndex: 1, Emoji: "👍"}
	case i%40 == 13 && idx > 0:
		e = events.Overridden{Target: 2, TargetIndex: 1, Body: events.TextBody(chat(i))}
	default:
		idx++
		e = events.Sent{Index: idx, Body: events.TextBody(chat(i))}
	}
	a := events.Accepted{Event: e}
	if _, marker := e.(events.Read); !marker {
		seq++
		a.Seq = seq
	}
	o.Result = a
	r, err := events.EncodeOutcome(o, events.Stamp{Owner: archiveOwner, Command: w.last[p] + 1, Prev: w.last[p]}, archiveEnvelope)
	if err != nil {
		w.Fatal(err)
	}
	w.last[p]++
	w.seqs[s], w.idx[s], w.prev[s] = seq, idx, sha256.Sum256(r.Value)
	written.Add(1)
	w.log.Append(w.Context(), eventlog.Events, p, r, func(_ int32, _ int64, err error) {
		defer written.Done()
		if err != nil {
			w.Error(err)
		}
	})
}

// chat is some words, as people say them.
func chat(i int) string {
	words := make([]string, 3+i%17)
	for n := range words {
		words[n] = archiveWords[(i*31+n*n*7)%len(archiveWords)]
	}
	return strings.Join(words, " ")
}

func (w *archiveWorld) store(database string) *clickhouse.ClickHouse {
	o := clickhouse.Defaults()
	o.URL, o.Database = w.ch.URL(), database
	c, err := clickhouse.Open(o)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	if _, err := c.Migrate(w.Context(), clickhouse.MigrateOptions{Program: "bench", Holder: "bench"}); err != nil {
		w.Fatal(err)
	}
	return c
}

// floor inserts the rows of what was written, planned before, and gives events a second.
func (w *archiveWorld) floor() float64 {
	store := w.store("floor")
	var batches []archive.Rows
	n := 0
	for p := range int32(archivePartitions) {
		var outcomes []follow.Outcome
		if err := eventlog.EachCounted(w.Context(), w.log, p, func(r *eventlog.Record) error {
			o, err := events.DecodeOutcome(r.Record)
			outcomes = append(outcomes, follow.Outcome{Outcome: o, Offset: r.Offset, Record: r.Record})
			return err
		}); err != nil {
			w.Fatal(err)
		}
		for batch := range slices.Chunk(outcomes, archiveInsertion) {
			batches = append(batches, archive.Plan(p, batch))
			n += len(batch)
		}
	}
	began := time.Now()
	for i := range batches {
		if err := store.Insert(w.Context(), &batches[i]); err != nil {
			w.Fatal(err)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// archiver runs one in this process until stop.
func (w *archiveWorld) archiver(store archive.Store) (stop func()) {
	registry := prometheus.NewRegistry()
	projector := archive.New(archive.Options{
		Log: w.log, Store: store, Source: "bench", ReportEvery: 5 * time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Metrics: archive.NewMetrics(registry),
	})
	f, err := follow.New(w.Context(), follow.Options{
		Log: w.log, Group: archive.Group, Role: "archive", CommitEvery: time.Second, Handler: projector,
		Gather: follow.Gather{Wait: 500 * time.Millisecond, Bytes: 64 << 20}, Logger: slog.New(slog.DiscardHandler), Metrics: follow.NewMetrics(registry, "archive"),
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	var gone sync.WaitGroup
	gone.Go(func() {
		if err := f.Run(ctx); err != nil {
			w.Error(err)
		}
	})
	return func() {
		cancel()
		gone.Wait()
	}
}

// archive archives all that was written, and gives events a second from the first row to the last.
func (w *archiveWorld) archive() float64 {
	store := w.store("archive")
	stop := w.archiver(store)
	defer stop()
	var began time.Time
	var first uint64
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		counts, err := store.Count(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		n := counts[archive.KindAccepted]
		if began.IsZero() && n > 0 {
			began, first = time.Now(), n
		}
		if n == uint64(w.said) {
			break
		}
	}
	return float64(uint64(w.said)-first) / time.Since(began).Seconds()
}

// steady writes at a steady rate and looks how old the newest archived outcome is.
func (w *archiveWorld) steady() {
	stop := w.archiver(w.store("archive"))
	defer stop()
	w.write(steadyRate, steadyRate) // the group gives partitions meanwhile
	if err := freshness.Await(w.Context(), w.log); err != nil {
		w.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.write(int(steadySpan.Seconds())*steadyRate, steadyRate)
	}()
	var lags []float64
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		select {
		case <-done:
			slices.Sort(lags)
			w.ReportMetric(lags[len(lags)/2], "lag_p50_s")
			w.ReportMetric(lags[len(lags)*99/100], "lag_p99_s")
			w.ReportMetric(float64(steadyRate), "steady/s")
			return
		default:
		}
		var newest time.Time
		if err := w.conn.QueryRow(w.Context(), "SELECT max(time) FROM archive.event_rows").Scan(&newest); err != nil {
			w.Fatal(err)
		}
		lags = append(lags, time.Since(newest).Seconds())
	}
}

// size tells what an event takes on disk, by table, once all is merged.
func (w *archiveWorld) size() {
	for _, table := range []string{"event_rows", "message_rows", "marker_rows", "member_rows", "session_rows"} {
		if err := w.conn.Exec(w.Context(), "OPTIMIZE TABLE archive."+table+" FINAL"); err != nil {
			w.Fatal(err)
		}
	}
	rows, err := w.conn.Query(w.Context(), "SELECT table, sum(bytes_on_disk), sum(rows) FROM system.parts WHERE database = 'archive' AND active GROUP BY table ORDER BY 2 DESC")
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	total := 0.0
	for rows.Next() {
		var table string
		var bytes, n uint64
		if err := rows.Scan(&table, &bytes, &n); err != nil {
			w.Fatal(err)
		}
		w.Logf("%s: %d rows, %.1f bytes each", table, n, float64(bytes)/float64(n))
		total += float64(bytes)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	w.ReportMetric(total/float64(w.said), "disk_B/event")
}
