package sim

import "annal/pkg/events"

// standing is what a session in the hot view is to readers.
type standing uint8

const (
	absent standing = iota
	there
	// unsure: being rebuilt, damaged, or an older copy.
	unsure
)

// peek gives a session's last seq, without telling anybody what it finds. Only the
// simulation looks like this.
func (h *Hot) peek(s events.SessionID) (events.Seq, standing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.views[h.partition(s)]
	k := h.sessions[seat(s, v.ID)]
	switch {
	case !v.Whole || v.Run != h.life:
		return 0, unsure
	case k == nil && h.had[s] > 0:
		return 0, unsure
	case k == nil:
		return 0, absent
	case k.view != v.ID || k.broken || k.damaged || k.head.Seq < h.had[s]:
		return 0, unsure
	}
	return k.head.Seq, there
}
