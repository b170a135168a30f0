// Package clienttest serves a whole Annal in memory on loopback: the production
// gateway over gatewaytest's world. For testing what is built on the client.
package clienttest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/gatewaytest"
	"annal/pkg/gateway/ws"
	"annal/pkg/presence"
)

// Server is a gateway that can be killed and started again at the same address.
type Server struct {
	// World is what stands behind the gateway; it outlives it.
	World *gatewaytest.World

	t        *testing.T
	presence *presence.Memory
	key      auth.Key
	addr     string
	turns    int
	kill     func()
}

// Serve starts a server that ends with the test.
func Serve(t *testing.T) *Server {
	t.Helper()
	key, err := auth.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{World: gatewaytest.New(), t: t, key: key, addr: "127.0.0.1:0", presence: presence.NewMemory(time.Now)}
	ctx, cancel := context.WithCancel(context.Background())
	var world sync.WaitGroup
	world.Go(func() {
		if err := s.World.Run(ctx); err != nil {
			t.Errorf("world: %v", err)
		}
	})
	s.Start()
	t.Cleanup(func() {
		s.Kill()
		cancel()
		world.Wait()
		s.World.Log.Close()
	})
	return s
}

// URL is where the gateway is.
func (s *Server) URL() string { return "ws://" + s.addr + ws.Path }

// Token issues a token: a user's own, or a service's that may act for others.
func (s *Server) Token(user, service string) string {
	s.t.Helper()
	now := time.Now()
	token, err := auth.Issue(s.key, auth.Identity{User: events.UserID(user), Service: service, Expires: now.Add(time.Hour)}, now)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// Options are for a client of a user's own.
func (s *Server) Options(user string) client.Options {
	return client.Options{URL: s.URL(), Token: client.StaticToken(s.Token(user, "")), Device: "test", Version: "test"}
}

// Dial connects a client that is closed with the test.
func (s *Server) Dial(opts client.Options) *client.Client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// Start starts a gateway, after Kill at the address it had.
func (s *Server) Start() {
	s.t.Helper()
	s.turns++
	config := gateway.DefaultConfig()
	config.Instance = fmt.Sprintf("g%d", s.turns)
	gw, err := gateway.New(config, gateway.Ports{
		Log: s.World.Log, View: s.World, Feed: s.World.NewFeed(config.Instance), Notifier: s.World.Notifier(), Presence: s.presence, Tokens: auth.NewVerifier(s.key.Public(), time.Now),
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	inner, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = inner.Addr().String()
	l := &listener{Listener: inner}
	web := &http.Server{Handler: ws.Handler(gw, ws.Options{}), ReadHeaderTimeout: 5 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	gone.Go(func() {
		if err := gw.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			s.t.Errorf("gateway: %v", err)
		}
	})
	gone.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.t.Errorf("web server: %v", err)
		}
	})
	s.kill = sync.OnceFunc(func() {
		if err := web.Close(); err != nil {
			s.t.Errorf("web server: %v", err)
		}
		l.cut()
		cancel()
		gone.Wait()
	})
}

// Kill cuts all connections at once, without a word, as a killed process does.
func (s *Server) Kill() { s.kill() }

// listener knows its connections, also those that became WebSockets.
type listener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return conn, nil
}

func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}
