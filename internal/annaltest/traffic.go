package annaltest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"annal/pkg/client"
)

// Traffic is a running stream of sends by one, and what the other hears of it.
type Traffic struct {
	*Pair
	// test outlives ctx, which stop ends: what was sent before must get its ack.
	test, ctx context.Context
	stop      context.CancelFunc
	pace      time.Duration
	gone      sync.WaitGroup

	mu   sync.Mutex
	sent int
	// acks are the seqs by message, a list because it must be one each.
	acks  map[int][]uint64
	acked int
	// heard are what bob was given: seq by seq, from the first on.
	heard  []hearing
	failed error
}

type hearing struct {
	seq  uint64
	text string
}

// Flow starts the sends, at a pace that keeps roles busy.
func (p *Pair) Flow(t *testing.T) *Traffic {
	t.Helper()
	return p.FlowEvery(t, sendEvery)
}

// FlowEvery starts the sends, one every pace.
func (p *Pair) FlowEvery(t *testing.T, pace time.Duration) *Traffic {
	t.Helper()
	f := &Traffic{Pair: p, pace: pace, acks: map[int][]uint64{}}
	f.ctx, f.stop = context.WithCancel(t.Context())
	f.test = t.Context()
	listening, deafen := context.WithCancel(t.Context())
	t.Cleanup(func() {
		f.stop()
		deafen()
		f.gone.Wait()
	})
	f.gone.Go(f.send)
	f.gone.Go(func() { f.hear(listening) })
	return f
}

// send sends at a steady pace. What is sent is awaited without end: the test's
// deadlines are on what comes of it.
func (f *Traffic) send() {
	tick := time.NewTicker(f.pace)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		f.mu.Lock()
		f.sent++
		f.mu.Unlock()
		f.Alice.Go(f.test, client.Send{Session: f.Session, Text: text(i)}, func(a client.Ack, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if err != nil {
				f.failed = errors.Join(f.failed, fmt.Errorf("%s: %w", text(i), err))
				return
			}
			f.acks[i] = append(f.acks[i], a.GetSeq())
			f.acked++
		})
	}
}

// hear listens until ctx ends.
func (f *Traffic) hear(ctx context.Context) {
	for {
		item, err := f.AtBob.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		e, ok := item.(client.Event)
		switch {
		case err != nil:
			f.failed = errors.Join(f.failed, fmt.Errorf("bob's stream: %w", err))
		case !ok:
			f.failed = errors.Join(f.failed, fmt.Errorf("bob's stream has a gap: %+v", item))
		case e.GetSeq() != 0:
			f.heard = append(f.heard, hearing{e.GetSeq(), e.GetSent().GetText()})
		}
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// GoesOn waits until n more sends than now are acked and heard.
func (f *Traffic) GoesOn(t *testing.T, n int) {
	t.Helper()
	f.mu.Lock()
	acked, heard := f.acked+n, len(f.heard)+n
	f.mu.Unlock()
	began := time.Now()
	Eventually(t, Patience, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case f.failed != nil:
			t.Fatal(f.failed)
		case f.acked < acked || len(f.heard) < heard:
			return fmt.Errorf("of %d messages sent, %d are acked and %d heard; want %d and %d", f.sent, f.acked, len(f.heard), acked, heard)
		}
		return nil
	})
	t.Logf("%d more sends were acked and heard after %v", n, time.Since(began).Round(time.Millisecond))
}

// Finish stops the sends and checks them all: each acked once, under a seq of its own,
// heard by the other once, in the order it was sent, with nothing missing between.
func (f *Traffic) Finish(t *testing.T) {
	t.Helper()
	f.stop()
	Eventually(t, Patience, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case f.failed != nil:
			t.Fatal(f.failed)
		case f.acked < f.sent || len(f.heard) < f.sent:
			return fmt.Errorf("of %d messages sent, %d are acked and %d heard", f.sent, f.acked, len(f.heard))
		}
		return nil
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.heard) != f.sent {
		t.Errorf("bob heard %d events of %d messages", len(f.heard), f.sent)
	}
	for i := range f.sent {
		if len(f.acks[i]) != 1 {
			t.Fatalf("%s has acks %v, want one", text(i), f.acks[i])
		}
		want := hearing{f.heard[0].seq + uint64(i), text(i)}
		if f.acks[i][0] != want.seq || f.heard[i] != want {
			t.Fatalf("%s: acked as %d, heard %+v in its place; want %+v", text(i), f.acks[i][0], f.heard[i], want)
		}
	}
	t.Logf("%d messages: each acked once and heard once, in order, seqs %d to %d", f.sent, f.heard[0].seq, f.heard[f.sent-1].seq)
}
