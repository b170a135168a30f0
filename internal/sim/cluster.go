package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"annal/internal/fold"
	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// Cluster is the whole system in process, in which nothing goes wrong by itself: whoever has it
// says what does. It belongs into a synctest bubble.
type Cluster struct{ w *World }

// Sizes of a Cluster.
const (
	ClusterGateways   = 3
	clusterPartitions = 4
	clusterWindow     = 100
	// Bounds of a gateway are small enough to be reached.
	clusterInFlight      = 24
	clusterSubscriptions = 250
	clusterWrites        = 3000 // of a person, and one more a minute
)

// NewCluster starts two sequencers, two projectors, a steward, two archivers, two vaulters, two pushers and [ClusterGateways] gateways.
func NewCluster() (*Cluster, error) {
	w := &World{calmed: make(chan struct{}), began: time.Now(), verbose: true}
	w.calm.Store(true)
	w.limits = func(c *gateway.Config) { c.MaxInFlight, c.MaxSubscriptions = clusterInFlight, clusterSubscriptions }
	w.rates = limits.Table{{Scope: limits.User, Class: limits.Write}: {Burst: clusterWrites, Each: time.Minute}}
	w.counts = limits.NewMemory(time.Now)
	w.openEngines(clusterPartitions, clusterWindow)
	w.sequencers = w.processes("seq", 2, openSequencer)
	w.projectors = w.processes("hot", 2, openHot)
	w.gateways = w.processes("gw", ClusterGateways, openGateway)
	w.stewards = w.processes("steward", 1, openSteward)
	w.archivers = w.processes("archiver", 2, openArchiver)
	w.vaulters = w.processes("vaulter", 2, openVaulter)
	w.pushers = w.processes("pusher", 2, openPusher)
	c := &Cluster{w}
	for _, p := range w.all() {
		if err := p.start(); err != nil {
			return nil, err
		}
	}
	// Partitions are shared out among those who came one after the other.
	w.pass(2 * sessionTimeout)
	return c, nil
}

// Stop ends all processes, in order.
func (c *Cluster) Stop() {
	for _, p := range c.w.all() {
		p.resume()
		p.stop()
	}
	c.w.running.Wait()
	c.w.log.Close()
}

// Violations are what must never happen and did.
func (c *Cluster) Violations() []string {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return slices.Clone(c.w.violations)
}

// Trace is what happened so far, the processes' logs among it.
func (c *Cluster) Trace() string {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return c.w.trace.String()
}

// Token is good for what it says, until then.
func (c *Cluster) Token(id auth.Identity) (string, error) {
	return auth.Issue(signing, id, time.Now())
}

// Dial connects to a gateway, from 1; 0: the first that takes anybody. It is nil when none does.
func (c *Cluster) Dial(gateway int) *Socket {
	for i, p := range c.w.gateways {
		l := p.life()
		if gateway != 0 && i != gateway-1 || l == nil {
			continue
		}
		s := &Socket{woken: make(chan struct{}, 1)}
		if s.inner = c.w.dial("a device", s.poke, l); s.inner != nil {
			return s
		}
	}
	return nil
}

// processes are those of a role, or of all: sequencer, projector, gateway, steward, archiver, vaulter, pusher, or one by number,
// such as gateway1.
func (c *Cluster) processes(name string) ([]*process, error) {
	roles := map[string][]*process{
		"sequencer": c.w.sequencers, "projector": c.w.projectors, "gateway": c.w.gateways, "steward": c.w.stewards, "archiver": c.w.archivers,
		"vaulter": c.w.vaulters, "pusher": c.w.pushers,
		"all": c.w.all(),
	}
	if all, ok := roles[name]; ok {
		return all, nil
	}
	role := strings.TrimRight(name, "0123456789")
	for i, p := range roles[role] {
		if name == fmt.Sprint(role, i+1) {
			return []*process{p}, nil
		}
	}
	return nil, fmt.Errorf("sim: there is no process %q", name)
}

// each does something to all processes of a name, one after the other.
func (c *Cluster) each(name string, do func(*process) error) error {
	all, err := c.processes(name)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}

// Restart kills processes and starts them again on what they left.
func (c *Cluster) Restart(name string) error {
	return c.each(name, func(p *process) error { p.crash(); return p.start() })
}

// StopProcess ends processes in order.
func (c *Cluster) StopProcess(name string) error {
	return c.each(name, func(p *process) error { p.stop(); return nil })
}

// StartProcess starts processes that were stopped.
func (c *Cluster) StartProcess(name string) error {
	return c.each(name, func(p *process) error {
		if p.life() != nil {
			return nil
		}
		return p.start()
	})
}

