package app

import (
	"context"
	crypto "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"annal/internal/endpoints"
	"annal/internal/fold"
	"annal/internal/obs"
	"annal/internal/sampler"
	"annal/internal/web"
	"annal/pkg/connectors/kafka"
	"annal/pkg/connectors/pebble"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/gateway/ws"
	"annal/pkg/limits"
	"annal/pkg/nodes"
	"annal/pkg/projections/hot"
	"annal/pkg/sequencer"
)

// Serve runs the configured roles until ctx ends, then stops them in the order in
// which messages flow. A role that must not go on ends the process with its error.
func Serve(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if ownGarbage() {
		debug.SetGCPercent(mostPercent)
	}
	// A file over the process's limit is a write that fails, as on a full disk: not an end without a word.
	signal.Ignore(syscall.SIGXFSZ)
	p := &process{config: c, metrics: obs.NewRegistry(c.Version), ready: &obs.Readiness{}, instance: randomID(), mux: http.NewServeMux()}
	var err error
	if p.proxies, err = web.ParseProxies(c.TrustedProxies); err != nil {
		return fmt.Errorf("app: --trusted-proxies: %w", err)
	}
	if c.TLSCert != "" {
		if p.certificates, err = web.NewCertificates(c.TLSCert, c.TLSKey, time.Now, c.Log); err != nil {
			return fmt.Errorf("app: --tls-cert: %w", err)
		}
	}
	listener, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return fmt.Errorf("app: --http: %w", err)
	}
	p.address = listener.Addr()
	if err := p.open(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer p.close()
	return p.run(ctx, listener)
}

// process is one server process: its roles and what they share.
type process struct {
	config   Config
	metrics  *prometheus.Registry
	ready    *obs.Readiness
	instance string
	// kafka is the log itself, and log the same with the vault below it, if there is one.
	kafka *kafka.Log
	log   eventlog.Log
	// closers run last to first.
	closers []func() error
	// roles run in order of the messages' way, and stop in it.
	roles []role
	// mux has what the process answers at its address.
	mux     *http.ServeMux
	address net.Addr
	// certificates are nil without TLS.
	certificates *web.Certificates
	// proxies are believed where requests come from.
	proxies web.Proxies
	// serving is made by the first role that serves clients.
	serving *serving
	// looks are the metrics of what holds views against the log; nil before the first does.
	looks *sampler.Metrics
}

type role struct {
	name string
	run  func(context.Context) error
}

func (p *process) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		if err := p.closers[i](); err != nil {
			p.config.Log.Error("close failed", "error", err)
		}
	}
}

func (p *process) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			p.close()
			p.closers = nil
		}
	}()
	if err := p.openLog(ctx); err != nil {
		return err
	}
	for _, open := range []struct {
		role string
		call func(context.Context) error
	}{{RoleLogin, p.openLogin}, {RoleGateway, p.openGateway}, {RoleSequencer, p.openSequencer}, {RoleHot, p.openHot}, {RoleSteward, p.openSteward}, {RolePush, p.openPush}, {RoleArchive, p.openArchive}, {RoleVault, p.openVault}} {
		if !p.config.has(open.role) {
			continue
		}
		if err := open.call(ctx); err != nil {
			return fmt.Errorf("role %s: %w", open.role, err)
		}
	}
	return nil
}

func (p *process) openLog(ctx context.Context) error {
	c := p.config
	log, err := kafka.Open(ctx, kafka.Options{
		Seeds: c.Kafka, Prefix: c.Prefix, ClusterID: c.clusterID, ClientID: "annal-" + p.instance, Log: c.Log, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	p.kafka = log
	p.closers = append(p.closers, func() error { log.Close(); return nil })
	if p.log, err = c.Vault.below(log, c.Prefix, c.Log); err != nil {
		return err
	}
	return log.CheckTopics(ctx, max(c.minISR, 1))
}

// member is the static group member id of a role: it stays the same for a data
// directory, so that a restart moves no partition.
func (p *process) member(role string) (string, error) {
	id, err := namedID(filepath.Join(p.config.Data, "instance-id"))
	return role + "-" + id, err
}

func (p *process) source(role string) string { return "annal/" + role + "/" + p.instance }

func (p *process) openRedis(ctx context.Context) (*redis.Redis, error) {
	partitions, err := p.log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, err
	}
	opts := redis.Defaults()
	opts.Addrs, opts.Prefix, opts.Partitions = strings.Split(p.config.Redis, ","), p.config.Prefix, partitions
	opts.Embedded, opts.Instance, opts.Log = p.config.embedded, p.instance, p.config.Log
	r, err := redis.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, r.Close)
	return r, nil
}

// serving is what serves clients: of a gateway and of login.
type serving struct {
	gateway *gateway.Gateway
	redis   *redis.Redis
	tokens  *auth.Verifier
	limits  *limits.Limiter
}

