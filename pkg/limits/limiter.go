package limits

import (
	"context"
	"log/slog"
	"net/netip"
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
	lots map[string]*lot
	// swept is when lots were last looked through for those that say nothing.
	swept time.Time
	// away is until when the store is not asked, since it failed.
	away time.Time
}

// lot is what was taken of a key and not used, or until when there is none. Its lock is held while more is asked for: one asks for all who
// want of the same key.
type lot struct {
	mu    sync.Mutex
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
	return &Limiter{table: t, store: s, own: NewMemory(now), now: now, log: logger, metrics: m, lots: map[string]*lot{}}
}

// Allow says whether somebody may do something now; if not, after what time they may. Each scope that has a rate for it counts, the narrowest
// first, and what one refuses counts for none. While the store does not answer this gateway counts by itself.
func (l *Limiter) Allow(ctx context.Context, c Class, w Who) (wait time.Duration, ok bool) {
	type by struct {
		scope Scope
		name  string
	}
	w.Address = Network(w.Address)
	scopes := []by{{Device, w.User + " " + w.Device}, {User, w.User}, {Address, w.Address}}
	switch {
	case w.Service != "":
		scopes = []by{{Service, w.Service}, {Address, w.Address}}
	case w.User == "":
		scopes = scopes[2:]
	}
	var taken []*lot
	for _, b := range scopes {
		k := Kind{b.scope, c}
		r, limited := l.table[k]
		if !limited || b.name == "" {
			continue
		}
		key := k.String() + ":" + b.name
		of := l.lotOf(key)
		if wait := l.take(ctx, of, key, r); wait > 0 {
			l.metrics.refused.WithLabelValues(string(k.Scope), string(k.Class)).Inc()
			for _, t := range taken {
				t.giveBack()
			}
			return wait, false
		}
		taken = append(taken, of)
	}
	return 0, true
}

// Network is what an address is counted as: with IPv6 the 64 bits that one customer has, who may come from as many addresses as they like.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// giveBack gives back what was taken for what was not done.
func (t *lot) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left++
}

func (l *Limiter) lotOf(key string) *lot {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.swept) >= lotAge || len(l.lots) >= maxLots {
		l.sweep(now)
	}
	t := l.lots[key]
	if t == nil {
		t = &lot{}
		l.lots[key] = t
	}
	return t
}

// sweep forgets lots that say nothing any longer. The limiter's lock is held; one that is being asked for is left.
func (l *Limiter) sweep(now time.Time) {
	l.swept = now
	for key, t := range l.lots {
		if t.mu.TryLock() {
			if !now.Before(t.none) && now.Sub(t.taken) >= lotAge {
				delete(l.lots, key)
			}
			t.mu.Unlock()
		}
	}
	if len(l.lots) >= maxLots {
		clear(l.lots)
	}
}

// take takes one; else it says after what time there is one.
func (l *Limiter) take(ctx context.Context, t *lot, key string, r Rate) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := l.now()
	switch {
	case t.left > 0 && now.Sub(t.taken) < lotAge:
		t.left--
		return 0
	case now.Before(t.none):
		return t.none.Sub(now)
	}
	granted, wait := l.ask(ctx, key, r, max(1, min(r.Burst/lotShare, int(lotAge/2/r.Each))))
	now = l.now()
	if granted == 0 {
		wait = max(wait, time.Millisecond)
		t.left, t.none = 0, now.Add(wait)
		return wait
	}
	t.left, t.taken = granted-1, now
	return 0
}

// ask asks the store, and counts here while that does not answer.
func (l *Limiter) ask(ctx context.Context, key string, r Rate, n int) (granted int, wait time.Duration) {
	l.mu.Lock()
	away := l.now().Before(l.away)
	l.mu.Unlock()
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
