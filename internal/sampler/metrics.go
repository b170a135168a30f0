package sampler

import "github.com/prometheus/client_golang/prometheus"

// Metrics are those of all samplers of a process.
type Metrics struct {
	sampled     *prometheus.CounterVec
	differences *prometheus.CounterVec
	skipped     *prometheus.CounterVec
	last        *prometheus.GaugeVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		sampled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_verify_sampled_total", Help: "Sessions held against the log, by view.",
		}, []string{"view"}),
		differences: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_verify_differences_total", Help: "What differed from the log, by view.",
		}, []string{"view"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_verify_skipped_total", Help: "Sessions that were drawn and not looked at, by view and reason (too_long, failed).",
		}, []string{"view", "reason"}),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_verify_sampled_timestamp_seconds", Help: "When a session was held against the log last, by view.",
		}, []string{"view"}),
	}
	r.MustRegister(m.sampled, m.differences, m.skipped, m.last)
	return m
}

// Shown has a view's series there from the start: one that comes with its first difference rises from nothing, unseen by alarms.
func (m *Metrics) Shown(view string) {
	m.sampled.WithLabelValues(view)
	m.differences.WithLabelValues(view)
}
