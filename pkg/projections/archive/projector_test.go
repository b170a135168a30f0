package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// slow is a store that holds insertions up until it is let go, and takes or refuses what it is told to.
type slow struct {
	*Memory
	hold chan struct{}

	mu sync.Mutex
	// inserted are the offsets of each insertion's events.
	inserted [][]uint64
	fail     func(offsets []uint64) error
}

func (s *slow) Insert(ctx context.Context, rows *Rows) error {
	var offsets []uint64
	for _, e := range rows.Events {
		offsets = append(offsets, e.Offset)
	}
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(offsets) > 0 {
		s.inserted = append(s.inserted, offsets)
	}
	if s.fail != nil {
		if err := s.fail(offsets); err != nil {
			return err
		}
	}
	return s.Memory.Insert(ctx, rows)
}

func newProjector(t *testing.T, store Store) (*Projector, eventlog.Log) {
	t.Helper()
	memory := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 2})
	log := memory.Client()
	t.Cleanup(memory.Close)
	t.Cleanup(log.Close)
	return New(Options{
		Log: log, Store: store, Source: "test", ReportEvery: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	}), log
}

func refusals(offsets ...int64) []follow.Outcome {
	all := make([]follow.Outcome, len(offsets))
	for i, offset := range offsets {
		all[i] = follow.Outcome{
			Outcome: events.Outcome{Session: "g_1", Actor: events.Actor{User: "ann"}, Time: 1, Result: events.Rejected{Code: events.CodeNotAMember}},
			Offset:  offset, Record: events.Record{Key: []byte("g_1"), Value: fmt.Append(nil, "value ", offset)},
		}
	}
	return all
}

// TestStoresTogether: what partitions have while insertions are under way goes into one, and each hears what came of its own.
func TestStoresTogether(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store := &slow{Memory: NewMemory(), hold: make(chan struct{})}
		p, _ := newProjector(t, store)
		away := errors.New("away")
		results := make(chan string, 10)
		handle := func(ctx context.Context, offset int64) {
			go func() { results <- fmt.Sprintf("%d %v", offset, p.Handle(ctx, int32(offset%2), refusals(offset))) }()
			synctest.Wait()
		}
		canceled, cancel := context.WithCancel(t.Context())
		for offset := range int64(mostTurns) {
			handle(t.Context(), offset)
		}
		for offset := int64(10); offset < 13; offset++ {
			handle(t.Context(), offset)
		}
		handle(canceled, 13)
		cancel()
		if got := <-results; got != "13 "+context.Canceled.Error() {
			t.Errorf("who was told to stop got %s", got)
		}
		store.fail = func(offsets []uint64) error {
			if slices.Contains(offsets, 11) {
				return away
			}
			return nil
		}
		close(store.hold)
		synctest.Wait()
		var got []string
		for range mostTurns + 3 {
			got = append(got, <-results)
		}
		slices.Sort(got)
		if want := []string{"0 <nil>", "1 <nil>", "10 away", "11 away", "12 away"}; !slices.Equal(got, want) {
			t.Errorf("results are %v, want %v", got, want)
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		slices.SortFunc(store.inserted, func(a, b []uint64) int { return int(a[0]) - int(b[0]) })
		if want := "[[0] [1] [10 11 12 13]]"; fmt.Sprint(store.inserted) != want {
			t.Errorf("insertions are %v, want %s", store.inserted, want)
		}
	})
}

