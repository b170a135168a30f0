package follow

import "github.com/prometheus/client_golang/prometheus"

// Metrics are a follower's.
type Metrics struct {
	records    *prometheus.CounterVec
	behind     *prometheus.GaugeVec
	seconds    *prometheus.GaugeVec
	unreadable prometheus.Counter
	retries    prometheus.Counter
}

// NewMetrics registers the metrics of the follower of that role.
func NewMetrics(r prometheus.Registerer, role string) *Metrics {
	name := func(what string) string { return "annal_" + role + "_" + what }
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("records_total"), Help: "Records of the events topic by the reader's verdict.",
		}, []string{"verdict"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("lag"), Help: "Records of the events topic not dealt with yet.",
		}, []string{"partition"}),
		seconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("lag_seconds"), Help: "How old the newest outcome dealt with is, while there are later records; else 0.",
		}, []string{"partition"}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("unreadable_total"), Help: "Outcomes that cannot be read, and were passed over.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("retries_total"), Help: "Attempts that failed and were repeated.",
		}),
	}
	r.MustRegister(m.records, m.behind, m.seconds, m.unreadable, m.retries)
	return m
}
