package push

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the projector's.
type Metrics struct {
	decisions               *prometheus.CounterVec
	old, outages            prometheus.Counter
	unforgotten             prometheus.Counter
	answers, repeated, gone *prometheus.CounterVec
	queued, broken, wrong   *prometheus.GaugeVec
	calls, seconds          *prometheus.HistogramVec
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_push_decisions_total", Help: "Notifications decided on and finished, by kind and reason: one a message and device, or user where the reason is the user's.",
		}, []string{"kind", "reason"}),
		old: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_push_too_old_total", Help: "Events of which nobody was told since they were older than ten minutes.",
		}),
		outages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_push_outages_total", Help: "Times that something push needs could not be read or written, and was tried again.",
		}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_push_answers_total", Help: "Answers of push services, by service and result.",
		}, []string{"service", "result"}),
		repeated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_push_repeated_total", Help: "Notifications sent again, under the same id, since nobody knew what came of the call before.",
		}, []string{"service"}),
		gone: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_push_tokens_gone_total", Help: "Tokens that a service said are good no more.",
		}, []string{"service"}),
		unforgotten: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_push_tokens_kept_total", Help: "Tokens that are good no more and were not forgotten, since too many waited for that: the log is away. They are called again, and forgotten then.",
		}),
		queued: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_push_queued", Help: "Notifications that wait for a service, to be sent first or again.",
		}, []string{"service"}),
		broken: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_push_service_broken", Help: "1 from when a service, or a part of it, is left alone since its calls failed, until one works again or nothing waits for it.",
		}, []string{"service", "package", "part"}),
		wrong: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_push_misconfigured", Help: "1 while a service does not accept us (credentials, topic or app are wrong) and anything waits for it.",
		}, []string{"service", "package", "part"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "annal_push_call_seconds", Help: "How long calls of push services took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, []string{"service"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "annal_push_seconds", Help: "From the log time of an event to the service having taken the notification, the hold included.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 18),
		}, []string{"service"}),
	}
	r.MustRegister(m.decisions, m.old, m.outages, m.answers, m.repeated, m.gone, m.unforgotten, m.queued, m.broken, m.wrong, m.calls, m.seconds)
	return m
}

func (m *Metrics) decided(e *Entry) { m.count(e.Kind, e.Reason, 1) }

func (m *Metrics) count(k Kind, r Reason, n int) {
	m.decisions.WithLabelValues(string(k), string(r)).Add(float64(n))
}