// Pause freezes processes, or lets them go on; of the archive, the vault, and searches in the archive, no call ends meanwhile.
func (c *Cluster) Pause(name string, on bool) error {
	if gate := map[string]*gate{"archive": c.w.archiveUp, "vault": c.w.bucketUp, "searches": c.w.searchesUp}[name]; gate != nil {
		gate.set(!on)
		return nil
	}
	return c.each(name, func(p *process) error {
		if p.slowlyFrozen() {
			return fmt.Errorf("sim: a gateway can't be paused")
		}
		if l := p.life(); l != nil {
			l.link.running.set(!on)
		}
		return nil
	})
}

// resume ends a pause.
func (p *process) resume() {
	if l := p.life(); l != nil {
		l.link.running.set(true)
	}
}

// EmptyStore empties the hot store.
func (c *Cluster) EmptyStore() { c.w.hot.Flush() }

// Rebuild has the hot view ("hot") built anew beside itself, or a session of it, and returns when it was swapped.
func (c *Cluster) Rebuild(ctx context.Context, name string) error {
	h := rebuild.Hot{Log: c.w.log, Store: c.w.hot, Request: "scenario", Idle: restTime, Show: func(rebuild.State) {}}
	if name != "hot" {
		h.Session = events.SessionID(name)
	}
	results, err := h.Run(ctx)
	for _, r := range results {
		if r.Said != hot.SaidSwapped {
			return fmt.Errorf("sim: partition %d was rebuilt as %s", r.Partition, r.Said)
		}
	}
	return err
}

// WithoutArchive has the gateways start again without one.
func (c *Cluster) WithoutArchive() error {
	c.w.noCold.Store(true)
	return c.each("gateway", func(p *process) error { p.stop(); return p.start() })
}

// Trim deletes from the log all events that are there now, once the vault has them.
func (c *Cluster) Trim(ctx context.Context) error {
	for p := range c.w.partitions {
		_, end, err := c.w.log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return err
		}
		for until := time.Now().Add(restTime); ; c.w.pass(100 * time.Millisecond) {
			mark, err := c.w.log.Shelf().Tail(ctx, p)
			if err != nil {
				return err
			}
			if mark.Progress.Offset >= end {
				break
			}
			if time.Now().After(until) {
				return fmt.Errorf("sim: partition %d is sealed up to %d of %d", p, mark.Progress.Offset, end)
			}
		}
	}
	return c.w.trim(ctx)
}

// LoseSession has the store lose a part of a session.
func (c *Cluster) LoseSession(s string) bool { return c.w.hot.Damage(events.SessionID(s)) }

// CutFeeds breaks all gateways' subscriptions; they come again at once.
func (c *Cluster) CutFeeds() { c.w.hot.Break() }

// Inject appends a record to a topic as some stranger would.
func (c *Cluster) Inject(ctx context.Context, topic eventlog.Topic, r events.Record) error {
	result := make(chan error, 1)
	c.w.log.Append(ctx, topic, eventlog.ByKey, r, func(_ int32, _ int64, err error) { result <- err })
	return <-result
}

// Outcomes are a session's in the log that count.
func (c *Cluster) Outcomes(ctx context.Context, s string) ([]events.Outcome, error) {
	partition := eventlog.KeyPartition([]byte(s), c.w.partitions)
	var out []events.Outcome
	err := eventlog.EachCounted(ctx, c.w.log, partition, func(rec *eventlog.Record) error {
		if string(rec.Key) != s {
			return nil
		}
		o, err := events.DecodeOutcome(rec.Record)
		if err != nil {
			return err
		}
		out = append(out, o)
		return nil
	})
	return out, err
}

// Quarantined counts the records that were put aside.
func (c *Cluster) Quarantined(ctx context.Context) (n int64, err error) {
	for p := range c.w.partitions {
		_, end, err := c.w.log.Bounds(ctx, eventlog.Quarantine, p)
		if err != nil {
			return 0, err
		}
		n += end
	}
	return n, nil
}

// Archive is what is archived.
func (c *Cluster) Archive() archive.View { return c.w.archive }

// Verify compares the view with a fold of the log, and says what differs.
func (c *Cluster) Verify(ctx context.Context) (string, error) {
	return c.verify(ctx, func(sessions map[events.SessionID]*fold.Session, report *fold.Report) error {
		return fold.Compare(ctx, c.w.hot, c.w.hot.window, sessions, report)
	})
}

// VerifyArchive is Verify of the archive.
func (c *Cluster) VerifyArchive(ctx context.Context) (string, error) {
	return c.verify(ctx, func(sessions map[events.SessionID]*fold.Session, report *fold.Report) error {
		return fold.CompareArchive(ctx, c.w.archive, sessions, report)
	})
}

func (c *Cluster) verify(ctx context.Context, compare func(map[events.SessionID]*fold.Session, *fold.Report) error) (string, error) {
	var report fold.Report
	sessions, err := fold.Log(ctx, c.w.log, &report)
	if err == nil {
		err = compare(sessions, &report)
	}
	if err != nil || report.Found == 0 {
		return "", err
	}
	return report.Problems[0], nil
}
