package archive

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are an archiver's, besides its follower's.
type Metrics struct {
	rows        *prometheus.CounterVec
	inserts     *prometheus.HistogramVec
	quarantined prometheus.Counter
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_archive_rows_total", Help: "Rows stored, by table; repeats count again.",
		}, []string{"table"}),
		inserts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "annal_archive_insert_seconds", Help: "How long an insertion into all tables took, by result (stored, refused, failed).",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13),
		}, []string{"result"}),
		quarantined: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_archive_quarantined_total", Help: "Outcomes that the store refused, and that were put aside.",
		}),
	}
	r.MustRegister(m.rows, m.inserts, m.quarantined)
	return m
}

func (m *Metrics) stored(rows *Rows, took time.Duration, err error) {
	result := "stored"
	switch {
	case errors.Is(err, ErrRefused):
		result = "refused"
	case err != nil:
		result = "failed"
	}
	m.inserts.WithLabelValues(result).Observe(took.Seconds())
	if err != nil {
		return
	}
	for table, n := range map[string]int{
		"events": len(rows.Events), "messages": len(rows.Messages), "markers": len(rows.Markers), "members": len(rows.Members),
		"sessions": len(rows.Sessions), "contacts": len(rows.Contacts), "progress": len(rows.Progress),
	} {
		if n > 0 {
			m.rows.WithLabelValues(table).Add(float64(n))
		}
	}
}
