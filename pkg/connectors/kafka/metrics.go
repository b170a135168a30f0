package kafka

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	roundRecords *prometheus.HistogramVec
	roundSeconds *prometheus.HistogramVec
	refused      *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		roundRecords: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "annal_log_append_round_records", Help: "Records written together in one round, by topic.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}, []string{"topic"}),
		roundSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "annal_log_append_round_seconds", Help: "How long a round of appends took, by topic.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"topic"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_log_append_refused_total", Help: "Records the log would never take, by topic.",
		}, []string{"topic"}),
	}
	r.MustRegister(m.roundRecords, m.roundSeconds, m.refused)
	return m
}
