package nodes

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is a Registry in memory, for tests and as the plainest statement of one.
type Memory struct {
	now func() time.Time

	mu     sync.Mutex
	nodes  map[string]timed[Node]
	logins map[string]map[string]timed[string] // by user and device
}

type timed[T any] struct {
	is    T
	until time.Time
}

var _ Registry = (*Memory)(nil)

// NewMemory is empty; it goes by the clock now.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, nodes: map[string]timed[Node]{}, logins: map[string]map[string]timed[string]{}}
}

// Announce implements Registry.
func (m *Memory) Announce(_ context.Context, n Node, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes[n.ID] = timed[Node]{n, m.now().Add(ttl)}
	return nil
}

// Withdraw implements Registry.
func (m *Memory) Withdraw(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.nodes, id)
	return nil
}

// Nodes implements Registry.
func (m *Memory) Nodes(context.Context) ([]Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Node
	for _, n := range m.nodes {
		if m.now().Before(n.until) {
			all = append(all, n.is)
		}
	}
	slices.SortFunc(all, byID)
	return all, nil
}

// Assign implements Registry.
func (m *Memory) Assign(_ context.Context, l Login, was, is string, ttl time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	devices := m.logins[l.User]
	had := devices[l.Device]
	if !m.now().Before(had.until) {
		had = timed[string]{}
	}
	if had.is != was || is == "" {
		return had.is, nil
	}
	if devices == nil {
		devices = map[string]timed[string]{}
		m.logins[l.User] = devices
	}
	devices[l.Device] = timed[string]{is, m.now().Add(ttl)}
	if len(devices) > MaxDevices {
		oldest := ""
		for device, t := range devices {
			if device != l.Device && (oldest == "" || t.until.Before(devices[oldest].until)) {
				oldest = device
			}
		}
		delete(devices, oldest)
	}
	return is, nil
}
