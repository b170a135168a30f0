package eventlog_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
	"annal/pkg/eventlog/logtest"
	"annal/pkg/events"
)

func TestMemoryConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Fixture {
		m := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 4})
		t.Cleanup(m.Close)
		return logtest.Fixture{
			Partitions: 4, MaxRecordBytes: eventlog.MaxRecordBytes, MaxNext: 1024,
			Open: func(t *testing.T) eventlog.Log {
				log := m.Client()
				t.Cleanup(log.Close)
				return log
			},
			Trim: func(_ *testing.T, topic eventlog.Topic, partition int32, before int64) {
				m.Trim(topic, partition, before)
			},
		}
	})
}

// TestMemoryUnderSynctest: a static member that does not come back loses its
// partitions after the session timeout, in the bubble's time.
func TestMemoryUnderSynctest(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := eventlog.NewMemory(eventlog.MemoryOptions{Now: func() events.Millis { return 7 }})
		defer m.Close()
		a, _ := m.Join(t.Context(), "g", eventlog.Events, "a")
		b, _ := m.Join(t.Context(), "g", eventlog.Events, "b")
		ctxA, stopA := context.WithCancel(t.Context())
		ctxB, stopB := context.WithCancel(t.Context())
		defer stopB()
		ended := make(chan error, 2)
		var claims countClaims
		go func() { ended <- a.Run(ctxA, new(countClaims)) }()
		synctest.Wait()
		go func() { ended <- b.Run(ctxB, &claims) }()
		synctest.Wait()
		if claims.Load() != 2 {
			t.Fatalf("b has %d partitions of 4, want 2", claims.Load())
		}
		stopA()
		<-time.After(5 * time.Second)
		synctest.Wait()
		if claims.Load() != 2 {
			t.Fatalf("5 s after a left b has %d partitions, want 2 still", claims.Load())
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if claims.Load() != 4 {
			t.Fatalf("7 s after a left b has %d partitions, want 4", claims.Load())
		}
		written := make(chan error, 1)
		m.Append(t.Context(), eventlog.Events, 0, events.Record{}, func(_ int32, _ int64, err error) { written <- err })
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		cursor, err := m.Read(t.Context(), eventlog.Events, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		records, err := cursor.Next(t.Context())
		if err != nil || len(records) != 1 || records[0].Time != 7 {
			t.Fatalf("got %v (%v), want one record of time 7", records, err)
		}
		stopB()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

type countClaims struct{ atomic.Int32 }

func (c *countClaims) Claimed(eventlog.Claim)          { c.Add(1) }
func (c *countClaims) Released(context.Context, int32) {}
func (c *countClaims) Lost(int32)                      { c.Add(-1) }

// TestMemoryExpel: an expelled member's partitions are another's before it hears of
// it, and it can't commit them meanwhile.
func TestMemoryExpel(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := eventlog.NewMemory(eventlog.MemoryOptions{})
		defer m.Close()
		a, _ := m.Join(t.Context(), "g", eventlog.Events, "a")
		ctx, stop := context.WithCancel(t.Context())
		claims := &slowLoss{let: make(chan struct{})} // it joins anew once it has heard of the loss
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx, claims) }()
		synctest.Wait()
		m.Expel("g", eventlog.Events, "a")
		if err := a.Commit(t.Context(), 0, 1, ""); err == nil {
			t.Error("an expelled member committed before it joined anew")
		}
		close(claims.let)
		synctest.Wait()
		if err := a.Commit(t.Context(), 0, 1, ""); err != nil || claims.Load() != 4 {
			t.Errorf("after joining anew it has %d partitions of 4, commit: %v", claims.Load(), err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

// slowLoss hears of a loss for as long as let says.
type slowLoss struct {
	countClaims
	let chan struct{}
}

func (s *slowLoss) Lost(partition int32) {
	<-s.let
	s.countClaims.Lost(partition)
}

// TestMemoryExpelTwice: a member expelled again while it hears of the first time ends
// with its partition, which nobody else has.
func TestMemoryExpelTwice(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
		defer m.Close()
		a, _ := m.Join(t.Context(), "g", eventlog.Events, "a")
		ctx, stop := context.WithCancel(t.Context())
		h := &slowLoss{let: make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx, h) }()
		synctest.Wait()
		m.Expel("g", eventlog.Events, "a")
		synctest.Wait()
		m.Expel("g", eventlog.Events, "a")
		close(h.let)
		synctest.Wait()
		if err := a.Commit(t.Context(), 0, 1, ""); err != nil || h.Load() != 1 {
			t.Errorf("it has %d partitions of 1, commit: %v", h.Load(), err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}
