package gateway

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// writing bounds the commands that are given to the log and not written yet. The log's own buffer is larger, so it
// never holds up a connection: while the log takes nothing, clients are told BUSY and still heard.
type writing struct {
	maxCommands, maxBytes int
	log                   *slog.Logger
	now                   func() time.Time
	waiting               prometheus.Gauge

	mu              sync.Mutex
	commands, bytes int
	// full is since when commands are refused, zero while they are not.
	full time.Time
}

// begin makes room for a command of that size; false when there is none. One alone always has room.
func (w *writing) begin(size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.commands > 0 && (w.commands >= w.maxCommands || w.bytes+size > w.maxBytes) {
		if w.full.IsZero() {
			w.full = w.now()
			w.log.Warn("the log does not take commands as fast as they come; further ones are refused as BUSY", "waiting", w.commands, "bytes", w.bytes)
		}
		return false
	}
	w.commands++
	w.bytes += size
	w.waiting.Set(float64(w.commands))
	return true
}

// end gives the room back: the command is written, or it is not known whether it is.
func (w *writing) end(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands--
	w.bytes -= size
	w.waiting.Set(float64(w.commands))
	if !w.full.IsZero() && w.commands <= w.maxCommands/2 && w.bytes <= w.maxBytes/2 {
		w.log.Info("commands are taken again", "seconds", int(w.now().Sub(w.full).Seconds()))
		w.full = time.Time{}
	}
}
