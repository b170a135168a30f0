package limits

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Store counts over all gateways. limitstest has its conformance suite. Errors are outages.
type Store interface {
	// Take takes n of what a key may still do, as many as there are, by the store's clock. When there is none it says after what time there
	// will be one.
	Take(ctx context.Context, key string, r Rate, n int) (granted int, wait time.Duration, err error)
}

// Who does something; empty: not known.
type Who struct {
	User, Device, Address string
	// Service is set when it is done with a service's token; then User and Device do not count.
	Service string
}

// Limiter limits by a table. What a gateway takes of the store it takes in small lots, so that few of many doings wait for it.
type Limiter struct {
	table   Table
	store   Store
	own     *Memory
	now     func() time.Time
	log     *slog.Logger
	metrics *Metrics

	mu   sync.Mutex
	lots map[string]lot
	// away is until when the store is not asked, since it failed.
	away time.Time
}

// lot is what was taken of a key and not used, or until when there is none.
type lot struct {
	left  int
	none  time.Time
	taken time.Time
}

// Metrics are what operators watch.
type Metrics struct {
	refused  *prometheus.CounterVec
	failures prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_limited_total", Help: "What was refused with RATE_LIMITED, by scope and class.",
		}, []string{"scope", "class"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_limits_failures_total", Help: "How often the count over all gateways could not be asked: each gateway counts by itself for a moment then.",
		}),
	}
	r.MustRegister(m.refused, m.failures)
	return m
}

const (
	// lotShare is what part of a burst is taken at once, but no more than comes back in half a lotAge: so what is not used and lost costs
	// nobody anything.
	lotShare = 20
	// lotAge is for how long a lot is kept that is not used up: then it may be somebody else's gateway that needs it.
	lotAge = 10 * time.Second
	// maxLots bounds how many are kept.
	maxLots = 100_000
	// askTime bounds one question, and awayTime is for how long the store is left alone when it failed.
	askTime  = 500 * time.Millisecond
	awayTime = time.Second
)

// New limits by a table and a store.
func New(t Table, s Store, now func() time.Time, logger *slog.Logger, m *Metrics) *Limiter {
	return &Limiter{table: t, store: s, own: NewMemory(now), now: now, log: logger, metrics: m, lots: map[string]lot{}}
}

// Allow says whether somebody may do something now; if not, after what time they may. Each scope that has a rate for it counts; what is
// refused for one counts for those that come before it too. While the store does not answer this gateway counts by itself.
func (l *Limiter) Allow(ctx context.Context, c Class, w Who) (wait time.Duration, ok bool) {
	by := []struct {
		scope Scope
		name  string
	}{{Address, w.Address}, {User, w.User}, {Device, w.User + " " + w.Device}}
	if w.Service != "" {
		by = by[:1]
		by = append(by, struct {
			scope Scope
			name  string
		}{Service, w.Service})
	}
	for _, b := range by {
		k := Kind{b.scope, c}
		r, limited := l.table[k]
		if !limited || b.name == "" || b.scope == Device && w.User == "" {
			continue
		}
		if wait := l.take(ctx, k, b.name, r); wait > 0 {
			l.metrics.refused.WithLabelValues(string(k.Scope), string(k.Class)).Inc()
			return wait, false
		}
	}
	return 0, true
}

// take takes one; else it says after what time there is one.
func (l *Limiter) take(ctx context.Context, k Kind, name string, r Rate) time.Duration {
	key := k.String() + ":" + name
	l.mu.Lock()
	now := l.now()
	had := l.lots[key]
	switch {
	case now.Before(had.none):
		l.mu.Unlock()
		return had.none.Sub(now)
	case had.left > 0 && now.Sub(had.taken) < lotAge:
		had.left--
		l.lots[key] = had
		l.mu.Unlock()
		return 0
	}
	away := now.Before(l.away)
	l.mu.Unlock()
	granted, wait := l.ask(ctx, key, r, max(1, min(r.Burst/lotShare, int(lotAge/2/r.Each))), away)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.makeRoom(now)
	if granted == 0 {
		wait = max(wait, time.Millisecond)
		l.lots[key] = lot{none: l.now().Add(wait)}
		return wait
	}
	// Somebody else may have asked for the same at the same time.
	had = l.lots[key]
	if now.Sub(had.taken) >= lotAge {
		had.left = 0
	}
	l.lots[key] = lot{left: had.left + granted - 1, taken: l.now()}
	return 0
}

// ask asks the store, and counts here while that does not answer.
func (l *Limiter) ask(ctx context.Context, key string, r Rate, n int, away bool) (granted int, wait time.Duration) {
	if !away {
		asking, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		granted, wait, err := l.store.Take(asking, key, r, n)
		if err == nil {
			return granted, wait
		}
		if ctx.Err() == nil {
			l.metrics.failures.Inc()
			l.log.Warn("cannot count over all gateways; this one counts by itself for a moment", "for", awayTime, "error", err)
			l.mu.Lock()
			l.away = l.now().Add(awayTime)
			l.mu.Unlock()
		}
	}
	granted, wait, _ = l.own.Take(ctx, key, r, n) // memory does not fail
	return granted, wait
}

// makeRoom forgets lots that say nothing any longer. The lock is held.
func (l *Limiter) makeRoom(now time.Time) {
	if len(l.lots) < maxLots {
		return
	}
	for key, had := range l.lots {
		if !now.Before(had.none) && now.Sub(had.taken) >= lotAge {
			delete(l.lots, key)
		}
	}
	if len(l.lots) >= maxLots {
		clear(l.lots)
	}
}
