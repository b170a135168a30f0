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
	logins map[string]timed[string]
}

type timed[T any] struct {
	is    T
	until time.Time
}

var _ Registry = (*Memory)(nil)

// NewMemory is empty; it goes by the clock now.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, nodes: map[string]timed[Node]{}, logins: map[string]timed[string]{}}
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
func (m *Memory) Assign(_ context.Context, login, was, is string, ttl time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	had := m.logins[login]
	if !m.now().Before(had.until) {
		had = timed[string]{}
	}
	if had.is == was {
		had = timed[string]{is, m.now().Add(ttl)}
		m.logins[login] = had
	}
	return had.is, nil
}
