package sim

import (
	"context"
	"fmt"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// seat is where a session is kept under an id: each side has one.
func seat(s events.SessionID, id string) events.SessionID { return s + events.SessionID(hot.Side(id)) }

// Rebuild implements hot.Store.
func (h *Hot) Rebuild(_ context.Context, partition int32) (hot.Rebuild, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, ok := h.rebuilds[partition]
	if !ok {
		r.Reached = events.Start()
	}
	return r, nil
}

// Ask implements hot.Store.
func (h *Hot) Ask(_ context.Context, partition int32, request string, s events.SessionID) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, r := h.views[partition], h.rebuilds[partition]
	switch {
	case !v.Whole || v.Lost:
		return "", hot.ErrRebuilding
	case r.Asked != "" && r.Session != s:
		return "", hot.ErrBusy
	case r.Asked != "":
		return r.Asked, nil
	}
	h.rebuilds[partition] = hot.Rebuild{Asked: request, Session: s, From: r.From, Left: r.Left, Reached: events.Start()}
	return request, nil
}

// Advance implements hot.Store.
func (h *Hot) Advance(_ context.Context, partition int32, view string, b hot.Rebuild) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, r := h.views[partition], h.rebuilds[partition]
	switch {
	case v.ID != view || !v.Whole || v.Lost || r.Asked != b.Asked:
		return hot.ErrGap
	case r.Beside > b.Beside:
		return hot.ErrSuperseded
	case b.Run != h.life:
		return hot.ErrMoved
	}
	r.Beside, r.Run, r.Reached, r.Goal = b.Beside, b.Run, b.Reached, b.Goal
	if r.Session == "" {
		r.Left = max(r.Left, b.Beside)
	}
	h.rebuilds[partition] = r
	return nil
}

// Lease implements hot.Store.
func (h *Hot) Lease(_ context.Context, _ int32, _ events.SessionID, ahead time.Duration) (time.Time, error) {
	return time.Now().Add(ahead), nil
}

// Promise implements hot.Store.
func (h *Hot) Promise(_ context.Context, partition int32, view string, below int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch is := h.views[partition].ID; {
	case is < view:
		return hot.ErrGap
	case is > view:
		return hot.ErrSuperseded
	}
	h.promised[partition] = max(h.promised[partition], below)
	return nil
}

// Swap implements hot.Store.
func (h *Hot) Swap(_ context.Context, partition int32, view string, next hot.ViewState, lease time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, r := h.views[partition], h.rebuilds[partition]
	switch {
	case v.ID == next.ID:
		return nil
	case v.ID > view:
		return hot.ErrSuperseded
	case v.ID != view || !v.Whole || v.Lost || r.Beside != next.ID:
		return hot.ErrGap
	case next.Run != h.life:
		return hot.ErrMoved
	case time.Now().After(lease):
		return hot.ErrLate
	case next.Reached < h.promised[partition]:
		return hot.ErrBehind
	}
	if v.Run == next.Run {
		next.Reached = max(next.Reached, v.Reached)
	}
	h.views[partition] = next
	h.rebuilds[partition] = hot.Rebuild{From: view, Left: view, Done: r.Asked, Said: hot.SaidSwapped, Reached: events.Start()}
	h.swaps++
	return nil
}

// SwapSession implements hot.Store.
func (h *Hot) SwapSession(_ context.Context, view string, s events.SessionID, lease time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	is, built := h.sessions[seat(s, view)], h.sessions[seat(s, hot.Staged(view))]
	switch {
	case is != nil && is.view > view:
		return hot.ErrSuperseded
	case built == nil && is != nil && is.view == view:
		return nil
	case built == nil || built.view != hot.Staged(view), is != nil && is.view == view && !is.broken && is.head.Seq != built.head.Seq:
		return hot.ErrGap
	case time.Now().After(lease):
		return hot.ErrLate
	}
	built.view = view
	h.sessions[seat(s, view)] = built
	delete(h.sessions, seat(s, hot.Staged(view)))
	h.swaps++
	return nil
}

