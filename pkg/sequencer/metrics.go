package sequencer

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
)

// Metrics are the role's.
type Metrics struct {
	outcomes *prometheus.CounterVec
	verdicts *prometheus.CounterVec
	started  prometheus.Counter
	lost     *prometheus.CounterVec
	decide   prometheus.Histogram
	inFlight *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
	state    *prometheus.GaugeVec
	restore  prometheus.Histogram
	// snapshots counts what was written into annal.snapshots.
	snapshots  *prometheus.CounterVec
	checkpoint prometheus.Histogram
	// restored counts by where the rows came from.
	restored *prometheus.CounterVec
	// quarantined counts by reason.
	quarantined *prometheus.CounterVec
}

// NewMetrics registers the role's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_sequencer_outcomes_total", Help: "Own outcomes that counted, by kind and code.",
		}, []string{"kind", "code"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_sequencer_records_total", Help: "Records of the events topic by the reader's verdict.",
		}, []string{"verdict"}),
		started: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "annal_sequencer_turns_started_total", Help: "Fences that counted.",
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_sequencer_turns_lost_total", Help: "Turns that ended early, by reason.",
		}, []string{"reason"}),
		decide: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "annal_sequencer_decide_seconds", Help: "Time to decide one command, rows loaded included.",
			Buckets: prometheus.ExponentialBuckets(1e-6, 4, 10),
		}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_sequencer_in_flight", Help: "Outcomes decided and not known to count yet.",
		}, []string{"partition"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_sequencer_lag", Help: "Commands in the log without a counted outcome.",
		}, []string{"partition"}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "annal_sequencer_deciding", Help: "1 while this process decides the partition.",
		}, []string{"partition"}),
		restore: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "annal_sequencer_restore_seconds", Help: "Time to read a partition's events to their end before a turn.",
			Buckets: prometheus.ExponentialBuckets(1e-3, 4, 10),
		}),
		snapshots: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_sequencer_snapshots_total", Help: "Snapshots, chunks and checkpoints written.",
		}, []string{"what"}),
		checkpoint: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "annal_sequencer_checkpoint_seconds", Help: "Time to take a partition's checkpoint.",
			Buckets: prometheus.ExponentialBuckets(1e-2, 4, 9),
		}),
		restored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_sequencer_restored_total", Help: "Partitions taken up, by where their rows came from: local, snapshots or log.",
		}, []string{"from"}),
		quarantined: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_sequencer_quarantined_total", Help: "Commands put aside, by reason.",
		}, []string{"reason"}),
	}
	r.MustRegister(m.restore, m.snapshots, m.checkpoint, m.restored, m.quarantined, m.outcomes, m.verdicts, m.started, m.lost, m.decide, m.inFlight, m.lag, m.state)
	return m
}

// tally counts what a call of the machine saw.
func (m *Metrics) tally(t Tally) {
	for v := events.Counted; v <= events.Poison; v++ {
		if n := t.Verdicts[v]; n > 0 {
			m.verdicts.WithLabelValues(v.String()).Add(float64(n))
		}
	}
	// Outcomes of one kind come in runs, and finding a counter costs more than adding.
	for i := 0; i < len(t.Own); {
		l, n := t.Own[i], 0
		for ; i < len(t.Own) && t.Own[i] == l; i++ {
			n++
		}
		m.outcomes.WithLabelValues(l.Kind, string(l.Code)).Add(float64(n))
	}
	if t.Lost != "" {
		m.lost.WithLabelValues(string(t.Lost)).Inc()
	}
}

func (m *Metrics) forget(partition int32) {
	p := strconv.Itoa(int(partition))
	m.inFlight.DeleteLabelValues(p)
	m.lag.DeleteLabelValues(p)
	m.state.DeleteLabelValues(p)
}
