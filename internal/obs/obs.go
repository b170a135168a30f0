// Package obs is how a process is observed: its log, its metrics, its readiness.
package obs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Errors of NewLogger.
var (
	ErrLevel  = errors.New("obs: log level: want debug, info, warn or error")
	ErrFormat = errors.New("obs: log format: want text or json")
)

// NewLogger logs to w from level on ("debug", "info", "warn", "error"), as "text" or "json". Above debug, repetitions
// of a warning or an error are kept back and counted.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("%w, not %q", ErrLevel, level)
	}
	opts := &slog.HandlerOptions{Level: l}
	var handler slog.Handler
	switch format {
	case "text":
		handler = slog.NewTextHandler(w, opts)
	case "json":
		handler = slog.NewJSONHandler(w, opts)
	default:
		return nil, fmt.Errorf("%w, not %q", ErrFormat, format)
	}
	if l > slog.LevelDebug {
		handler = newCalm(handler)
	}
	return slog.New(handler), nil
}

// NewRegistry has the Go runtime's, the process's and the build's metrics.
func NewRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "annal_build_info", Help: "1, labelled with the program's version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	// Besides what it has by itself, what the last collection found in use.
	goMetrics := collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(
		collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/gc/heap/live:bytes$`)}))
	r.MustRegister(goMetrics, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return r
}

// Readiness answers /readyz from what its parts say.
type Readiness struct {
	mu    sync.Mutex
	names []string
	parts map[string]func() error
}

// Add has a part asked: nil from check means ready.
func (r *Readiness) Add(name string, check func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts == nil {
		r.parts = map[string]func() error{}
	}
	r.names = append(r.names, name)
	r.parts[name] = check
}

// Check asks all parts; the first that isn't ready is the error.
func (r *Readiness) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.names {
		if err := r.parts[name](); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Mount adds /healthz (the process lives), /readyz (it can serve; otherwise 503 and
// why not) and /metrics (Prometheus text) to mux.
func Mount(mux *http.ServeMux, ready *Readiness, metrics *prometheus.Registry) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready.Check(); err != nil {
			reply(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		reply(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{Registry: metrics}))
}

// reply writes a line. A client that has gone is nobody's error.
func reply(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n")
}
