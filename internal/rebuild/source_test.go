package rebuild_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/bubble"
	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/vault"
)

// kafka is a log that notes from where its events are read.
type kafka struct {
	eventlog.Log
	read []int64
}

func (k *kafka) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	k.read = append(k.read, from)
	return k.Log.Read(ctx, t, partition, from)
}

// shelved is a log of two partitions, of which some is sealed in a vault.
type shelved struct {
	*testing.T
	memory *eventlog.Memory
	bucket *vault.Memory
	last   [2]int64
}

func newShelved(t *testing.T) *shelved {
	s := &shelved{T: t, memory: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 2}), bucket: vault.NewMemory()}
	t.Cleanup(s.memory.Close)
	for p := range int32(2) {
		s.append(p)(events.EncodeFence(events.Fence{Owner: owner}, events.Envelope{Source: "test"}))
		s.last[p] = -1
	}
	return s
}

var owner = events.Owner{N: 1, Random: [16]byte{1}}

func (s *shelved) append(p int32) func(events.Record, error) {
	return func(r events.Record, err error) {
		s.Helper()
		done := make(chan error, 1)
		if err == nil {
			s.memory.Append(context.Background(), eventlog.Events, p, r, func(_ int32, _ int64, err error) { done <- err })
			err = <-done
		}
		if err != nil {
			s.Fatal(err)
		}
	}
}

// say appends n outcomes that count to each partition.
func (s *shelved) say(n int) {
	for p := range int32(2) {
		for range n {
			o := events.Outcome{Session: "g_2", Actor: events.Actor{User: "ann"}, Time: 1, Result: events.Rejected{Code: events.CodeNotAMember}}
			s.append(p)(events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: s.last[p] + 1, Prev: s.last[p]}, events.Envelope{Source: "test"}))
			s.last[p]++
		}
	}
}

// seal has all that is there sealed, in several segments.
func (s *shelved) seal() {
	s.Helper()
	log := s.memory.Client()
	defer log.Close()
	v, err := vault.New(s.Context(), vault.Options{
		Log: log, Bucket: s.bucket, Instance: "a", SegmentBytes: 5000, SealEvery: 10 * time.Second, HeldBytes: 1 << 20,
		Logger: slog.New(slog.DiscardHandler), Metrics: vault.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := v.Run(ctx); err != nil {
		s.Fatal(err)
	}
}

// log is what a tool opens, and Kafka below it.
func (s *shelved) log() (*vault.Log, *kafka) {
	k := &kafka{Log: s.memory.Client()}
	s.Cleanup(k.Close)
	return vault.NewLog(k, s.bucket, "", slog.New(slog.DiscardHandler)), k
}

func (s *shelved) damage(n int, what string) {
	s.Helper()
	var names []string
	err := s.bucket.List(context.Background(), "", "", func(o vault.Object) error {
		if strings.HasSuffix(o.Name, what) {
			names = append(names, o.Name)
		}
		return nil
	})
	if err != nil || len(names) < n+2 {
		s.Fatalf("there are %q, %v; want more", names, err)
	}
	s.bucket.Damage(names[n], nil)
}

// counted reads a partition, and gives how many outcomes of it count.
func counted(log eventlog.Log, p int32) (n int, err error) {
	err = eventlog.EachCounted(context.Background(), log, p, func(*eventlog.Record) error { n++; return nil })
	return n, err
}

// TestSourceOfATool: the vault alone is read for what is sealed, whatever Kafka has of it; or Kafka alone; or both as they come.
func TestSourceOfATool(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newShelved(t)
		s.say(100)
		s.seal()
		s.say(50)
		for from, wantRead := range map[string][]int64{rebuild.FromVault: {101, 101}, rebuild.FromKafka: {0, 0}, "": {0, 0}} {
			below, k := s.log()
			log, err := rebuild.Source(t.Context(), below, from, "")
			if err != nil {
				t.Fatalf("from %q: %v", from, err)
			}
			for p := range int32(2) {
				if n, err := counted(log, p); err != nil || n != 150 {
					t.Errorf("from %q %d of partition %d count, %v", from, n, p, err)
				}
			}
			if !slices.Equal(k.read, wantRead) {
				t.Errorf("from %q Kafka is read from %d on, want %d", from, k.read, wantRead)
			}
		}
		below, _ := s.log()
		log, err := rebuild.Source(t.Context(), below, rebuild.FromVault, "")
		if err != nil {
			t.Fatal(err)
		}
		s.seal()
		s.memory.Trim(eventlog.Events, 0, 140)
		if n, err := counted(log, 0); err != nil || n != 150 {
			t.Errorf("when Kafka was trimmed meanwhile %d count, %v", n, err)
		}
		for _, from := range []int64{0, 60, 101} {
			cursor, err := log.Read(t.Context(), eventlog.Events, 1, from)
			if err != nil {
				t.Fatal(err)
			}
			cursor.Close()
			if _, err := cursor.Next(t.Context()); !errors.Is(err, eventlog.ErrClosed) {
				t.Errorf("a cursor at %d that was closed gives %v", from, err)
			}
		}
	})
}

// TestSourceRefused: what can't be read as it is to be is named before anything begins.
func TestSourceRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*shelved)
		from    string
		session events.SessionID
		want    error
	}{
		"no such source":              {func(*shelved) {}, "tape", "", rebuild.ErrSource},
		"nothing sealed":              {func(*shelved) {}, rebuild.FromVault, "", rebuild.ErrSource},
		"Kafka trimmed, vault absent": {func(s *shelved) { s.memory.Trim(eventlog.Events, 1, 5) }, "", "", rebuild.ErrTrimmed},
		"Kafka trimmed":               {func(s *shelved) { s.seal(); s.memory.Trim(eventlog.Events, 1, 5) }, rebuild.FromKafka, "", rebuild.ErrTrimmed},
		"Kafka trimmed, vault there":  {func(s *shelved) { s.seal(); s.memory.Trim(eventlog.Events, 1, 5) }, "", "", nil},
		"Kafka trimmed elsewhere":     {func(s *shelved) { s.memory.Trim(eventlog.Events, 1, 5) }, rebuild.FromKafka, "g_2", nil},
		"a gap":                       {func(s *shelved) { s.seal(); s.say(50); s.memory.Trim(eventlog.Events, 1, 120) }, rebuild.FromVault, "", rebuild.ErrGap},
		"a gap, from anywhere":        {func(s *shelved) { s.seal(); s.say(50); s.memory.Trim(eventlog.Events, 1, 120) }, "", "", rebuild.ErrTrimmed},
		"a gap elsewhere":             {func(s *shelved) { s.seal(); s.say(50); s.memory.Trim(eventlog.Events, 1, 120) }, rebuild.FromVault, "g_2", nil},
		"the first segment missing":   {func(s *shelved) { s.seal(); s.damage(0, ".json") }, rebuild.FromVault, "", vault.ErrDamaged},
		"a segment missing":           {func(s *shelved) { s.seal(); s.damage(1, ".json") }, rebuild.FromVault, "", vault.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				if p := eventlog.KeyPartition([]byte("g_2"), 2); p != 0 {
					t.Fatalf("g_2 is in partition %d", p)
				}
				s := newShelved(t)
				s.say(100)
				c.prepare(s)
				below, _ := s.log()
				if _, err := rebuild.Source(t.Context(), below, c.from, c.session); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		})
	}
	if _, err := rebuild.Source(t.Context(), newLog(t), rebuild.FromVault, ""); !errors.Is(err, rebuild.ErrSource) || !strings.Contains(err.Error(), "--vault") {
		t.Errorf("of a log without a vault: %v", err)
	}
}
