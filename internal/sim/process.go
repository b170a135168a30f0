package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/push"
	"annal/pkg/projections/steward"
	"annal/pkg/projections/vault"
	"annal/pkg/sequencer"
)

// process is one role's process, with its lives.
type process struct {
	w    *World
	name string
	dice *dice
	// open makes the role of a new life.
	open func(p *process, l *life) (run func(context.Context) error, err error)
	// disk is what a sequencer finds again.
	disk map[int32]*sequencer.MemoryStore

	mu    sync.Mutex
	lives int
	now   *life // nil while it is down
}

// life is a process from start to end.
type life struct {
	name    string
	link    *link
	log     *netLog
	gw      *gateway.Gateway
	feed    *Feed
	cancel  context.CancelFunc
	ended   chan struct{}
	stopped bool
}

// start begins a new life.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives++
	l := &life{name: fmt.Sprintf("%s.%d", p.name, p.lives), ended: make(chan struct{})}
	l.link = newLink(p.w, l.name)
	l.log = newNetLog(p.w, l.link)
	run, err := p.open(p, l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	p.now = l
	p.w.running.Go(func() {
		defer close(l.ended)
		err := run(ctx)
		l.log.Close()
		if l.feed != nil {
			p.w.hot.dropFeed(l.feed)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if !l.stopped {
			p.w.violate("%s ended by itself: %v", l.name, err)
		}
	})
	return nil
}

// life gives the present one, nil while down.
func (p *process) life() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// end takes the present life; nil when there is none.
func (p *process) end() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.now
	if l != nil {
		l.stopped = true
	}
	p.now = nil
	return l
}

// crash ends it in the middle of whatever it does.
func (p *process) crash() {
	if l := p.end(); l != nil {
		l.link.kill()
		l.cancel()
	}
}

// stop ends it in order.
func (p *process) stop() {
	if l := p.end(); l != nil {
		l.cancel()
		<-l.ended
	}
}

func openSequencer(p *process, l *life) (func(context.Context) error, error) {
	opts := sequencer.Defaults()
	log := planted(p.w.plant.Log, l.whole(p))
	opts.Log = log
	opts.Rules, opts.Instance, opts.Source = planted[sequencer.Rules](p.w.plant.Rules, sequencer.SessionRules{}), p.name, l.name
	opts.OpenStore = func(partition int32) (sequencer.Store, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.disk[partition] == nil {
			p.disk[partition] = sequencer.NewMemoryStore()
		}
		return p.w.plant.rows(log, partition, diskStore{l.link, p.disk[partition]}), nil
	}
	opts.CacheBytes = p.dice.n(2) << 20
	if p.dice.n(2) == 0 {
		opts.MaxInFlight = 1 + p.dice.n(8)
	}
	// Often, so that who lost its rows starts from a checkpoint.
	opts.CheckpointEvery = 2 * time.Second
	opts.Random, opts.Logger = p.w.dice("random "+l.name), p.w.logger.With("process", l.name)
	opts.Metrics = sequencer.NewMetrics(prometheus.NewRegistry())
	role, err := sequencer.New(context.Background(), opts)
	if err != nil {
		return nil, err
	}
	return role.Run, nil
}

func openHot(p *process, l *life) (func(context.Context) error, error) {
	view := netHot{l.link, p.w.hot}
	ids := p.w.dice("views " + l.name)
	projector, err := hot.New(context.Background(), hot.Options{
		Log: planted(p.w.plant.Log, l.whole(p)), Store: p.w.plant.store(view, view), Notifier: view, Instance: p.name, Source: l.name,
		NewViewID: func(old string) string {
			var n uint64
			_, _ = fmt.Sscanf(old, "%d", &n) // none: the first
			return fmt.Sprintf("%06d-%s-%d", n+1, l.name, ids.n(1000))
		},
		CommitEvery: time.Second, Recall: 10 * time.Minute, Logger: p.w.logger.With("process", l.name), Metrics: hot.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		return nil, err
	}
	return projector.Run, nil
}

func openGateway(p *process, l *life) (func(context.Context) error, error) {
	config := gateway.DefaultConfig()
	config.Instance, config.Version = l.name, "sim"
	if p.w.limits != nil {
		p.w.limits(&config)
	}
	l.feed = p.w.hot.NewFeed(l.name)
	l.feed.late, l.feed.pace = p.w.lateness(l.name), l.link.moment()
	ports := gateway.Ports{
		Log: l.whole(p), View: newNetView(l.link, p.w.hot), Feed: planted[hot.Feed](p.w.plant.Feed, l.feed), Notifier: netHot{l.link, p.w.hot},
		Cold: p.w.cold(l), Presence: netPresence{l.link, p.w.presence}, Tokens: auth.NewVerifier(signing.Public(), time.Now), Now: time.Now,
		Logger: p.w.logger.With("process", l.name), Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
	}
	if p.w.rates != nil {
		ports.Limits = limits.New(p.w.rates, p.w.counts, time.Now, ports.Logger, limits.NewMetrics(prometheus.NewRegistry()))
	}
	gw, err := gateway.New(config, ports)
	if err != nil {
		return nil, err
	}
	l.gw = gw
	return gw.Run, nil
}

// Plant puts a bug into the system through its ports; nil fields put none.
type Plant struct {
	Log   func(eventlog.Log) eventlog.Log
	Store func(hot.Store, hot.Notifier) hot.Store
	Feed  func(hot.Feed) hot.Feed
	// Rows gets the process's log, planted already, too.
	Rows  func(eventlog.Log, int32, sequencer.Store) sequencer.Store
	Rules func(sequencer.Rules) sequencer.Rules
	// Handler, StewardView and StewardLog are of the steward; the log is what it appends to.
	Handler     func(follow.Handler) follow.Handler
	StewardView func(steward.View) steward.View
	StewardLog  func(eventlog.Log) eventlog.Log
	// Archiver, ArchiverLog and Archive are of the archivers, and what they store in.
	Archiver    func(follow.Handler) follow.Handler
	ArchiverLog func(eventlog.Log) eventlog.Log
	Archive     func(*archive.Memory) archiveStore
	// Bucket is what the vault is in; Trims takes the place of deleting what it has.
	Bucket func(vault.Bucket) vault.Bucket
	Trims  func(log *eventlog.Memory, partition int32)
	// Pusher, PushView, Notes and Forget are of the pushers.
	Pusher   func(follow.Handler) follow.Handler
	PushView func(push.View) push.View
	Notes    func(push.Store) push.Store
	Forget   func(push.Forget) push.Forget
	// Odds changes what goes wrong, so that the bug has its occasion.
	Odds func(*odds)
}

// planted is what a bug makes of a port; nil makes nothing of it.
func planted[T any](bug func(T) T, port T) T {
	if bug == nil {
		return port
	}
	return bug(port)
}

func (p Plant) store(s hot.Store, n hot.Notifier) hot.Store {
	if p.Store == nil {
		return s
	}
	return p.Store(s, n)
}

func (p Plant) rows(l eventlog.Log, partition int32, s sequencer.Store) sequencer.Store {
	if p.Rows == nil {
		return s
	}
	return p.Rows(l, partition, s)
}
