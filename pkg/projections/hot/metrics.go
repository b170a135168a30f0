package hot

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the projector's.
type Metrics struct {
	records  *prometheus.CounterVec
	apply    prometheus.Histogram
	publish  prometheus.Histogram
	behind   *prometheus.GaugeVec
	outages  prometheus.Counter
	rebuilds *prometheus.CounterVec
	replays  prometheus.Counter
	poison   *prometheus.CounterVec
	broken   prometheus.Counter
	commits  prometheus.Counter
	jobs     prometheus.Counter
}

// NewMetrics registers the projector's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	seconds := prometheus.ExponentialBuckets(0.0002, 2, 15)
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_hot_records_total", Help: "Records of the events topic by the reader's verdict.",
		}, []string{"verdict"}),
		apply: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "annal_hot_apply_seconds", Help: "Time to apply what one poll brought.", Buckets: seconds,
		}),
		publish: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "annal_hot_publish_seconds", Help: "Time to publish what one poll brought.", Buckets: seconds,
		}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_hot_lag", Help: "Records of the events topic not applied yet.",
		}, []string{"partition"}),
		outages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_hot_store_failures_total", Help: "Writes to the store that failed and were tried again.",
		}),
		rebuilds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_hot_rebuilds_total", Help: "Buildings of a partition's view from the log's start, by reason.",
		}, []string{"reason"}),
		replays: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_hot_replays_total", Help: "Replays of the last minutes into a store that was restarted or failed over, or of the last second after an outage.",
		}),
		poison: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_hot_quarantined_total", Help: "Records put aside, by reason.",
		}, []string{"reason"}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_hot_broken_sessions_total", Help: "Sessions put aside because the log's own events of them don't follow on each other.",
		}),
		commits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_hot_commit_failures_total", Help: "Commits of progress that failed; the next one covers them.",
		}),
	}
	m.jobs = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "annal_hot_beside_failures_total", Help: "Failures of work beside a whole view (building another, one session, or removing what is left), which is taken up again.",
	})
	r.MustRegister(m.records, m.apply, m.publish, m.behind, m.outages, m.rebuilds, m.replays, m.poison, m.broken, m.commits, m.jobs)
	return m
}
