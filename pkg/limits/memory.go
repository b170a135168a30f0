package limits

import (
	"context"
	"sync"
	"time"
)

// Memory is a Store in memory: for tests, and for a gateway alone.
type Memory struct {
	now func() time.Time

	mu sync.Mutex
	// full is when a key will have its whole burst again.
	full map[string]time.Time
}

var _ Store = (*Memory)(nil)

// NewMemory counts by the clock now.
func NewMemory(now func() time.Time) *Memory { return &Memory{now: now, full: map[string]time.Time{}} }

// Take implements Store.
func (m *Memory) Take(_ context.Context, key string, r Rate, n int) (int, time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if len(m.full) >= maxLots {
		for key, full := range m.full {
			if !now.Before(full) {
				delete(m.full, key)
			}
		}
		if len(m.full) >= maxLots {
			clear(m.full)
		}
	}
	full := m.full[key]
	if full.Before(now) {
		full = now
	}
	most := time.Duration(r.Burst) * r.Each
	if room := int((most - full.Sub(now)) / r.Each); room > 0 {
		n = min(n, room)
		m.full[key] = full.Add(time.Duration(n) * r.Each)
		return n, 0, nil
	}
	return 0, full.Add(r.Each).Sub(now) - most, nil
}
