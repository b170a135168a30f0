package sim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Hot is the hot view in memory, with its notifications: maps under a lock. It answers
// as the scripts of pkg/connectors/redis do.
type Hot struct {
	partitions int32
	window     int

	mu sync.Mutex
	*engine
	// former was the engine before the last failover; lives are how many there ever were.
	former *engine
	lives  int
	// had are the seqs that sessions came to in engines before.
	had map[events.SessionID]events.Seq
	// noted is how many changes were ever noted, in all engines: no two have one place.
	noted int
	// swaps counts the views and sessions that took the place of others.
	swaps int
	feeds []*Feed
}

var (
	_ hot.Store    = (*Hot)(nil)
	_ hot.View     = (*Hot)(nil)
	_ hot.Notifier = (*Hot)(nil)
)

// NewHot makes an empty view over so many partitions that keeps window events a session.
func NewHot(partitions int32, window int) *Hot {
	return &Hot{partitions: partitions, window: window, engine: newEngine("0"), had: map[events.SessionID]events.Seq{}}
}

// Damage makes a session lack a part, which is noticed at its next use; false when it
// is not there.
func (h *Hot) Damage(s events.SessionID) bool {
	h.mu.Lock()
	id := h.views[h.partition(s)].ID
	h.mu.Unlock()
	return h.damage(seat(s, id))
}

// damage is Damage of what is kept in a seat.
func (h *Hot) damage(seat events.SessionID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.sessions[seat]
	if k == nil {
		return false
	}
	k.damaged = true
	return true
}

func (h *Hot) partition(s events.SessionID) int32 {
	return eventlog.KeyPartition([]byte(s), h.partitions)
}

// View implements hot.Store.
func (h *Hot) View(_ context.Context, partition int32) (hot.ViewState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.views[partition], nil
}

// SetView implements hot.Store.
func (h *Hot) SetView(_ context.Context, partition int32, v hot.ViewState) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	is := h.views[partition]
	switch {
	case is.ID > v.ID:
		return hot.ErrSuperseded
	case !v.Whole:
		h.openView(partition, is.ID, v.ID)
	case is.ID != v.ID:
		return hot.ErrGap
	case v.Run != h.life:
		return hot.ErrMoved
	default:
		if is.Run == v.Run {
			v.Reached = max(v.Reached, is.Reached) // who says less comes late
		}
		is.Whole, is.Run, is.Reached = true, v.Run, v.Reached
		h.views[partition] = is
	}
	return nil
}

// openView makes room for another view; what is left on the other side is still to be removed.
func (h *Hot) openView(partition int32, was, id string) {
	h.views[partition] = hot.ViewState{ID: id}
	delete(h.promised, partition)
	r, left := h.rebuilds[partition], ""
	for _, old := range []string{was, r.Left, r.Beside} {
		if hot.Side(old) == hot.Other(id) {
			left = max(left, old)
		}
	}
	h.rebuilds[partition] = hot.Rebuild{Left: left, Reached: events.Start()}
}

// Apply implements hot.Store.
func (h *Hot) Apply(_ context.Context, view string, sessions []hot.SessionChanges) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var broken []events.SessionID
	for _, s := range sessions {
		putAside, err := h.applySession(view, s)
		if err != nil {
			return err
		}
		if putAside {
			broken = append(broken, s.Session)
		}
	}
	if len(broken) > 0 {
		return &hot.BrokenError{Sessions: broken}
	}
	return nil
}

func (h *Hot) applySession(view string, s hot.SessionChanges) (putAside bool, err error) {
	at := seat(s.Session, view)
	k := h.sessions[at]
	switch {
	case k == nil:
	case k.view > view:
		return false, hot.ErrSuperseded
	case k.view < view:
		k = nil
	case k.broken:
		return k.by == placeOf(&s.Changes[0]), nil
	case k.damaged:
		return false, hot.ErrGap
	}
	for i := range s.Changes {
		c := &s.Changes[i]
		if k == nil && c.Created != nil {
			k = newKept(view, s.Session, c.Created)
			h.sessions[at] = k
		}
		if k != nil && k.take(c, h.window) {
			continue
		}
		if s.Building || k == nil && c.Hole {
			h.sessions[at] = &kept{view: view, broken: true, by: placeOf(&s.Changes[0])}
			return true, nil
		}
		return false, hot.ErrGap
	}
	return false, nil
}

// AddSessions implements hot.Store.
func (h *Hot) AddSessions(_ context.Context, users map[events.UserID][]events.SessionID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for u, sessions := range users {
		if h.lists[u] == nil {
			h.lists[u] = map[events.SessionID]bool{}
		}
		for _, s := range sessions {
			h.lists[u][s] = true
		}
	}
	return nil
}

// open gives a session that can be read. The lock is held.
func (h *Hot) open(ctx context.Context, s events.SessionID) (*kept, error) {
	p := h.partition(s)
	v := h.views[p]
	k := h.sessions[seat(s, v.ID)]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case k != nil && k.damaged:
		return nil, h.lost(p)
	case !v.Whole || v.Run != h.life:
		return nil, hot.ErrRebuilding
	case k == nil:
		return nil, hot.ErrNoSession
	case k.view > v.ID:
		return nil, h.lost(p) // of a view that came to nothing: a builder was late
	case k.broken || k.view != v.ID:
		return nil, hot.ErrRebuilding
	}
	return k, nil
}

