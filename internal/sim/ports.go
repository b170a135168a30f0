package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/sequencer"
)

// netHot is the hot store over a link.
type netHot struct {
	link *link
	hot  *Hot
}

var (
	_ hot.Store    = netHot{}
	_ hot.Notifier = netHot{}
)

// call is a call about something, with what may go wrong on its ways.
func (n netHot) call(ctx context.Context, about string, f func() error) error {
	link := n.link.part(about)
	if err := link.toStore(ctx); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return link.fromStore()
}

// ofPartition names what a projector's worker calls about: sessions of its partition.
func (n netHot) ofPartition(s events.SessionID) string { return fmt.Sprint(n.hot.partition(s)) }

// View implements hot.Store.
func (n netHot) View(ctx context.Context, partition int32) (v hot.ViewState, err error) {
	err = n.call(ctx, fmt.Sprint(partition), func() (err error) { v, err = n.hot.View(ctx, partition); return err })
	return v, err
}

// SetView implements hot.Store.
func (n netHot) SetView(ctx context.Context, partition int32, v hot.ViewState) error {
	return n.call(ctx, fmt.Sprint(partition), func() error { return n.hot.SetView(ctx, partition, v) })
}

// Apply implements hot.Store.
func (n netHot) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	return n.call(ctx, n.ofPartition(sessions[0].Session), func() error { return n.hot.Apply(ctx, view, sessions) })
}

// AddSessions implements hot.Store.
func (n netHot) AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error {
	first := slices.Sorted(maps.Keys(users))[0]
	return n.call(ctx, n.ofPartition(users[first][0]), func() error { return n.hot.AddSessions(ctx, users) })
}

// Publish implements hot.Notifier.
func (n netHot) Publish(ctx context.Context, r hot.Round) error {
	about := "answers"
	for _, s := range slices.Sorted(maps.Keys(r.Sessions)) {
		about = n.ofPartition(s)
	}
	return n.call(ctx, about, func() error { return n.hot.Publish(ctx, r) })
}

// netView reads the hot view over a link, as one reader.
type netView struct {
	netHot
	horizon *hot.Horizon
}

var _ hot.View = netView{}

func newNetView(l *link, h *Hot) netView { return netView{netHot{l, h}, hot.NewHorizon(h.partitions)} }

// read is a call about a session.
func (n netView) read(ctx context.Context, s events.SessionID, f func() error) error {
	return n.call(ctx, string(s), func() error {
		if n.older(n.hot.partition(s)) {
			return hot.ErrRebuilding
		}
		return f()
	})
}

// older says whether a partition's view is one that this reader has seen further.
func (n netView) older(p int32) bool {
	n.hot.mu.Lock()
	defer n.hot.mu.Unlock()
	return n.horizon.Older(p, n.horizon.Seen(p), n.hot.views[p])
}

// Person implements hot.View.
func (n netView) Person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (p hot.Person, err error) {
	err = n.read(ctx, s, func() (err error) { p, err = n.hot.Person(ctx, s, u, hidden...); return err })
	return p, err
}

// Unread implements hot.View.
func (n netView) Unread(ctx context.Context, u events.UserID, sessions []events.SessionID) (all map[events.SessionID]hot.Unread, err error) {
	err = n.call(ctx, "unread", func() (err error) {
		for _, s := range sessions {
			if n.older(n.hot.partition(s)) {
				return hot.ErrRebuilding
			}
		}
		all, err = n.hot.Unread(ctx, u, sessions)
		return err
	})
	return all, err
}

// Hidden implements hot.View.
func (n netView) Hidden(
	ctx context.Context, u events.UserID, s events.SessionID, first, last events.Index, limit int,
) (indexes []events.Index, err error) {
	err = n.read(ctx, events.NewSelfID(u), func() (err error) { indexes, err = n.hot.Hidden(ctx, u, s, first, last, limit); return err })
	return indexes, err
}

// Forward implements hot.View.
func (n netView) Forward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) (items []hot.Item, err error) {
	err = n.read(ctx, s, func() (err error) { items, err = n.hot.Forward(ctx, s, first, last, limit, reader...); return err })
	return items, err
}

// Backward implements hot.View.
func (n netView) Backward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) (items []hot.Item, err error) {
	err = n.read(ctx, s, func() (err error) { items, err = n.hot.Backward(ctx, s, first, last, limit, reader...); return err })
	return items, err
}

// Facts implements hot.View.
func (n netView) Facts(ctx context.Context, s events.SessionID) (f hot.Facts, err error) {
	err = n.read(ctx, s, func() (err error) { f, err = n.hot.Facts(ctx, s); return err })
	return f, err
}

// Members implements hot.View.
func (n netView) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) (m []hot.MemberEntry, err error) {
	err = n.read(ctx, s, func() (err error) { m, err = n.hot.Members(ctx, s, after, limit); return err })
	return m, err
}

// Tally implements hot.View.
func (n netView) Tally(ctx context.Context, s events.SessionID, seq events.Seq, sender events.UserID) (t hot.Tally, err error) {
	err = n.read(ctx, s, func() (err error) { t, err = n.hot.Tally(ctx, s, seq, sender); return err })
	return t, err
}

// Sessions implements hot.View.
func (n netView) Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) (ids []events.SessionID, err error) {
	err = n.call(ctx, string(u), func() (err error) {
		for p := range n.hot.partitions {
			if n.older(p) {
				return hot.ErrRebuilding
			}
		}
		ids, err = n.hot.Sessions(ctx, u, after, limit)
		return err
	})
	return ids, err
}

// diskStore is a partition's rows on a process's disk, which outlives the process. A
// dead or frozen process does not reach it.
type diskStore struct {
	link *link
	sequencer.Store
}

// Apply implements sequencer.Store.
func (d diskStore) Apply(p events.Progress, rows []sequencer.StoredRow) error {
	if err := d.link.thawed(); err != nil {
		return err
	}
	return d.Store.Apply(p, rows)
}

// Fill implements sequencer.Store.
func (d diskStore) Fill(rows []sequencer.StoredRow) error {
	if err := d.link.thawed(); err != nil {
		return err
	}
	return d.Store.Fill(rows)
}

// Forget implements sequencer.Store.
func (d diskStore) Forget(s events.SessionID) error {
	if err := d.link.thawed(); err != nil {
		return err
	}
	return d.Store.Forget(s)
}

// SetNotes implements sequencer.Store.
func (d diskStore) SetNotes(notes map[string][]byte) error {
	if err := d.link.thawed(); err != nil {
		return err
	}
	return d.Store.SetNotes(notes)
}

// Reset implements sequencer.Store.
func (d diskStore) Reset() error {
	if err := d.link.thawed(); err != nil {
		return err
	}
	return d.Store.Reset()
}
