package replay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"annal/pkg/eventlog"
)

// Bounds of watching.
const (
	maxWatchers = 16
	// patience is how long a watcher may take nothing, with as much as it may have before it.
	patience = 10 * time.Second
	// fromWatcher is how much a watcher may say: nothing but control frames is heard.
	fromWatcher = 512
)

// ErrNotLoopback says that a replay is served to its own machine alone, since it asks for no token but the one in its address.
var ErrNotLoopback = errors.New("REPLAY_ADDRESS: a replay is served on a loopback address only")

// Socket serves a replay to watchers on a loopback address: each gets all of it from the beginning, as JSON frames of the client protocol,
// accepted events alone.
type Socket struct {
	log      eventlog.Log
	opts     Options
	listener net.Listener
	path     string
	// Told says how many outcomes a watcher was told and why there are no more, once that is so; nil for nobody.
	Told func(told int64, err error)

	upgrader websocket.Upgrader
	patience time.Duration
	places   chan struct{}
	watching sync.WaitGroup
}

// Listen begins to listen on host:port.
func Listen(ctx context.Context, log eventlog.Log, opts Options, addr string) (*Socket, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w, not %q", ErrNotLoopback, addr)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return &Socket{
		log: log, opts: opts, listener: l, path: "/" + rand.Text(), places: make(chan struct{}, maxWatchers), patience: patience,
		upgrader: websocket.Upgrader{
			HandshakeTimeout: patience, ReadBufferSize: fromWatcher, WriteBufferSize: 64 << 10,
			// Any web page may try to reach this machine; none is to read what people said.
			CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "" },
		},
	}, nil
}

// URL is where to watch; whoever knows it may.
func (s *Socket) URL() string { return "ws://" + s.listener.Addr().String() + s.path }

// Serve serves until ctx ends.
func (s *Socket) Serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc(s.path, func(w http.ResponseWriter, r *http.Request) { s.watch(ctx, w, r) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(s.listener)
	s.watching.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("replay: %w", err)
}

// watch serves one watcher.
func (s *Socket) watch(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		http.Error(w, "too many watch already", http.StatusServiceUnavailable)
		return
	}
	s.watching.Add(1)
	defer s.watching.Done()
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered.
	}
	ctx, cancel := context.WithCancel(ctx)
	to := newWatcher(conn, s.patience)
	heard := make(chan struct{})
	go func() { // hears when the watcher goes
		defer close(heard)
		defer cancel()
		conn.SetReadLimit(fromWatcher)
		for {
			if _, _, err := conn.NextReader(); err != nil {
				return
			}
		}
	}()
	go to.write(cancel)
	replay, err := New(s.log, s.opts)
	if err == nil {
		err = replay.Run(ctx, to)
	}
	if s.Told != nil {
		s.Told(replay.Progress().Told, err)
	}
	to.end(err)
	cancel()
	_ = conn.Close() // it was told why, or is gone
	<-heard
}