// TestPutsAside: an outcome that the store does not take is quarantined, alone, and all around it is stored.
func TestPutsAside(t *testing.T) {
	store := &slow{Memory: NewMemory(), fail: func(offsets []uint64) error {
		if slices.Contains(offsets, 5) || slices.Contains(offsets, 6) {
			return fmt.Errorf("bad rows: %w", ErrRefused)
		}
		return nil
	}}
	p, log := newProjector(t, store)
	if err := p.Handle(t.Context(), 1, refusals(1, 2, 3, 4, 5, 6, 7, 8, 9)); err != nil {
		t.Fatal(err)
	}
	stored, err := store.Outcomes(t.Context(), "g_1", -1, 100)
	if err != nil {
		t.Fatal(err)
	}
	var offsets []uint64
	for _, o := range stored {
		offsets = append(offsets, o.Offset)
	}
	if want := []uint64{1, 2, 3, 4, 7, 8, 9}; !slices.Equal(offsets, want) {
		t.Errorf("stored are %v, want %v", offsets, want)
	}
	aside := map[int64]events.Quarantined{}
	n, err := log.Partitions(t.Context(), eventlog.Quarantine)
	if err != nil {
		t.Fatal(err)
	}
	for partition := range n {
		_, end, err := log.Bounds(t.Context(), eventlog.Quarantine, partition)
		if err != nil {
			t.Fatal(err)
		}
		if end == 0 {
			continue
		}
		cursor, err := log.Read(t.Context(), eventlog.Quarantine, partition, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < end; {
			records, err := cursor.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				q, err := events.DecodeQuarantined(r.Record)
				if err != nil {
					t.Fatal(err)
				}
				aside[q.Offset], at = q, r.Offset+1
			}
		}
		cursor.Close()
	}
	if len(aside) != 2 || aside[5].Reason != events.PoisonStore || aside[5].Partition != 1 || string(aside[6].Record.Value) != "value 6" {
		t.Errorf("put aside are %+v, want 5 and 6 of partition 1", aside)
	}
}

// TestTakesNothing: when the store refuses what it took before, the tables are wrong and not the outcomes: nothing is put aside.
func TestTakesNothing(t *testing.T) {
	broken := false
	store := &slow{Memory: NewMemory(), fail: func([]uint64) error {
		if broken {
			return ErrRefused
		}
		return nil
	}}
	p, log := newProjector(t, store)
	if err := p.Handle(t.Context(), 0, refusals(1)); err != nil {
		t.Fatal(err)
	}
	broken = true
	for _, outcomes := range [][]follow.Outcome{refusals(2, 3, 4, 5), refusals(6)} {
		if err := p.Handle(t.Context(), 0, outcomes); !errors.Is(err, ErrRefused) {
			t.Errorf("a store that takes nothing: %v", err)
		}
	}
	// Before it took anything few are put aside.
	fresh, log2 := newProjector(t, store)
	if err := fresh.Handle(t.Context(), 0, refusals(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)); !errors.Is(err, ErrRefused) {
		t.Errorf("a store that never took anything: %v", err)
	}
	for i, l := range []eventlog.Log{log, log2} {
		aside := int64(0)
		n, err := l.Partitions(t.Context(), eventlog.Quarantine)
		if err != nil {
			t.Fatal(err)
		}
		for partition := range n {
			_, end, err := l.Bounds(t.Context(), eventlog.Quarantine, partition)
			if err != nil {
				t.Fatal(err)
			}
			aside += end
		}
		if want := int64(i * mostAside); aside != want {
			t.Errorf("%d are put aside, want %d", aside, want)
		}
	}
}

// TestReports: it stores how far it is, once for each partition that moved, and once more at its end.
func TestReports(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store := &slow{Memory: NewMemory()}
		p, _ := newProjector(t, store)
		ctx, stop := context.WithCancel(t.Context())
		var gone sync.WaitGroup
		gone.Go(func() { p.Run(ctx) })
		reached := func(partition int32, offset int64) {
			p.Reached(partition, events.Progress{Offset: offset, Time: 5}, offset+1)
		}
		check := func(when string, want ...int64) {
			t.Helper()
			got, err := store.Progress(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var archived []int64
			for _, x := range got {
				archived = append(archived, x.Archived)
				if x.LogEnd != x.Archived+1 || x.Time != 5 || x.At == 0 {
					t.Errorf("%s: %+v", when, x)
				}
			}
			if !slices.Equal(archived, want) {
				t.Errorf("%s: %v, want %v", when, archived, want)
			}
		}
		reached(0, 3)
		reached(1, 7)
		reached(0, 4)
		check("before it is time")
		<-time.After(1100 * time.Millisecond)
		check("afterwards", 4, 7)
		reached(0, 9)
		stop()
		gone.Wait()
		check("at the end", 9, 7)
	})
}
