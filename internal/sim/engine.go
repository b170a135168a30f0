package sim

import (
	"maps"
	"slices"
	"strconv"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// engine is what the hot view is kept in: the process that is the store now, with what it
// has. It has a life, and in another one it may have less.
type engine struct {
	life     string
	views    map[int32]hot.ViewState
	rebuilds map[int32]hot.Rebuild
	// promised are the offsets below which something was told.
	promised map[int32]int64
	// sessions are by their seats.
	sessions map[events.SessionID]*kept
	lists    map[events.UserID]map[events.SessionID]bool
	// holders are by token.
	holders map[string]map[tokenHolder]events.Millis
	changes map[int32]*changes
}

func newEngine(life string) *engine {
	return &engine{
		life: life, views: map[int32]hot.ViewState{}, rebuilds: map[int32]hot.Rebuild{}, promised: map[int32]int64{}, sessions: map[events.SessionID]*kept{},
		lists: map[events.UserID]map[events.SessionID]bool{}, holders: map[string]map[tokenHolder]events.Millis{}, changes: map[int32]*changes{},
	}
}

// copy is a replica of the engine as it is now, with a life of its own.
func (e *engine) copy(life string) *engine {
	c := newEngine(life)
	c.views, c.rebuilds, c.promised = maps.Clone(e.views), maps.Clone(e.rebuilds), maps.Clone(e.promised)
	for s, k := range e.sessions {
		c.sessions[s] = k.clone()
	}
	for u, list := range e.lists {
		c.lists[u] = maps.Clone(list)
	}
	for token, holders := range e.holders {
		c.holders[token] = maps.Clone(holders)
	}
	for p, all := range e.changes {
		c.changes[p] = &changes{kept: slices.Clone(all.kept)}
	}
	return c
}

// Flush removes everything.
func (h *Hot) Flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.engine = newEngine(h.life)
}

// Copy makes a replica that is not written to any more. failOver makes it the engine.
func (h *Hot) Copy() (failOver func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lives++
	replica := h.copy(strconv.Itoa(h.lives))
	return func() { h.replace(replica) }
}

// FailBack makes the engine before the last failover the engine again, as it was then.
func (h *Hot) FailBack() { h.replace(h.former) }

// replace lets another engine take over: all connections break.
func (h *Hot) replace(next *engine) {
	h.mu.Lock()
	for _, k := range h.sessions {
		h.had[k.head.Session] = max(h.had[k.head.Session], k.head.Seq)
	}
	h.former, h.engine = h.engine, next
	h.mu.Unlock()
	h.Break()
}
