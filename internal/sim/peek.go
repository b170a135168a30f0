package sim

import (
	"maps"
	"slices"

	"annal/pkg/events"
)

// Only the simulation looks and changes like this.

// standing is what a session in the hot view is to readers.
type standing uint8

const (
	absent standing = iota
	there
	// unsure: being rebuilt, damaged, or an older copy.
	unsure
)

// peek gives a session's last seq, without telling anybody what it finds.
func (h *Hot) peek(s events.SessionID) (events.Seq, standing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, k := h.views[h.partition(s)], h.sessions[s]
	switch {
	case !v.Whole:
		return 0, unsure
	case k == nil:
		return 0, absent
	case k.view != v.ID || k.broken || k.damaged || k.older:
		return 0, unsure
	}
	return k.head.Seq, there
}

// copyOf keeps a copy of an open session; undo puts it back, if that makes a difference.
// What was lost so is noticed with the session's next change, for there is a gap before it.
func (h *Hot) copyOf(s events.SessionID) (undo func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.sessions[s]
	if k == nil || k.broken {
		return func() bool { return false }
	}
	old := k.clone()
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		k := h.sessions[s]
		if k == nil || k.view != old.view || k.damaged || k.broken || k.head.Seq == old.head.Seq || k.head.Closed {
			return false
		}
		old.older = true
		h.wentBack[s] = true
		h.sessions[s] = old
		return true
	}
}

// older are the sessions that stand, or stood, at an older copy.
func (h *Hot) older() (now, ever []events.SessionID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range slices.Sorted(maps.Keys(h.wentBack)) {
		ever = append(ever, s)
		if k := h.sessions[s]; k != nil && k.older {
			now = append(now, s)
		}
	}
	return now, ever
}
