package chdbd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"annal/internal/chdb"
)

// engine is the library with its data directory, and the connection that stays open.
type engine struct {
	library *chdb.Library
	dir     string
	// control ends what others run. For one at a time.
	mu      sync.Mutex
	control *chdb.Conn
	version string
	zone    string
	// reaching are functions that leave the database.
	reaching map[string]bool
	log      *slog.Logger
}

func openEngine(l *chdb.Library, dir string, log *slog.Logger) (*engine, error) {
	c, err := l.Open(dir)
	if err != nil {
		return nil, err
	}
	e := &engine{library: l, dir: dir, control: c, log: log}
	r, err := c.Query(chdb.Statement{Text: "SELECT version(), timezone()", Format: "TSV"})
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("chdbd: %w", err)
	}
	e.version, e.zone, _ = strings.Cut(strings.TrimSpace(string(r.Bytes())), "\t")
	r.Close()
	if e.reaching, err = reaching(c); err != nil {
		c.Close()
		return nil, fmt.Errorf("chdbd: %w", err)
	}
	return e, nil
}

func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.control.Close()
}

// kill ends the statement with that mark, if it runs.
func (e *engine) kill(mark string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.control.Exec("KILL QUERY WHERE Settings['log_comment'] = " + literal(mark) + " ASYNC"); err != nil {
		e.log.Warn("a statement could not be ended", "error", err)
	}
}

// killEvery is how often a statement that nobody waits for is ended again: between two of its steps the engine
// may not know it.
const killEvery = 200 * time.Millisecond

// watch ends the statement with that mark once ctx ends, until done is closed.
func (e *engine) watch(ctx context.Context, mark string, done <-chan struct{}) {
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	ticker := time.NewTicker(killEvery)
	defer ticker.Stop()
	for {
		e.kill(mark)
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

// literal is a text as a string of SQL.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// name is a text as a quoted name of SQL.
func name(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}
