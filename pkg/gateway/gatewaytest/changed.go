package gatewaytest

import (
	"context"
	"fmt"
	"strconv"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// note keeps what an outcome changed, as the projector does. The lock is held.
func (w *World) note(o *events.Outcome, value []byte) {
	if change, ok := hot.ChangeOf(o, value); ok {
		c := hot.NewChanged()
		c.Add(o.Session, &change)
		w.changes = append(w.changes, c)
	}
}

// Forget makes the world keep no change of before.
func (w *World) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = len(w.changes) + 1
	w.changes = append(w.changes, hot.NewChanged())
}

// Changed implements hot.View: one entry at a time.
func (w *World) Changed(ctx context.Context, _ int32, after string) (hot.Changed, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return hot.Changed{}, "", ctx.Err()
	}
	if after == "" {
		return hot.NewChanged(), strconv.Itoa(len(w.changes)), nil
	}
	n, err := strconv.Atoi(after)
	switch {
	case err != nil:
		return hot.Changed{}, "", fmt.Errorf("gatewaytest: %q is no place: %w", after, err)
	case n < w.kept:
		return hot.Changed{}, "", hot.ErrPassed
	case n == len(w.changes):
		return hot.NewChanged(), after, nil
	}
	return w.changes[n], strconv.Itoa(n + 1), nil
}

// Activity implements hot.View.
func (w *World) Activity(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]events.Millis, error) {
	times := map[events.SessionID]events.Millis{}
	for _, s := range sessions {
		w.mu.Lock()
		p, err := w.person(ctx, s, u, nil)
		w.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && p.Member.In():
			times[s] = p.Head.Time
		case err == nil:
			times[s] = 0
		}
	}
	return times, nil
}

// Heads implements hot.View.
func (w *World) Heads(ctx context.Context, sessions []events.SessionID) (map[events.SessionID]events.Seq, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	heads := map[events.SessionID]events.Seq{}
	for _, s := range sessions {
		if st := w.sessions[s]; st != nil && !w.rebuilding {
			heads[s] = st.head()
		}
	}
	return heads, nil
}
