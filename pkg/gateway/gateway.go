// Package gateway is where chat clients come in: it authenticates them, turns their
// frames into commands, awaits outcomes, and delivers what they may see, in order and
// without gaps. It decides no rule. Sockets are in pkg/gateway/ws; here a connection is
// a Transport.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/presence"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// Config bounds what a gateway does.
type Config struct {
	// Instance is this process's own name for answers, never reused.
	Instance string
	Version  string
	// Policies are the defaults that create commands are completed with.
	Policies map[events.Kind]events.Policy
	// HelloTimeout is how long a connection may be silent before its hello.
	HelloTimeout time.Duration
	// Heartbeat is how often a client is to send something; one not heard for
	// HeartbeatTimeout is closed.
	Heartbeat        time.Duration
	HeartbeatTimeout time.Duration
	// AnswerTimeout is how long an outcome is awaited before OUTCOME_UNKNOWN.
	AnswerTimeout time.Duration
	// ReadTimeout bounds one read of the view.
	ReadTimeout time.Duration
	// MaxInFlight bounds commands awaited, in the gateway and per connection; BUSY beyond.
	MaxInFlight           int
	MaxInFlightConnection int
	// MaxWriting and MaxWritingBytes bound the commands that are given to the log and not
	// written yet; BUSY beyond. The log's own buffer must hold more.
	MaxWriting      int
	MaxWritingBytes int
	// MaxConnections is how many connections it takes.
	MaxConnections int
	// MaxSubscriptions is per connection.
	MaxSubscriptions int
	// MaxFills bounds how many subscriptions read the window at once.
	MaxFills int
	// MaxCold bounds how many read the archive at once, and ColdTimeout how long one read of it takes.
	MaxCold     int
	ColdTimeout time.Duration
	// MaxSearches bounds how many searches are under way, and SearchTimeout how long one takes.
	MaxSearches   int
	SearchTimeout time.Duration
}

// DefaultConfig is for production; Instance and Version must be set.
func DefaultConfig() Config {
	return Config{
		Policies:     DefaultPolicies(),
		HelloTimeout: 10 * time.Second, Heartbeat: 20 * time.Second, HeartbeatTimeout: 50 * time.Second,
		AnswerTimeout: 15 * time.Second, ReadTimeout: 5 * time.Second,
		MaxInFlight: 100_000, MaxInFlightConnection: 4096, MaxWriting: 16_000, MaxWritingBytes: 8 << 20, MaxConnections: 100_000, MaxSubscriptions: 2000, MaxFills: 64,
		MaxCold: 16, ColdTimeout: 2 * time.Second, MaxSearches: 4, SearchTimeout: 4 * time.Second,
	}
}

// Ports are what a gateway works with.
type Ports struct {
	Log  eventlog.Log
	View hot.View
	Feed hot.Feed
	// Cold is the archive, where history goes on below the window; nil: there is none.
	Cold Cold
	// Notifier tells other gateways what is in no log: that somebody types.
	Notifier hot.Notifier
	Tokens   *auth.Verifier
	// Limits says how often who may do what; nil: as often as they like.
	Limits Limits
	// Presence is where it is kept who is online; nil: nobody is told.
	Presence presence.Store
	// Now is the clock, for tokens and heartbeats.
	Now     func() time.Time
	Logger  *slog.Logger
	Metrics *Metrics
}

// Limits is [limits.Limiter]'s.
type Limits interface {
	Allow(ctx context.Context, c limits.Class, w limits.Who) (wait time.Duration, ok bool)
}

// Cold is what a gateway needs of an archive.
type Cold interface {
	archive.Timelines
	archive.Searches
}

// Gateway serves connections. Make one with New and run it.
type Gateway struct {
	config Config
	ports  Ports
	log    *slog.Logger
	hub    *hub
	wait   *waiting
	// cold is nil when there is no archive.
	cold *cold
	// writing are the commands on their way into the log.
	writing *writing
	// online is nil where it is not kept who is online.
	online *online
	// owns is what users say of themselves and let others do.
	owns *owns

	// ctx is the gateway's life, given by Run.
	ctx      context.Context
	cancel   context.CancelFunc
	mu       sync.Mutex
	conns    map[*Conn]struct{}
	users    *channels[events.UserID, *audience]
	rechecks *rechecks
	// missed has a token while users are to be told to sync again.
	missed   chan struct{}
	stopping bool
	empty    chan struct{} // closed when stopping and no connection is left
	serial   atomic.Uint64
	fed      atomic.Bool
}

