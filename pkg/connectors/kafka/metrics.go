package kafka

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	roundRecords *prometheus.HistogramVec
	roundSeconds *prometheus.HistogramVec
	refused      *prometheus.CounterVec
	unknown      *prometheus.CounterVec
	cursorsEnded *prometheus.CounterVec
	lost         *prometheus.CounterVec
	waiting      *prometheus.GaugeVec
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
		refused: counter("annal_log_append_refused_total", "Records the log would never take, by topic.", "topic"),
		unknown: counter("annal_log_append_unknown_total", "Appends that ended without it being known whether they were written, by topic.", "topic"),
		cursorsEnded: counter("annal_log_cursors_failed_total",
			"Cursors that could not go on (trimmed, beyond the end, refused), by topic.", "topic"),
		lost: counter("annal_log_partitions_lost_total", "Partitions that a group took from us without asking, by group.", "group"),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_log_append_waiting_seconds", Help: "For how long the round of appends under way has waited, by topic; 0 while rounds take less than a second.",
		}, []string{"topic"}),
	}
	// Several Logs of one process share the series.
	m.roundRecords = register(r, m.roundRecords)
	m.roundSeconds = register(r, m.roundSeconds)
	m.waiting = register(r, m.waiting)
	for _, c := range []**prometheus.CounterVec{&m.refused, &m.unknown, &m.cursorsEnded, &m.lost} {
		*c = register(r, *c)
	}
	return m
}

func counter(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

// register gives the collector that is there already under the same name, if any.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := already.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil {
		panic(err) // a programmer's error: another metric has this name
	}
	return c
}
