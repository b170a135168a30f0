package push

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
)

// clocksApart is by how much the log's clock may be ahead of ours.
const clocksApart = 10 * time.Second

// opening are the ids of the entries of devices that are open at first.
func opening(on []told) (ids []string) {
	for i := range on {
		if on[i].entry.Open() {
			ids = append(ids, on[i].entry.ID)
		}
	}
	return ids
}

// unmet settles what somebody before began to bring, and whoever decides again does not come to, since the member left meanwhile, or has that device no more. It asks once for what may have
// been decided on before; most never was.
func (w *decision) unmet(ctx context.Context, abouts []*about) error {
	of := map[events.Seq]*about{}
	var subjects []Subject
	for _, a := range abouts {
		if w.again || !time.UnixMilli(int64(a.At)).After(w.desk.began.Add(clocksApart)) {
			of[a.Seq], subjects = a, append(subjects, Subject{a.Session, a.Seq, a.At})
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	// Before it is asked: what lands meanwhile is open no more.
	mine := w.desk.onTheWay(subjects)
	open, err := w.projector.opts.Store.Open(ctx, subjects)
	if err != nil {
		return err
	}
	open = slices.DeleteFunc(open, func(e Entry) bool { return mine[e.ID] })
	for part := range slices.Chunk(open, MaxUsers) {
		if err := w.settleUnmet(ctx, of, part); err != nil {
			return err
		}
	}
	return nil
}

func (w *decision) settleUnmet(ctx context.Context, of map[events.Seq]*about, open []Entry) error {
	view := w.projector.opts.View
	var users []events.UserID
	for i := range open {
		users = append(users, open[i].User)
	}
	slices.Sort(users)
	users = slices.Compact(users)
	reach, err := view.Reach(ctx, w.line.session, users)
	if err != nil {
		return err
	}
	members, err := w.members(ctx, users)
	if err != nil {
		return err
	}
	now := time.Now()
	var over []Settled
	for _, e := range open {
		m := members[e.User]
		// Else they have that device since: it is another's who lives, and put it just now.
		if why := of[e.Seq].parted(&e, &m, reach[e.User]); why != "" {
			x := letter{kind: e.Kind, entry: e, note: Note{Kind: e.Kind}, code: e.Code, maybe: e.Attempts > 0}
			over = append(over, x.settled(why, now))
		}
	}
	return w.settle(ctx, over)
}

// parted is why nobody comes to a member's device.
func (a *about) parted(e *Entry, m *Member, r Reach) Reason {
	_, there := r.Devices[e.Device]
	switch {
	case r.Closed:
		return IsClosed
	case r.Banned:
		return IsBanned
	case !m.In() || !a.session.sees(m, a.Seq):
		return HasLeft
	case !there:
		return NoDevice
	}
	return ""
}

// members reads them one by one: they are few, and may have left.
func (w *decision) members(ctx context.Context, users []events.UserID) (map[events.UserID]Member, error) {
	var mu sync.Mutex
	members := map[events.UserID]Member{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, u := range users {
		group.Go(func() error {
			m, err := w.projector.opts.View.Member(ctx, w.line.session, u)
			mu.Lock()
			defer mu.Unlock()
			members[u] = m
			return err
		})
	}
	return members, group.Wait()
}
