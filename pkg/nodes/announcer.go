package nodes

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of announcing: a node that is killed is gone after Lasting.
const (
	Every   = 5 * time.Second
	Lasting = 15 * time.Second
	// tryTime bounds one announcement.
	tryTime = 3 * time.Second
)

// Announcer announces a node.
type Announcer struct {
	registry Registry
	// look says what the node is now, but for its lag.
	look    func() Node
	log     *slog.Logger
	metrics *Metrics
}

// Metrics are what operators watch.
type Metrics struct {
	failures prometheus.Counter
	lag      prometheus.Gauge
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_node_announce_failures_total", Help: "Announcements of this gateway that failed: clients are sent elsewhere when it goes on.",
		}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "annal_node_lag_seconds", Help: "How late this process was to announce itself: one that has more to do than it can is late.",
		}),
	}
	r.MustRegister(m.failures, m.lag)
	return m
}

// NewAnnouncer makes one.
func NewAnnouncer(r Registry, look func() Node, logger *slog.Logger, m *Metrics) *Announcer {
	return &Announcer{r, look, logger, m}
}

// Around announces the node while run runs, as draining once ctx has ended, and withdraws it when run has returned.
func (a *Announcer) Around(ctx context.Context, run func(context.Context) error) error {
	ending, stop := context.WithCancel(context.WithoutCancel(ctx))
	var said sync.WaitGroup
	said.Go(func() { a.announce(ctx, ending) })
	err := run(ctx)
	stop()
	said.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTime)
	defer cancel()
	a.tell(a.registry.Withdraw(leaving, a.look().ID))
	return err
}

// announce announces until ending ends, as draining when ctx has.
func (a *Announcer) announce(ctx, ending context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	late, failed, drain := time.Duration(0), false, ctx.Done()
	for {
		err := a.say(ending, late, ctx.Err() != nil)
		switch {
		case ending.Err() != nil:
			return
		case ctx.Err() != nil:
			a.tell(err)
		case err != nil:
			a.metrics.failures.Inc()
			a.log.Warn("cannot announce this gateway; new clients may be sent elsewhere", "again_in", Every, "error", err)
		case failed:
			a.log.Info("this gateway is announced again")
		}
		failed = err != nil
		select {
		case due := <-ticker.C:
			late = time.Since(due)
		case <-drain:
			drain = nil // said at once, and then again and again
		case <-ending.Done():
			return
		}
	}
}

// tell logs what failed at the end: that is over by itself after Lasting.
func (a *Announcer) tell(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		a.metrics.failures.Inc()
		a.log.Warn("cannot say that this gateway ends; clients may be sent to it for a while", "for", Lasting, "error", err)
	}
}

func (a *Announcer) say(ctx context.Context, late time.Duration, draining bool) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	n := a.look()
	n.LagMs, n.Draining = late.Milliseconds(), n.Draining || draining
	a.metrics.lag.Set(late.Seconds())
	return a.registry.Announce(ctx, n, Lasting)
}
