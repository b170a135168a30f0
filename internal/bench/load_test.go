package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"annal/internal/bubble"
)

func TestAnOpenLoopCountsFromWhenItWasDue(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		// The server stands still for the first second and answers all at once then.
		began := time.Now()
		start := func(m *meter, due time.Time) {
			time.AfterFunc(max(time.Second-time.Since(began), 0), func() { m.done(due) })
		}
		lat, seconds, err := offer(t.Context(), Load{Rate: 100, InFlight: 10}, 2*time.Second, start)
		if err != nil {
			t.Fatal(err)
		}
		r := lat.result("x", seconds)
		if r.Count != 200 || r.PerSecond < 99 || r.PerSecond > 101 {
			t.Errorf("%d operations, %.0f/s; want 200, 100/s", r.Count, r.PerSecond)
		}
		// What was due at 0.3 s waited 0.7 s, although it was started at 1 s only.
		if r.MaxMS < 990 || r.MaxMS > 1010 || r.P50MS > 10 {
			t.Errorf("p50 %.0f ms, max %.0f ms; want 0 and 1000", r.P50MS, r.MaxMS)
		}
		waited := false
		for _, b := range lat.h.Distribution() {
			waited = waited || b.Count > 0 && b.From > 690_000 && b.To < 710_000
		}
		if !waited {
			t.Error("nothing waited 0.7 s: the wait is counted from the start")
		}
	})
}

func TestAClosedLoopHasItsNumberInFlight(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		most := 0
		start := func(m *meter, due time.Time) {
			most = max(most, len(m.slots))
			time.AfterFunc(100*time.Millisecond, func() { m.done(due) })
		}
		lat, seconds, err := offer(t.Context(), Load{InFlight: 8}, time.Second, start)
		if err != nil {
			t.Fatal(err)
		}
		if r := lat.result("x", seconds); most != 8 || r.Count != 80 || r.PerSecond < 72 || r.PerSecond > 81 {
			t.Errorf("%d in flight, %d done, %.0f/s; want 8, 80, 73 to 80/s", most, r.Count, r.PerSecond)
		}
	})
}

func TestALoadIsBounded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		lat, _, err := offer(t.Context(), Load{InFlight: 2, Most: 5}, time.Hour, func(m *meter, due time.Time) { m.done(due) })
		if err != nil || lat.h.TotalCount() != 5 {
			t.Errorf("%v, %d operations; want 5", err, lat.h.TotalCount())
		}
		began := time.Now()
		_, _, err = offer(t.Context(), Load{InFlight: 2}, time.Second, func(*meter, time.Time) {})
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second+drainTime {
			t.Errorf("a server that never answers: %v after %v; want an error after %v", err, took, time.Second+drainTime)
		}
		lost := errors.New("lost")
		_, _, err = offer(t.Context(), Load{InFlight: 2}, time.Second, func(m *meter, _ time.Time) { m.fail(lost) })
		if !errors.Is(err, lost) {
			t.Errorf("a failed operation: %v; want its error", err)
		}
	})
}

func TestAcksAreToldFromTheRest(t *testing.T) {
	for frame, want := range map[string]uint64{
		`{"id":"12","ack":{"session":"d_x"}}`:     12,
		`{"id":"12","error":{"code":"BUSY"}}`:     0,
		`{"id":"x","ack":{}}`:                     0,
		`{"id":"","ack":{}}`:                      0,
		`{"id":"99`:                               0,
		`{"event":{"id":"12","sent":{"ack":{}}}}`: 0,
	} {
		if got, ok := ackID([]byte(frame)); got != want && ok || ok != (want != 0) {
			t.Errorf("%s: %d, %v; want %d", frame, got, ok, want)
		}
	}
}
