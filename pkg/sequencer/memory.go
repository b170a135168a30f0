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
	notes    map[string][]byte
}

type memorySession struct {
	rows map[events.Key][]byte
	keys []events.Key // of rows, ascending
}

// NewMemoryStore gives an empty one.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{sessions: map[events.SessionID]*memorySession{}, notes: map[string][]byte{}}
}

// Progress implements Store.
func (m *MemoryStore) Progress() (events.Progress, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progress, m.filled, nil
}

// Get implements Store.
func (m *MemoryStore) Get(s events.SessionID, keys []events.Key) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(keys))
	if ms := m.sessions[s]; ms != nil {
		for i, k := range keys {
			values[i] = ms.rows[k]
		}
	}
	return values, nil
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
	m.set(rows)
	m.progress, m.filled = p, true
	return nil
}

func (m *MemoryStore) set(rows []StoredRow) {
	for _, r := range rows {
		ms := m.sessions[r.Session]
		if ms == nil {
			ms = &memorySession{rows: map[events.Key][]byte{}}
			m.sessions[r.Session] = ms
		}
		ms.set(r.Key, r.Value)
	}
}

// Fill implements Store.
func (m *MemoryStore) Fill(rows []StoredRow) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(rows)
	return nil
}

// Forget implements Store.
func (m *MemoryStore) Forget(s events.SessionID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s)
	return nil
}

// Note implements Store.
func (m *MemoryStore) Note(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notes[name], nil
}

// SetNotes implements Store.
func (m *MemoryStore) SetNotes(notes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, value := range notes {
		if value == nil {
			delete(m.notes, name)
		} else {
			m.notes[name] = append([]byte{}, value...)
		}
	}
	return nil
}

// EachNote implements Store.
func (m *MemoryStore) EachNote(prefix string, f func(name string, value []byte) error) error {
	m.mu.Lock()
	notes := maps.Clone(m.notes)
	m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		if strings.HasPrefix(name, prefix) {
			if err := f(name, notes[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rows implements Store, by a copy.
func (m *MemoryStore) Rows() (StoredRows, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &memoryRows{progress: m.progress, sessions: map[events.SessionID]*memorySession{}}
	if !m.filled {
		c.progress = events.Start()
	}
	for s, ms := range m.sessions {
		c.sessions[s] = &memorySession{rows: maps.Clone(ms.rows), keys: slices.Clone(ms.keys)}
	}
	return c, nil
}

type memoryRows struct {
	progress events.Progress
	sessions map[events.SessionID]*memorySession
}

func (r *memoryRows) Progress() events.Progress { return r.progress }

func (r *memoryRows) Close() error { return nil }

func (r *memoryRows) Session(s events.SessionID, f func(events.Key, []byte) error) error {
	ms := r.sessions[s]
	if ms == nil {
		return nil
	}
	for _, k := range ms.keys {
		if err := f(k, ms.rows[k]); err != nil {
			return err
		}
	}
	return nil
}

func (r *memoryRows) Sessions(f func(events.SessionID) error) error {
	for _, s := range slices.Sorted(maps.Keys(r.sessions)) {
		if len(r.sessions[s].keys) == 0 {
			continue
		}
		if err := f(s); err != nil {
			return err
		}
	}
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
	m.sessions, m.notes = map[events.SessionID]*memorySession{}, map[string][]byte{}
	m.progress, m.filled = events.Progress{}, false
	return nil
}

// Close implements Store.
func (m *MemoryStore) Close() error { return nil }

// All gives all rows, by session and key.
func (m *MemoryStore) All() []StoredRow {
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