// clients makes what serves clients, once.
func (p *process) clients(ctx context.Context) (*serving, error) {
	if p.serving != nil {
		return p.serving, nil
	}
	path := p.config.AuthKeys
	if path == "" {
		path = p.config.Login.SigningKeys
	}
	keys, err := auth.OpenFile(path, time.Now, p.config.Log)
	if err != nil {
		return nil, fmt.Errorf("--auth-keys: %w", err)
	}
	tokens, err := p.verifier(keys)
	if err != nil {
		return nil, err
	}
	r, err := p.openRedis(ctx)
	if err != nil {
		return nil, err
	}
	feed, err := r.NewFeed(ctx)
	if err != nil {
		return nil, err
	}
	cold, err := p.openCold()
	if err != nil {
		return nil, err
	}
	c := gateway.DefaultConfig()
	c.Instance, c.Version = p.instance, p.config.Version
	c.Heartbeat, c.HeartbeatTimeout, c.MaxConnections = p.config.Heartbeat, p.config.HeartbeatTimeout, p.config.MaxConnections
	table, err := limits.Defaults().With(p.config.Limits...)
	if err != nil {
		return nil, fmt.Errorf("--limits: %w", err)
	}
	limiter := limits.New(table, r.Counts(), time.Now, p.config.Log, limits.NewMetrics(p.metrics))
	gw, err := gateway.New(c, gateway.Ports{
		Log: p.log, View: r.Reader(), Feed: feed, Cold: cold, Notifier: r, Tokens: tokens, Limits: limiter, Presence: r.Presence(), Now: time.Now,
		Logger: p.config.Log, Metrics: gateway.NewMetrics(p.metrics),
	})
	if err != nil {
		return nil, err
	}
	p.serving = &serving{gw, r, tokens, limiter}
	return p.serving, nil
}

func (p *process) openGateway(ctx context.Context) error {
	served, err := p.clients(ctx)
	if err != nil {
		return err
	}
	gw, registry := served.gateway, served.redis.Registry()
	p.mux.Handle(ws.Path, ws.Handler(gw, ws.Options{Origins: p.config.Origins}))
	p.ready.Add(RoleGateway, gw.Ready)
	url := p.publicURL()
	announcer := nodes.NewAnnouncer(registry, func() nodes.Node {
		return nodes.Node{ID: p.instance, URL: url, Version: p.config.Version, Connections: gw.Load(), Draining: gw.Open() != nil}
	}, p.config.Log.With("role", RoleGateway), nodes.NewMetrics(p.metrics))
	p.mux.Handle(rest.NodePath, rest.Node(nodes.NewDirectory(registry, nodes.Fresh), served.tokens, served.limits, p.config.Origins, p.config.Log))
	p.roles = append(p.roles, role{RoleGateway, func(ctx context.Context) error { return announcer.Around(ctx, gw.Run) }})
	return nil
}

// httpURL is where the process is asked over plain HTTP.
func (p *process) httpURL() string {
	if p.certificates != nil {
		return "https://" + p.address.String()
	}
	return "http://" + p.address.String()
}

// publicURL is where clients reach this gateway.
func (p *process) publicURL() string {
	if p.config.PublicURL != "" {
		return p.config.PublicURL
	}
	scheme := "ws"
	if p.certificates != nil {
		scheme = "wss"
	}
	at, host := p.address.String(), ""
	if tcp, ok := p.address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		// It listens at all of the machine's addresses: in most networks its name is one.
		if name, err := os.Hostname(); err == nil {
			host = name
		}
		at = net.JoinHostPort(host, strconv.Itoa(tcp.Port))
	}
	return scheme + "://" + at + ws.Path
}

func (p *process) openSequencer(ctx context.Context) error {
	db, err := pebble.Open(filepath.Join(p.config.Data, "rows"), p.log.Cluster(), p.config.Log)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, db.Close)
	member, err := p.member(RoleSequencer)
	if err != nil {
		return err
	}
	var seed [32]byte
	_, _ = crypto.Read(seed[:]) // never fails
	opts := sequencer.Defaults()
	opts.Log, opts.Rules, opts.OpenStore, opts.Instance = p.log, sequencer.SessionRules{}, db.Store, member
	opts.CheckpointEvery, opts.CheckpointEvents = p.config.CheckpointEvery, p.config.CheckpointEvents
	opts.Source, opts.Random = p.source(RoleSequencer), rand.NewChaCha8(seed)
	opts.Logger, opts.Metrics = p.config.Log, sequencer.NewMetrics(p.metrics)
	r, err := sequencer.New(ctx, opts)
	if err != nil {
		return err
	}
	p.ready.Add(RoleSequencer, r.Ready)
	p.roles = append(p.roles, role{RoleSequencer, r.Run})
	return nil
}

