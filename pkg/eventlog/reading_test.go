package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// writer puts an owner's records into partition 0.
type writer struct {
	*testing.T
	log *eventlog.Memory
}

func (w writer) append(rec events.Record, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	done := make(chan error, 1)
	w.log.Append(w.Context(), eventlog.Events, 0, rec, func(_ int32, _ int64, err error) { done <- err })
	if err := <-done; err != nil {
		w.Fatal(err)
	}
}

func (w writer) fence(n uint64) {
	w.Helper()
	w.append(events.EncodeFence(events.Fence{Owner: events.Owner{N: n}, After: events.Owner{N: n - 1}}, events.Envelope{Source: "test"}))
}

func (w writer) outcome(owner uint64, command, prev int64) {
	w.Helper()
	w.append(events.EncodeOutcome(events.Outcome{
		ID: events.NewID(1, "test", 0, command), Session: "g_1", Actor: events.Actor{User: "ann"}, Time: 1, Result: events.Rejected{Code: events.CodeNotAMember},
	}, events.Stamp{Owner: events.Owner{N: owner}, Command: command, Prev: prev}, events.Envelope{Source: "test"}))
}

// TestReading: each record comes once and judged, to the end asked for and on from there, as from any progress in between.
func TestReading(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	t.Cleanup(log.Close)
	w := writer{t, log}
	w.fence(1)
	w.outcome(1, 0, -1)
	w.outcome(1, 2, 1) // what came before is missing
	w.fence(2)
	w.outcome(1, 1, 0) // whoever was the owner before
	w.outcome(2, 1, 0)
	w.append(events.Record{Key: []byte("g_1"), Value: []byte("\xff")}, nil)
	w.outcome(2, 2, 1)
	want := []string{"0 fenced", "1 counted", "2 broken", "3 fenced", "4 late", "5 counted", "6 poison", "7 counted"}
	for split := range int64(len(want) + 1) {
		r := eventlog.NewReading(log, 0, events.Start())
		got := read(t, r, split)
		if p := r.Progress(); p.Offset != split || !r.Reached(split) || r.Reached(split+1) {
			t.Errorf("up to %d: it is at %d, reached %v and beyond %v", split, p.Offset, r.Reached(split), r.Reached(split+1))
		}
		other := eventlog.NewReading(log, 0, r.Progress())
		again := append(slices.Clone(got), read(t, other, int64(len(want)))...)
		got = append(got, read(t, r, int64(len(want)))...)
		if !slices.Equal(got, want) || !slices.Equal(again, want) {
			t.Errorf("split at %d: got %v, and %v by a second one, want %v", split, got, again, want)
		}
		r.Close()
		other.Close()
	}

	var counted []int64
	each := func(rec *eventlog.Record) error { counted = append(counted, rec.Offset); return nil }
	if err := eventlog.EachCounted(t.Context(), log, 0, each); err != nil || !slices.Equal(counted, []int64{1, 5, 7}) {
		t.Errorf("counted are %v, %v", counted, err)
	}
	log.Trim(eventlog.Events, 0, 2)
	if err := eventlog.EachCounted(t.Context(), log, 0, each); !errors.Is(err, eventlog.ErrTrimmed) {
		t.Errorf("without the beginning: %v", err)
	}
	r := eventlog.NewReading(log, 0, events.Start())
	defer r.Close()
	if _, _, err := r.Next(t.Context(), 8); !errors.Is(err, eventlog.ErrTrimmed) {
		t.Errorf("from what is gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := eventlog.NewReading(log, 0, events.Progress{Offset: 8})
	defer late.Close()
	if _, ok, err := late.Next(ctx, 9); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for what does not come: %v, %v", ok, err)
	}
}

func read(t *testing.T, r *eventlog.Reading, end int64) (all []string) {
	t.Helper()
	for {
		j, ok, err := r.Next(t.Context(), end)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, fmt.Sprint(j.Offset, " ", verdicts[j.Verdict]))
	}
}

var verdicts = map[events.Verdict]string{
	events.Counted: "counted", events.Fenced: "fenced", events.Late: "late", events.Broken: "broken", events.Poison: "poison",
}
