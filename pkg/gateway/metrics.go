package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/presence"
)

// Metrics count what a gateway does.
type Metrics struct {
	connections   prometheus.Gauge
	turnedAway    prometheus.Counter
	subscriptions prometheus.Gauge
	inFlight      prometheus.Gauge
	writing       prometheus.Gauge
	frames        *prometheus.CounterVec
	sent          *prometheus.CounterVec
	refused       *prometheus.CounterVec
	closed        *prometheus.CounterVec
	outcomes      *prometheus.CounterVec
	commands      *prometheus.HistogramVec
	healed        prometheus.Counter
	missed        *prometheus.CounterVec
	retries       prometheus.Counter
	resubscribed  prometheus.Counter
	unreadable    prometheus.Counter
	pages         *prometheus.HistogramVec
	coldFailures  *prometheus.CounterVec
	searches      *prometheus.HistogramVec
	watched       prometheus.Gauge
	presence      *presence.Metrics
	profiles      *prometheus.CounterVec
	profilesKept  prometheus.Gauge
	profileBytes  prometheus.Gauge
}

// NewMetrics registers a gateway's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "annal", Subsystem: "gateway", Name: name, Help: help}
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "annal", Subsystem: "gateway", Name: name, Help: help})
	}
	m := &Metrics{
		connections:   gauge("connections", "Connections open."),
		turnedAway:    prometheus.NewCounter(counter("turned_away_total", "Connections that were not taken: the gateway was full, or ending.")),
		subscriptions: gauge("subscriptions", "Subscriptions of sessions, over all connections."),
		inFlight:      gauge("commands_in_flight", "Commands whose outcome is awaited."),
		writing:       gauge("commands_writing", "Commands given to the log and not written yet; high while Kafka is slow or away."),
		frames:        prometheus.NewCounterVec(counter("frames_in_total", "Frames received, by operation."), []string{"op"}),
		sent:          prometheus.NewCounterVec(counter("frames_out_total", "Frames sent, by kind."), []string{"kind"}),
		refused:       prometheus.NewCounterVec(counter("refusals_total", "Frames refused, by code."), []string{"code"}),
		closed:        prometheus.NewCounterVec(counter("closes_total", "Connections ended, by code; GONE when the client or the network did it."), []string{"code"}),
		outcomes:      prometheus.NewCounterVec(counter("outcomes_total", "Outcomes of commands, by code; ACCEPTED for those."), []string{"code"}),
		commands: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "annal", Subsystem: "gateway", Name: "command_seconds",
			Help:    "From a command's arrival until it is appended, and until its outcome is known.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"stage"}),
		watched:      gauge("presence_watched", "Users whose presence connections here watch."),
		presence:     presence.NewMetrics(r),
		healed:       prometheus.NewCounter(counter("gaps_healed_total", "Gaps in what the feed brought, filled from the window.")),
		missed:       prometheus.NewCounterVec(counter("missed_total", "What the feed lost without a word, by kind: head, marker, notice, or all when it had to be compared in full."), []string{"kind"}),
		retries:      prometheus.NewCounter(counter("heal_retries_total", "Reads of the window that had to be tried again.")),
		resubscribed: prometheus.NewCounter(counter("resubscribed_total", "Times that broken subscriptions were back and all heads were compared.")),
		unreadable:   prometheus.NewCounter(counter("unreadable_total", "Stored outcomes that this program cannot read.")),
		pages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "annal", Subsystem: "gateway", Name: "history_page_seconds",
			Help:    "How long pages of history take to read, by where they come from: hot, or cold once the archive is asked.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"store"}),
		searches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "annal", Subsystem: "gateway", Name: "search_seconds",
			Help:    "How long pages of searches take, by what came of them: OK, or a code.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 13),
		}, []string{"code"}),
		profiles: prometheus.NewCounterVec(counter("profiles_total",
			"Users whose profile and privacy were looked up, by where they were: kept from a moment ago, or read."), []string{"from"}),
		profilesKept: gauge("profiles_kept", "Users whose profile and privacy are kept."),
		profileBytes: gauge("profiles_kept_bytes", "About what these take."),
		coldFailures: prometheus.NewCounterVec(counter("cold_failures_total",
			"Reads of the archive that came to nothing: failed, busy with others, or paused after a failure."), []string{"why"}),
	}
	r.MustRegister(m.connections, m.turnedAway, m.subscriptions, m.inFlight, m.writing, m.frames, m.sent, m.refused, m.closed, m.outcomes, m.commands, m.healed, m.missed, m.retries, m.resubscribed, m.unreadable,
		m.pages, m.coldFailures, m.searches, m.watched, m.profiles, m.profilesKept, m.profileBytes)
	return m
}

// toldPage notes a page of history.
func (m *Metrics) toldPage(store string, took time.Duration) {
	m.pages.WithLabelValues(store).Observe(took.Seconds())
}