// Conclude implements hot.Store.
func (h *Hot) Conclude(_ context.Context, partition int32, request, said string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rebuilds[partition]; r.Asked == request {
		h.rebuilds[partition] = hot.Rebuild{From: r.From, Left: r.Left, Done: request, Said: said, Reached: events.Start()}
	}
	return nil
}

// Remove implements hot.Store.
func (h *Hot) Remove(_ context.Context, upTo string, sessions []events.SessionID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range sessions {
		if k := h.sessions[seat(s, upTo)]; k != nil && k.view <= upTo {
			delete(h.sessions, seat(s, upTo))
		}
	}
	return nil
}

// Removed implements hot.Store.
func (h *Hot) Removed(_ context.Context, partition int32, upTo string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rebuilds[partition]; r.Left == upTo && r.Beside == "" {
		r.Left = ""
		h.rebuilds[partition] = r
	}
	return nil
}

// unrebuilt says what was asked and is not done, or what is still to be removed; empty when there is nothing.
func (h *Hot) unrebuilt() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.partitions {
		if r := h.rebuilds[p]; r.Asked != "" || r.Left != "" {
			return fmt.Sprintf("partition %d is still being rebuilt, or has something left of that: %+v", p, r)
		}
	}
	return ""
}

// Rebuild implements hot.Store.
func (n netHot) Rebuild(ctx context.Context, partition int32) (r hot.Rebuild, err error) {
	err = n.call(ctx, fmt.Sprint(partition), func() (err error) { r, err = n.hot.Rebuild(ctx, partition); return err })
	return r, err
}

// Ask implements hot.Store.
func (n netHot) Ask(ctx context.Context, partition int32, request string, s events.SessionID) (asked string, err error) {
	err = n.call(ctx, fmt.Sprint(partition), func() (err error) { asked, err = n.hot.Ask(ctx, partition, request, s); return err })
	return asked, err
}

// Advance implements hot.Store.
func (n netHot) Advance(ctx context.Context, partition int32, view string, r hot.Rebuild) error {
	return n.call(ctx, fmt.Sprint(partition), func() error { return n.hot.Advance(ctx, partition, view, r) })
}

// Lease implements hot.Store.
func (n netHot) Lease(ctx context.Context, partition int32, s events.SessionID, ahead time.Duration) (until time.Time, err error) {
	err = n.call(ctx, fmt.Sprint(partition), func() (err error) { until, err = n.hot.Lease(ctx, partition, s, ahead); return err })
	return until, err
}

// Promise implements hot.Store.
func (n netHot) Promise(ctx context.Context, partition int32, view string, below int64) error {
	return n.call(ctx, fmt.Sprint("promise ", partition), func() error { return n.hot.Promise(ctx, partition, view, below) })
}

// Swap implements hot.Store.
func (n netHot) Swap(ctx context.Context, partition int32, view string, next hot.ViewState, lease time.Time) error {
	return n.call(ctx, fmt.Sprint(partition), func() error { return n.hot.Swap(ctx, partition, view, next, lease) })
}

// SwapSession implements hot.Store.
func (n netHot) SwapSession(ctx context.Context, view string, s events.SessionID, lease time.Time) error {
	return n.call(ctx, n.ofPartition(s), func() error { return n.hot.SwapSession(ctx, view, s, lease) })
}

// Conclude implements hot.Store.
func (n netHot) Conclude(ctx context.Context, partition int32, request, said string) error {
	return n.call(ctx, fmt.Sprint(partition), func() error { return n.hot.Conclude(ctx, partition, request, said) })
}

// Remove implements hot.Store.
func (n netHot) Remove(ctx context.Context, upTo string, sessions []events.SessionID) error {
	return n.call(ctx, n.ofPartition(sessions[0]), func() error { return n.hot.Remove(ctx, upTo, sessions) })
}

// Removed implements hot.Store.
func (n netHot) Removed(ctx context.Context, partition int32, upTo string) error {
	return n.call(ctx, fmt.Sprint(partition), func() error { return n.hot.Removed(ctx, partition, upTo) })
}
