package vault

import "github.com/prometheus/client_golang/prometheus"

// Metrics are a vaulter's.
type Metrics struct {
	records  *prometheus.CounterVec
	behind   *prometheus.GaugeVec
	seconds  *prometheus.GaugeVec
	segments prometheus.Counter
	bytes    prometheus.Counter
	held     prometheus.Gauge
	taken    prometheus.Counter
	retries  prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_vault_records_total", Help: "Records of the events topic by the reader's verdict.",
		}, []string{"verdict"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_vault_lag", Help: "Records of the events topic that are not in a sealed segment yet.",
		}, []string{"partition"}),
		seconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_vault_lag_seconds", Help: "How old the first record is that was read and is in no sealed segment, or for how long the vault's end has been looked for; else 0.",
		}, []string{"partition"}),
		segments: prometheus.NewCounter(prometheus.CounterOpts{Name: "annal_vault_segments_total", Help: "Segments sealed."}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "annal_vault_bytes_total", Help: "Bytes of sealed segments' objects."}),
		held:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "annal_vault_held_bytes", Help: "Bytes gathered for segments that are not sealed yet."}),
		taken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_vault_taken_over_total", Help: "Times that another vaulter's segment stood where one was to be stored.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "annal_vault_retries_total", Help: "Attempts that failed and were repeated."}),
	}
	r.MustRegister(m.records, m.behind, m.seconds, m.segments, m.bytes, m.held, m.taken, m.retries)
	return m
}
