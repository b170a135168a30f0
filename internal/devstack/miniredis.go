package devstack

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// Miniredis is a Redis in this process, in memory. It knows no SSUBSCRIBE and no publish from a script.
type Miniredis struct{ server *miniredis.Miniredis }

// StartMiniredis starts one on a free port. Its content goes with it.
func StartMiniredis() (*Miniredis, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("devstack: miniredis: %w", err)
	}
	return &Miniredis{server: server}, nil
}

// Addr is its host:port.
func (m *Miniredis) Addr() string { return m.server.Addr() }

// FlushAll empties it, as a restart would, without closing connections.
func (m *Miniredis) FlushAll() { m.server.FlushAll() }

// Stop ends it.
func (m *Miniredis) Stop() { m.server.Close() }