func (p *process) openHot(ctx context.Context) error {
	r, err := p.openRedis(ctx)
	if err != nil {
		return err
	}
	member, err := p.member(RoleHot)
	if err != nil {
		return err
	}
	projector, err := hot.New(ctx, hot.Options{
		Log: p.log, Store: r, Notifier: r, Instance: member, Source: p.source(RoleHot),
		NewViewID: NewViewID, CommitEvery: time.Second, Recall: 10 * time.Minute, Logger: p.config.Log, Metrics: hot.NewMetrics(p.metrics),
	})
	if err != nil {
		return err
	}
	p.ready.Add(RoleHot, projector.Ready)
	look := p.sampling(RoleHot, fold.Options{Log: p.log, Hot: r.Reader(), Window: redis.Defaults().Window, Group: hot.Group}, projector.Partitions)
	p.roles = append(p.roles, role{RoleHot, func(ctx context.Context) error { return beside(ctx, look, projector.Run) }})
	return nil
}

// NewViewID gives an id for a new building of a view: a number above the old id's, and chance, so that two builders differ.
func NewViewID(old string) string {
	var n uint64
	if len(old) >= viewDigits {
		if _, err := fmt.Sscanf(old[:viewDigits], "%d", &n); err != nil {
			n = 0
		}
	}
	return fmt.Sprintf("%0*d-%s", viewDigits, n+1, randomID()[:8])
}

const viewDigits = 10

// run serves HTTP and the roles. When ctx ends the roles stop one after the other,
// so that what one has taken the next still carries on.
func (p *process) run(ctx context.Context, listener net.Listener) error {
	obs.Mount(p.mux, p.ready, p.metrics)
	if p.config.phones != nil {
		p.mux.Handle("/phones", p.config.phones)
		p.mux.Handle("/phones.json", p.config.phones)
		p.mux.Handle("/phones/", p.config.phones)
	}
	server := web.NewServer(p.mux, p.certificates, p.proxies, p.config.Log)
	group, groupCtx := errgroup.WithContext(context.WithoutCancel(ctx))
	group.Go(func() error { return server.Serve(listener) })
	stopping := ctx
	for _, r := range p.roles {
		stopped, done := context.WithCancel(context.WithoutCancel(ctx))
		until := stopping
		group.Go(func() error {
			defer done()
			if err := p.runRole(groupCtx, until, r); err != nil {
				return fmt.Errorf("role %s: %w", r.name, err)
			}
			return nil
		})
		stopping = stopped
	}
	if room, bounded := roomOf(p.roles[0].name); bounded && ownGarbage() && len(p.roles) == 1 {
		group.Go(func() error {
			running, cancel := context.WithCancel(groupCtx)
			defer cancel()
			defer context.AfterFunc(stopping, cancel)()
			boundGarbage(running, room)
			return nil
		})
	}
	at := func(scheme string) string { return server.URL(scheme, listener.Addr()) }
	group.Go(func() error { return p.announceWhenReady(groupCtx, ctx, at) })
	group.Go(func() error {
		select {
		case <-stopping.Done():
		case <-groupCtx.Done():
		}
		// Health stays up until the last role has stopped.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return errors.Join(server.Shutdown(closing), nil)
	})
	return group.Wait()
}

// runRole runs a role until `until` ends or another role failed.
func (p *process) runRole(group, until context.Context, r role) error {
	ctx, cancel := context.WithCancel(group)
	defer cancel()
	defer context.AfterFunc(until, cancel)()
	err := r.run(ctx)
	if err == nil && ctx.Err() == nil {
		err = errors.New("ended by itself")
	}
	p.config.Log.Info("role stopped", "role", r.name)
	return err
}

// announceWhenReady waits for readiness, writes the endpoints file and tells Dev. At gives the process's URL.
func (p *process) announceWhenReady(group, ctx context.Context, at func(scheme string) string) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for p.ready.Check() != nil {
		select {
		case <-ticker.C:
		case <-group.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	c := p.config
	http := at("http")
	p.config.Log.Info("ready", "http", http, "roles", c.Roles)
	if c.EndpointsFile != "" {
		data, err := filepath.Abs(c.Data)
		if err != nil {
			return fmt.Errorf("app: %w", err)
		}
		file := endpoints.File{
			HTTP: http, Kafka: c.Kafka, Redis: c.Redis, Token: c.token, Prefix: c.Prefix, Cluster: c.clusterID,
			Embedded: c.embedded, Data: data, PID: os.Getpid(), ClickHouse: c.ClickHouse.URL, ClickHouseDatabase: c.ClickHouse.Database,
		}
		if v := c.Vault; v.URL != "" {
			file.Vault = &endpoints.Vault{URL: v.URL, Bucket: v.Bucket, Region: v.Region, AccessKey: v.AccessKey, SecretKeyFile: v.SecretKeyFile, CAFile: v.CAFile}
		}
		if c.has(RolePush) {
			if file.PushApps, err = filepath.Abs(c.Push.Apps); err != nil {
				return fmt.Errorf("app: %w", err)
			}
		}
		if c.has(RoleGateway) {
			file.WS = at("ws") + ws.Path
		}
		if err := endpoints.Write(c.EndpointsFile, file); err != nil {
			return err
		}
	}
	if c.announce != nil {
		c.announce(http)
	}
	return nil
}
