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
	// lookEvery is how often it is looked whether it takes connections, and tryTime bounds one announcement.
	lookEvery = 100 * time.Millisecond
	tryTime   = time.Second
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

// Around announces the node while run runs. Once ctx has ended it is announced as draining, and only then run's own ends, so that nobody who is
// sent away is sent here again; when run has returned it is withdrawn.
func (a *Announcer) Around(ctx context.Context, run func(context.Context) error) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended, stop := context.WithCancel(context.WithoutCancel(ctx))
	var said sync.WaitGroup
	said.Go(func() { a.announce(ctx, ended, end) })
	err := run(running)
	stop()
	said.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTime)
	defer cancel()
	a.tell(a.registry.Withdraw(leaving, a.look().ID))
	return err
}

// announce announces until ended ends: every so often, and at once when the node takes connections, or no longer does. When ctx has ended it
// says that it drains, and calls drained.
func (a *Announcer) announce(ctx, ended context.Context, drained func()) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var saidAt time.Time
	late, failed, was := time.Duration(0), false, false
	for {
		draining := ctx.Err() != nil
		if n := a.look(); saidAt.IsZero() || time.Since(saidAt) >= Every || was != (n.Draining || draining) {
			was = n.Draining || draining
			err := a.say(ended, n, late, was)
			saidAt = time.Now()
			switch {
			case ended.Err() != nil:
				return
			case draining:
				a.tell(err)
			case err != nil:
				a.metrics.failures.Inc()
				a.log.Warn("cannot announce this gateway; new clients may be sent elsewhere", "again_in", Every, "error", err)
			case failed:
				a.log.Info("this gateway is announced again")
			}
			failed = err != nil
		}
		if draining {
			drained()
		}
		select {
		case due := <-ticker.C:
			late = time.Since(due)
		case <-ended.Done():
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

func (a *Announcer) say(ctx context.Context, n Node, late time.Duration, draining bool) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	n.LagMs, n.Draining = late.Milliseconds(), draining
	a.metrics.lag.Set(late.Seconds())
	return a.registry.Announce(ctx, n, Lasting)
}
