package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"annal/pkg/client"
	"annal/pkg/connectors/kafka"
	"annal/pkg/eventlog"
	"annal/pkg/projections/follow"
)

// serve greets people until ctx ends, and finishes what is under way then.
func serve(ctx context.Context, s settings, log *slog.Logger) (err error) {
	registry := prometheus.NewRegistry()
	state := &health{}
	stop, err := listen(ctx, s.listen, state, registry, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	events, err := kafka.Open(ctx, kafka.Options{Seeds: s.kafka, Prefix: s.prefix, ClientID: "welcome", Log: log, Metrics: registry})
	if err != nil {
		return err
	}
	defer events.Close()
	tokens := s.login.Service()
	var refused *client.OAuthError
	if _, err := tokens.Token(ctx); errors.As(err, &refused) {
		return err // a wrong secret is not waited out, as a server that is away is
	}
	locator := client.NewLocator(tokens.Token, s.instance, s.servers...)
	c, err := client.Dial(ctx, client.Options{
		Locate: locator.Locate, Reached: locator.Reached, Token: tokens.Token, Device: s.instance, Version: "welcome", Logger: log, OnState: state.connected,
	})
	if err != nil {
		return err
	}
	defer c.Close()
	g := &greeter{client: c, greeting: s.greeting, log: log, metrics: newMetrics(registry)}
	f, err := newFollower(ctx, s, events, g, follow.NewMetrics(registry, "welcome"), log)
	if err != nil {
		return err
	}
	state.follows(f.Ready)
	return run(ctx, f, c)
}

// commitEvery is how often progress is committed: what comes again after a crash is no more than that.
const commitEvery = 200 * time.Millisecond

func newFollower(ctx context.Context, s settings, events eventlog.Log, h follow.Handler, metrics *follow.Metrics, log *slog.Logger) (*follow.Follower, error) {
	return follow.New(ctx, follow.Options{
		Log: events, Group: s.group, Role: "welcome", Instance: s.instance, Begin: s.begin, BeginAgain: s.again, CommitEvery: commitEvery,
		Handler: h, Logger: log, Metrics: metrics,
	})
}

// run follows until ctx ends, or the client, since nobody can be greeted then.
func run(ctx context.Context, f *follow.Follower, c *client.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := f.Run(ctx)
	if errors.Is(err, eventlog.ErrTrimmed) {
		err = fmt.Errorf("%w: somebody may not have been greeted; --begin-again goes on where --from says", err)
	}
	return errors.Join(err, c.Err())
}

// health says whether it can greet.
type health struct {
	mu    sync.Mutex
	ready func() error
	up    bool
	why   error
}

func (h *health) follows(ready func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = ready
}

// connected is told what becomes of the connection.
func (h *health) connected(s client.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up, h.why = s.Connected, s.Err
}

func (h *health) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.up:
		return fmt.Errorf("not connected: %w", errors.Join(errNotYet, h.why))
	case h.ready == nil:
		return errNotYet
	}
	return h.ready()
}

var errNotYet = errors.New("not yet")

// listen answers on the address until stop.
func listen(ctx context.Context, address string, state *health, registry *prometheus.Registry, log *slog.Logger) (stop func() error, err error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := state.check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	log.Info("listening", "url", "http://"+l.Addr().String())
	return func() error {
		err := server.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}, nil
}
