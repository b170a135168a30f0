package presence

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what operators watch.
type Metrics struct {
	connections prometheus.Gauge
	renewals    prometheus.Counter
	losses      prometheus.Counter
	dropped     prometheus.Counter
	failures    *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "annal", Subsystem: "presence", Name: name, Help: help}
	}
	m := &Metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "annal_presence_connections", Help: "Connections of users here, as others are told."}),
		renewals:    prometheus.NewCounter(counter("renewals_total", "Connections put again in rounds: all every ten minutes, and at once when Redis lost something.")),
		losses:      prometheus.NewCounter(counter("losses_total", "How often Redis was emptied or failed over, and all connections were put again.")),
		dropped:     prometheus.NewCounter(counter("dropped_total", "Ends of connections that nobody was told of, since too many waited: the next round tells.")),
		failures:    prometheus.NewCounterVec(counter("failures_total", "Writes that failed and are tried again, by what: connections, or the sign of life."), []string{"what"}),
	}
	r.MustRegister(m.connections, m.renewals, m.losses, m.dropped, m.failures)
	return m
}