// lost has a view built anew. The lock is held.
func (h *Hot) lost(p int32) error {
	v := h.views[p]
	v.Lost = true
	h.views[p] = v
	return hot.ErrRebuilding
}

// Person implements hot.View.
func (h *Hot) Person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (hot.Person, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.person(ctx, s, u, hidden)
}

// Unread implements hot.View.
func (h *Hot) Unread(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]hot.Unread, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return hot.UnreadOf(sessions, func(s events.SessionID) (hot.Person, error) { return h.person(ctx, s, u, nil) })
}

// person is called with the lock held.
func (h *Hot) person(ctx context.Context, s events.SessionID, u events.UserID, hidden []events.Index) (hot.Person, error) {
	k, err := h.open(ctx, s)
	if err != nil {
		return hot.Person{}, err
	}
	p := hot.Person{Head: k.head, Member: k.members[u]}
	p.Member.Stays = slices.Clone(p.Member.Stays)
	gone := maps.Clone(k.gone)
	for _, i := range hidden {
		gone[i] = true
	}
	p.Unread = k.unread(p.Member, gone)
	if len(p.Member.Stays) > 0 {
		p.Mentions = k.mentions(&p, u, gone)
	}
	return p, k.standing(&p, u)
}

// Hidden implements hot.View.
func (h *Hot) Hidden(ctx context.Context, u events.UserID, s events.SessionID, first, last events.Index, limit int) (out []events.Index, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.open(ctx, events.NewSelfID(u))
	switch {
	case errors.Is(err, hot.ErrNoSession):
		return nil, nil
	case err != nil:
		return nil, err
	}
	for field := range k.facts {
		if rest, ok := strings.CutPrefix(field, "mention "+hot.HiddenBy(s)+" "); ok {
			if i := events.Index(leading(rest)); i >= first && i <= last {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

// Facts implements hot.View.
func (h *Hot) Facts(ctx context.Context, s events.SessionID) (hot.Facts, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.open(ctx, s)
	if err != nil {
		return hot.Facts{}, err
	}
	return hot.ParseFacts(k.facts)
}

// Forward implements hot.View.
func (h *Hot) Forward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.open(ctx, s)
	if err != nil {
		return nil, err
	}
	var items []hot.Item
	for i := range k.window {
		if e := &k.window[i]; e.seq >= first && e.seq <= last && len(items) < limit {
			items = append(items, k.item(e, reader))
		}
	}
	return items, nil
}

// Backward implements hot.View.
func (h *Hot) Backward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.open(ctx, s)
	if err != nil {
		return nil, err
	}
	var items []hot.Item
	for i := len(k.window) - 1; i >= 0; i-- {
		if e := &k.window[i]; e.seq >= first && e.seq <= last && len(items) < limit {
			items = append(items, k.item(e, reader))
		}
	}
	return items, nil
}

// Members implements hot.View.
func (h *Hot) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]hot.MemberEntry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.open(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []hot.MemberEntry
	for _, u := range slices.Sorted(maps.Keys(k.members)) {
		if m := k.members[u]; m.In() && u > after && len(out) < limit {
			p := hot.Person{Member: m}
			if err := k.standing(&p, u); err != nil {
				return nil, err
			}
			p.Member.Stays = slices.Clone(m.Stays)
			out = append(out, hot.MemberEntry{User: u, Member: p.Member})
		}
	}
	return out, nil
}

// tallyFrom is of how many people this view counts; most sessions here are small, and gateways are to meet both.
const tallyFrom = 3

// Tally implements hot.View, by counting.
func (h *Hot) Tally(ctx context.Context, s events.SessionID, seq events.Seq, sender events.UserID) (hot.Tally, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.open(ctx, s)
	switch {
	case err != nil:
		return hot.Tally{}, err
	case len(k.members) < tallyFrom:
		return hot.Tally{}, hot.ErrNoTally
	case seq < k.head.WindowStart:
		return hot.Tally{}, hot.ErrBelow
	}
	var t hot.Tally
	for u, m := range k.members {
		p := hot.Person{Member: m}
		if err := k.standing(&p, u); err != nil {
			return hot.Tally{}, err
		}
		if u != sender {
			t.Add(&p.Member, k.head.Policy.History, seq)
		}
	}
	return t, nil
}

// allWhole is an error unless all partitions' views are. The lock is held.
func (h *Hot) allWhole(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for p := range h.partitions {
		if v := h.views[p]; !v.Whole || v.Run != h.life {
			return hot.ErrRebuilding
		}
	}
	return nil
}

// Sessions implements hot.View.
func (h *Hot) Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.allWhole(ctx); err != nil {
		return nil, err
	}
	out := slices.Sorted(maps.Keys(h.lists[u]))
	out = slices.DeleteFunc(out, func(s events.SessionID) bool { return s <= after })
	return out[:min(limit, len(out))], nil
}
