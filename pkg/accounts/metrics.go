package accounts

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what operators watch.
type Metrics struct {
	read, conflicts, unreadable, swept prometheus.Counter
	entries, garbage                   prometheus.Gauge
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "annal_accounts_" + name + "_total", Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "annal_accounts_" + name, Help: help})
	}
	m := &Metrics{
		read:       counter("read", "Records of annal.accounts that were read."),
		conflicts:  counter("conflicts", "Changes that were begun anew, since somebody else changed the same at the same time."),
		unreadable: counter("unreadable", "Entries that could not be read and were passed over."),
		swept:      counter("swept", "Records that no longer counted, were left behind, and were taken away."),
		entries:    gauge("entries", "Accounts, logins, clients, codes and invitations in memory."),
		garbage:    gauge("garbage", "Records that no longer count and are not taken away yet."),
	}
	r.MustRegister(m.read, m.conflicts, m.unreadable, m.swept, m.entries, m.garbage)
	return m
}
