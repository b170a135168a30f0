package sequencer

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"annal/pkg/events"
)

// MemoryStore is a Store that is gone with the process.
type MemoryStore struct {
	mu       sync.Mutex
	progress events.Progress
	filled   bool
	sessions map[events.SessionID]*memorySession
}

type memorySession struct {
	rows map[events.Key][]byte
	keys []events.Key // of rows, ascending
}

// NewMemoryStore gives an empty one.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{sessions: map[events.SessionID]*memorySession{}}
}

// Progress implements Store.
func (m *MemoryStore) Progress() (events.Progress, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progress, m.filled, nil
}

// Get implements Store.
func (m *MemoryStore) Get(s events.SessionID, k events.Key) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ms := m.sessions[s]; ms != nil {
		return ms.rows[k], nil
	}
	return nil, nil
}

// First implements Store.
func (m *MemoryStore) First(s events.SessionID, prefix events.Key, n int) ([]events.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ms := m.sessions[s]
	if ms == nil {
		return nil, nil
	}
	i, _ := slices.BinarySearch(ms.keys, prefix)
	var keys []events.Key
	for ; i < len(ms.keys) && len(keys) < n && strings.HasPrefix(string(ms.keys[i]), string(prefix)); i++ {
		keys = append(keys, ms.keys[i])
	}
	return keys, nil
}

// Apply implements Store.
func (m *MemoryStore) Apply(p events.Progress, rows []StoredRow) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		ms := m.sessions[r.Session]
		if ms == nil {
			ms = &memorySession{rows: map[events.Key][]byte{}}
			m.sessions[r.Session] = ms
		}
		ms.set(r.Key, r.Value)
	}
	m.progress, m.filled = p, true
	return nil
}

func (ms *memorySession) set(k events.Key, value []byte) {
	i, there := slices.BinarySearch(ms.keys, k)
	switch {
	case value == nil && there:
		ms.keys = slices.Delete(ms.keys, i, i+1)
		delete(ms.rows, k)
	case value == nil:
	default:
		if !there {
			ms.keys = slices.Insert(ms.keys, i, k)
		}
		ms.rows[k] = append([]byte{}, value...)
	}
}

// Reset implements Store.
func (m *MemoryStore) Reset() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = map[events.SessionID]*memorySession{}
	m.progress, m.filled = events.Progress{}, false
	return nil
}

// Close implements Store.
func (m *MemoryStore) Close() error { return nil }

// Rows gives all rows, by session and key.
func (m *MemoryStore) Rows() []StoredRow {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []StoredRow
	for _, s := range slices.Sorted(maps.Keys(m.sessions)) {
		for k, v := range m.sessions[s].rows {
			rows = append(rows, StoredRow{Session: s, Key: k, Value: v})
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		if rows[i].Session != rows[j].Session {
			return rows[i].Session < rows[j].Session
		}
		return rows[i].Key < rows[j].Key
	})
	return rows
}
