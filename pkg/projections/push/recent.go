package push

import (
	"sync"
	"time"
)

// recent remembers values by key for a time, and of the newest so many at least. Looking up and adding cost the same however many there are. Its methods are safe
// for use at once.
type recent[V any] struct {
	// keep is how long a value is known at least, unless most come after it; it is forgotten after twice of either.
	keep time.Duration
	most int

	mu           sync.Mutex
	newer, older map[string]V
	turned       time.Time
}

func newRecent[V any](keep time.Duration, most int) *recent[V] {
	return &recent[V]{keep: keep, most: most, newer: map[string]V{}, turned: time.Now()}
}

func (r *recent[V]) get(key string) (v V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(key)
}

func (r *recent[V]) find(key string) (v V, ok bool) {
	if v, ok = r.newer[key]; !ok {
		v, ok = r.older[key]
	}
	return v, ok
}

// put sets a value to what change makes of the present one, the zero value if there is none.
func (r *recent[V]) put(key string, change func(V) V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, _ := r.find(key)
	if now := time.Now(); len(r.newer) >= r.most || now.Sub(r.turned) >= r.keep {
		r.older, r.newer, r.turned = r.newer, map[string]V{}, now
	}
	r.newer[key] = change(was)
}
