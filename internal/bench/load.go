package bench

import (
	"context"
	"fmt"
	"time"
)

// Load is how operations are offered.
type Load struct {
	// Rate of an open loop, per second: an operation is due whether or not those before
	// it are done, and its latency counts from then on, however late it starts. 0 is a
	// closed loop: one starts when another is done.
	Rate int
	// InFlight bounds operations that are started and not done.
	InFlight int
	// Most bounds their number; 0: the span alone does.
	Most int
}

// openInFlight bounds an open loop: far more than any server here should have waiting.
const openInFlight = 16 << 10

// open is an open loop at a rate.
func open(rate int) Load { return Load{Rate: rate, InFlight: openInFlight} }

// String names the load in reports.
func (l Load) String() string {
	if l.Rate > 0 {
		return fmt.Sprintf("%d/s", l.Rate)
	}
	return fmt.Sprintf("%d in flight", l.InFlight)
}

const (
	// warmUp precedes every measurement under the same load.
	warmUp = 2 * time.Second
	// drainTime bounds what operations may take after the span, and behind a schedule.
	drainTime = 30 * time.Second
)

// meter takes the times of one measurement.
type meter struct {
	slots chan struct{}
	lat   *latencies
	ctx   context.Context
	fail  context.CancelCauseFunc
}

// done ends an operation that was due at due.
func (m *meter) done(due time.Time) {
	m.lat.add(time.Since(due))
	<-m.slots
}

// measure warms up and then offers the load for span. start begins an operation and
// sees to it that done is called for it, or fail.
func measure(ctx context.Context, name string, l Load, span time.Duration, start func(m *meter, due time.Time)) (Result, error) {
	if _, _, err := offer(ctx, l, min(span, warmUp), start); err != nil {
		return Result{}, fmt.Errorf("bench: %s: warming up: %w", name, err)
	}
	lat, seconds, err := offer(ctx, l, span, start)
	if err != nil {
		return Result{}, fmt.Errorf("bench: %s: %w", name, err)
	}
	return lat.result(name, seconds), nil
}

// offer gives the latencies and how long it took until the last operation was done.
func offer(ctx context.Context, l Load, span time.Duration, start func(m *meter, due time.Time)) (*latencies, float64, error) {
	ctx, cancel := context.WithTimeout(ctx, span+drainTime)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	m := &meter{slots: make(chan struct{}, l.InFlight), lat: newLatencies(), ctx: ctx, fail: fail}
	began := time.Now()
	if err := m.offer(l, began, span, start); err != nil {
		return nil, 0, err
	}
	// All slots are ours once the last operation is done.
	for range l.InFlight {
		if err := m.take(); err != nil {
			return nil, 0, err
		}
	}
	return m.lat, time.Since(began).Seconds(), nil
}

func (m *meter) offer(l Load, began time.Time, span time.Duration, start func(m *meter, due time.Time)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; l.Most == 0 || i < l.Most; i++ {
		due := began.Add(time.Duration(float64(i) / float64(max(l.Rate, 1)) * float64(time.Second)))
		if l.Rate > 0 {
			if due.Sub(began) >= span {
				return nil
			}
			if err := m.pause(timer, time.Until(due)); err != nil {
				return err
			}
		}
		if err := m.take(); err != nil {
			return err
		}
		if l.Rate == 0 {
			if due = time.Now(); due.Sub(began) >= span {
				<-m.slots
				return nil
			}
		}
		start(m, due)
	}
	return nil
}

// take waits for a free slot.
func (m *meter) take() error {
	select {
	case m.slots <- struct{}{}:
		return nil
	case <-m.ctx.Done():
		return fmt.Errorf("%d operations are under way: %w", len(m.slots), context.Cause(m.ctx))
	}
}

func (m *meter) pause(timer *time.Timer, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer.Reset(d)
	select {
	case <-timer.C:
		return nil
	case <-m.ctx.Done():
		return context.Cause(m.ctx)
	}
}
