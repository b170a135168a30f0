package presence

import (
	"context"
	"strconv"
	"sync"
	"time"

	"annal/pkg/events"
)

// Memory is a Store in memory, for tests and as the plainest statement of one.
type Memory struct {
	now func() time.Time

	mu    sync.Mutex
	lives int
	users map[events.UserID]*kept
	signs map[string]Sign
}

type kept struct {
	connections map[string]Put
	seen        events.Millis
	until       time.Time
}

var _ Store = (*Memory)(nil)

// NewMemory is empty; it goes by the clock now.
func NewMemory(now func() time.Time) *Memory {
	m := &Memory{now: now}
	m.Empty()
	return m
}

// Empty loses all that it has.
func (m *Memory) Empty() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lives++
	m.users, m.signs = map[events.UserID]*kept{}, map[string]Sign{}
}

func (m *Memory) of(u events.UserID) *kept {
	k := m.users[u]
	if k == nil || !m.now().Before(k.until) {
		return &kept{connections: map[string]Put{}}
	}
	return k
}

// Write implements Store.
func (m *Memory) Write(_ context.Context, changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		now := m.now()
		at := events.Millis(now.UnixMilli())
		k := m.of(c.User)
		k.until = now.Add(KeepFor)
		m.users[c.User] = k
		if c.Ended {
			delete(k.connections, c.ID)
			k.seen = max(k.seen, at-events.Millis(c.Ago.Milliseconds()))
			continue
		}
		k.connections[c.ID] = Put{c.Connection, c.Round, at}
		if len(k.connections) > MaxConnections {
			k.drop(c.ID)
		}
	}
	return nil
}

// drop forgets the connection that was put longest ago, another than one.
func (k *kept) drop(one string) {
	oldest := ""
	for id, p := range k.connections {
		if id != one && (oldest == "" || p.At < k.connections[oldest].At) {
			oldest = id
		}
	}
	k.seen = max(k.seen, k.connections[oldest].At)
	delete(k.connections, oldest)
}

// Read implements Store.
func (m *Memory) Read(_ context.Context, users []events.UserID) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Record, len(users))
	for i, u := range users {
		k := m.of(u)
		all[i].Seen = k.seen
		for _, p := range k.connections {
			all[i].Connections = append(all[i].Connections, p)
		}
	}
	return all, nil
}

// Beat implements Store.
func (m *Memory) Beat(_ context.Context, node string, floor uint64, ttl time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := events.Millis(m.now().UnixMilli())
	for id, s := range m.signs {
		if s.Ends+events.Millis(KeepSigns.Milliseconds()) <= now {
			delete(m.signs, id)
		}
	}
	m.signs[node] = Sign{At: now, Ends: now + events.Millis(ttl.Milliseconds()), Floor: floor}
	return strconv.Itoa(m.lives), nil
}

// Signs implements Store.
func (m *Memory) Signs(context.Context) (Signs, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Signs{Now: events.Millis(m.now().UnixMilli()), Nodes: make(map[string]Sign, len(m.signs))}
	for id, sign := range m.signs {
		s.Nodes[id] = sign
	}
	return s, nil
}