// New makes a gateway; it serves nobody before Run.
func New(c Config, p Ports) (*Gateway, error) {
	if c.Instance == "" || c.HelloTimeout <= 0 || c.Heartbeat <= 0 || c.HeartbeatTimeout <= c.Heartbeat ||
		c.AnswerTimeout <= 0 || c.ReadTimeout <= 0 || c.MaxInFlight < 1 || c.MaxInFlightConnection < 1 ||
		c.MaxWriting < 1 || c.MaxWritingBytes < 1 || c.MaxConnections < 1 || c.MaxSubscriptions < 1 || c.MaxFills < 1 ||
		c.MaxCold < 1 || c.ColdTimeout <= 0 || c.MaxSearches < 1 || c.SearchTimeout <= 0 {
		return nil, errors.New("gateway: instance is missing, or a bound is not positive")
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &Gateway{
		config: c, ports: p, log: p.Logger.With("role", "gateway"), ctx: ctx, cancel: cancel,
		conns: map[*Conn]struct{}{}, empty: make(chan struct{}),
	}
	g.users, g.missed, g.rechecks = newUsers(g), make(chan struct{}, 1), newRechecks()
	g.hub = newHub(g)
	g.online = newOnline(g, p.Presence)
	g.wait = newWaiting(g)
	g.owns = newOwns(p.View, p.Now, p.Metrics)
	if p.Cold != nil {
		g.cold = newCold(g)
	}
	g.writing = &writing{maxCommands: c.MaxWriting, maxBytes: c.MaxWritingBytes, log: g.log, now: p.Now, waiting: p.Metrics.writing}
	return g, nil
}

// tick is how often deadlines are looked at; tokens are enforced within it.
const tick = time.Second

// Run serves until ctx ends. Then connections are told to go elsewhere; commands on
// their way are awaited for a moment.
func (g *Gateway) Run(ctx context.Context) error {
	fed := make(chan error, 1)
	var background sync.WaitGroup
	background.Go(func() { fed <- g.ports.Feed.Run(g.ctx, g) })
	background.Go(func() { g.hub.run(g.ctx) })
	background.Go(func() { g.hub.watch(g.ctx) })
	background.Go(g.tellEach)
	background.Go(func() { g.recheckEach(g.ctx) })
	if g.online != nil {
		background.Go(func() { g.online.keeper.Run(g.ctx) })
		background.Go(func() { g.online.watching.run(g.ctx) })
	}
	defer background.Wait()
	defer g.cancel()
	g.fed.Store(true)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			g.enforce()
		case err := <-fed:
			g.stop()
			return fmt.Errorf("gateway: feed: %w", err)
		case <-ctx.Done():
			g.stop()
			return nil
		}
	}
}

const (
	// drainTime is how long commands on their way are awaited when stopping.
	drainTime = 2 * time.Second
	// leaveTime is how long connections told to go elsewhere are awaited.
	leaveTime = 2 * time.Second
	// Connections that are told to go elsewhere, or to sync again, are told one by one, so that
	// they don't come all at once: spreadEach apart, within spreadMost in all.
	spreadEach = time.Millisecond
	spreadMost = 5 * time.Second
)

// stop takes nobody new, sends everybody elsewhere, and finishes what is on its way; each
// for a bounded time.
func (g *Gateway) stop() {
	g.mu.Lock()
	g.stopping = true
	if len(g.conns) == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	g.spread()
	g.wait.drain(drainTime)
	for _, c := range g.connections() {
		c.close(events.CodeGoingAway, "")
	}
	timer := time.NewTimer(leaveTime)
	defer timer.Stop()
	select {
	case <-g.empty:
	case <-timer.C:
		g.log.Warn("connections did not leave in time", "left", len(g.connections()))
	}
}

// spread sends away, little by little, those who await no outcome at the time.
func (g *Gateway) spread() {
	oneByOne(context.Background(), g.connections(), func(c *Conn) {
		if c.inFlight.Load() == 0 {
			c.close(events.CodeGoingAway, "")
		}
	})
}

// oneByOne calls f with all, spreadEach apart and within spreadMost, until ctx ends.
func oneByOne[T any](ctx context.Context, all []T, f func(T)) {
	each := min(spreadEach, spreadMost/time.Duration(max(len(all), 1)))
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, one := range all {
		// One wait makes up for those that took too long.
		timer.Reset(time.Duration(i)*each - time.Since(began))
		select {
		case <-timer.C:
			f(one)
		case <-ctx.Done():
			return
		}
	}
}

// Ready is nil while connections are welcome.
func (g *Gateway) Ready() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.fed.Load():
		return errors.New("not started")
	case g.stopping:
		return errors.New("stopping")
	}
	return nil
}

// Open is nil while one more connection is welcome: a gateway that is full is ready, and takes nobody.
func (g *Gateway) Open() error {
	if err := g.Ready(); err != nil {
		return err
	}
	if n := g.Load(); n >= g.config.MaxConnections {
		return fmt.Errorf("full: it has %d connections", n)
	}
	return nil
}

// TurnedAway counts a connection that its transport did not take since the gateway is not open.
func (g *Gateway) TurnedAway() { g.ports.Metrics.turnedAway.Inc() }

// Load is how many connections it has.
func (g *Gateway) Load() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

func (g *Gateway) connections() []*Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*Conn, 0, len(g.conns))
	for c := range g.conns {
		all = append(all, c)
	}
	return all
}

// enforce closes connections that are past a deadline, and answers for outcomes that
// did not come.
func (g *Gateway) enforce() {
	now := g.ports.Now()
	for _, c := range g.connections() {
		c.enforce(now)
	}
	g.wait.expire(now)
}
