package gateway

import (
	"context"
	"sync"
)

// channels keeps one subscription of the feed per key, for as long as anybody here
// needs it. The feed is never called with a lock held that its callbacks take.
type channels[K comparable, V any] struct {
	fresh       func(K) V
	subscribe   func(context.Context, K) error
	unsubscribe func(K)

	mu      sync.Mutex
	entries map[K]*channel[V]
}

type channel[V any] struct {
	// These belong to the lock of channels. value is the zero value unless heard:
	// what the feed brings goes there.
	needed int
	value  V
	heard  bool

	// turn holds a token while one subscribes or unsubscribes, so the feed gets them in
	// the right order; open belongs to it. No mutex: who waits for it may give up.
	turn chan struct{}
	open bool
}

func newChannels[K comparable, V any](fresh func(K) V, subscribe func(context.Context, K) error, unsubscribe func(K)) *channels[K, V] {
	return &channels[K, V]{fresh: fresh, subscribe: subscribe, unsubscribe: unsubscribe, entries: map[K]*channel[V]{}}
}

// acquire returns the key's value once its channel is heard. Each needs a release.
func (cs *channels[K, V]) acquire(ctx context.Context, k K) (V, error) {
	cs.mu.Lock()
	e := cs.entries[k]
	if e == nil {
		e = &channel[V]{turn: make(chan struct{}, 1)}
		cs.entries[k] = e
	}
	e.needed++
	cs.mu.Unlock()

	var none V
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		cs.release(k)
		return none, ctx.Err()
	}
	if !e.open {
		cs.set(e, cs.fresh(k), true)
		if err := cs.subscribe(ctx, k); err != nil {
			cs.set(e, none, false)
			cs.mu.Lock()
			defer cs.mu.Unlock()
			e.needed--
			cs.forget(k, e)
			return none, err
		}
		e.open = true
	}
	return e.value, nil
}

// release takes back an acquire. It never blocks, so callbacks of the feed may call it.
func (cs *channels[K, V]) release(k K) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	e := cs.entries[k]
	if e.needed--; e.needed == 0 {
		go cs.close(k, e)
	}
}

// close ends the subscription unless somebody came in the meantime.
func (cs *channels[K, V]) close(k K, e *channel[V]) {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	cs.mu.Lock()
	needed := e.needed > 0
	cs.mu.Unlock()
	if needed {
		return
	}
	if e.open {
		var none V
		cs.set(e, none, false)
		cs.unsubscribe(k)
		e.open = false
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.forget(k, e)
}

func (cs *channels[K, V]) set(e *channel[V], v V, heard bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	e.value, e.heard = v, heard
}

// forget removes an entry that nobody needs. The lock is held.
func (cs *channels[K, V]) forget(k K, e *channel[V]) {
	if e.needed == 0 && cs.entries[k] == e {
		delete(cs.entries, k)
	}
}

// get gives the value of a key that is heard.
func (cs *channels[K, V]) get(k K) (V, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if e := cs.entries[k]; e != nil && e.heard {
		return e.value, true
	}
	var none V
	return none, false
}

// all gives the values of all keys that are heard.
func (cs *channels[K, V]) all() []V {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	out := make([]V, 0, len(cs.entries))
	for _, e := range cs.entries {
		if e.heard {
			out = append(out, e.value)
		}
	}
	return out
}
