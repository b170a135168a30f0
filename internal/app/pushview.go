package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/push"
)

// PushView is the hot view as push reads it.
type PushView struct{ View hot.View }

var _ push.View = PushView{}

// Session implements push.View.
func (v PushView) Session(ctx context.Context, s events.SessionID) (push.Session, error) {
	p, err := v.person(ctx, s, "")
	h := &p.Head
	return push.Session{Kind: h.Kind, Title: h.Title, Base: h.Base, Seq: h.Seq, Policy: h.Policy, Contact: h.Contact, ContactBy: h.ContactBy, Blocked: h.Blocks > 0}, err
}

// person gives the zero Person of a session that the view has not yet.
func (v PushView) person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (hot.Person, error) {
	p, err := v.View.Person(ctx, s, u, hidden...)
	if errors.Is(err, hot.ErrNoSession) {
		return hot.Person{}, nil
	}
	return p, err
}

// Messages implements push.View. What the window holds no longer was not revoked as far as push needs to know: it is long behind.
func (v PushView) Messages(ctx context.Context, s events.SessionID, seqs []events.Seq) (map[events.Seq]push.Became, error) {
	became := map[events.Seq]push.Became{}
	if len(seqs) == 0 {
		return became, nil
	}
	first, last := slices.Min(seqs), slices.Max(seqs)
	for first <= last {
		items, err := v.View.Forward(ctx, s, first, last, maxItems)
		if err != nil {
			return nil, err
		}
		for i := range items {
			if st := &items[i].State; slices.Contains(seqs, items[i].Seq) {
				b := push.Became{Revoked: st.Revoked != 0, Deleted: st.Deleted != 0}
				if st.Overridden != 0 {
					b.Body = &st.Body
				}
				became[items[i].Seq] = b
			}
		}
		if len(items) < maxItems {
			break
		}
		first = items[len(items)-1].Seq + 1
	}
	return became, nil
}

const maxItems = 100

// Members implements push.View.
func (v PushView) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]push.Member, error) {
	page, err := v.View.Members(ctx, s, after, limit)
	members := make([]push.Member, len(page))
	for i := range page {
		members[i] = push.Member{User: page[i].User, Stays: page[i].Member.Stays, Marker: page[i].Member.Marker}
	}
	return members, err
}

// Member implements push.View.
func (v PushView) Member(ctx context.Context, s events.SessionID, u events.UserID) (push.Member, error) {
	p, err := v.person(ctx, s, u)
	return push.Member{User: u, Stays: p.Member.Stays, Marker: p.Member.Marker}, err
}

// Reach implements push.View.
func (v PushView) Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]push.Reach, error) {
	all, err := v.View.Reach(ctx, s, users)
	if err != nil {
		return nil, err
	}
	reach := make(map[events.UserID]push.Reach, len(all))
	for u, r := range all {
		devices := make(map[string]push.Device, len(r.Devices))
		for id, d := range r.Devices {
			devices[id] = push.Device{Push: d.Push, Since: d.Since}
		}
		reach[u] = push.Reach{Devices: devices, Notifications: r.Notifications, MuteUntil: r.MuteUntil, Hidden: r.Hidden, Hides: r.Hides, Banned: r.Banned, Closed: r.Closed}
	}
	return reach, nil
}

// Holders implements push.View.
func (v PushView) Holders(ctx context.Context, tokens []events.PushToken) ([]push.Holder, error) {
	all, err := v.View.Holders(ctx, tokens)
	if err != nil {
		return nil, err
	}
	holders := make([]push.Holder, len(tokens))
	for i, h := range all {
		if len(h) > 0 {
			holders[i] = push.Holder{User: h[0].User, Device: h[0].Device}
		}
	}
	return holders, nil
}

// Names implements push.View.
func (v PushView) Names(ctx context.Context, users []events.UserID) (map[events.UserID]string, error) {
	own, err := v.View.Own(ctx, users)
	names := map[events.UserID]string{}
	for u, o := range own {
		if o.Profile.Name != "" {
			names[u] = o.Profile.Name
		}
	}
	return names, err
}

// unreadAtOnce is how many sessions of a user are asked at once.
const unreadAtOnce = 32

// Unread implements push.View.
func (v PushView) Unread(ctx context.Context, u events.UserID) (int, error) {
	facts, err := v.View.Facts(ctx, events.NewSelfID(u))
	if err != nil && !errors.Is(err, hot.ErrNoSession) {
		return 0, err
	}
	now := events.Millis(time.Now().UnixMilli())
	total := 0
	for after := events.SessionID(""); ; {
		page, err := v.View.Sessions(ctx, u, after, pageSessions)
		if err != nil {
			return 0, err
		}
		counted := slices.DeleteFunc(slices.Clone(page), func(s events.SessionID) bool {
			return facts.Settings[s].Hidden || facts.Settings[s].MuteUntil > now
		})
		n, err := v.unreadIn(ctx, u, counted, facts.Hides)
		if err != nil {
			return 0, err
		}
		total += n
		if len(page) < pageSessions {
			return total, nil
		}
		after = page[len(page)-1]
	}
}

const pageSessions = 500

func (v PushView) unreadIn(ctx context.Context, u events.UserID, sessions []events.SessionID, hides map[events.SessionID]bool) (total int, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(unreadAtOnce)
	for _, s := range sessions {
		group.Go(func() error {
			p, err := v.person(ctx, s, u)
			if err == nil && hides[s] && p.Unread > 0 {
				p, err = v.without(ctx, s, u, p)
			}
			if err != nil || !p.Member.In() {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			total += int(p.Unread) //nolint:gosec // messages of a session
			return nil
		})
	}
	return total, group.Wait()
}

// maxHidden is how many unread hidden messages of a session are left out of what is counted.
const maxHidden = 1000

// without counts again without what the user hid from themselves.
func (v PushView) without(ctx context.Context, s events.SessionID, u events.UserID, p hot.Person) (hot.Person, error) {
	hidden, err := v.View.Hidden(ctx, u, s, p.Member.MarkerIndex+1, p.Head.Index, maxHidden)
	if err != nil || len(hidden) == 0 {
		return p, err
	}
	return v.person(ctx, s, u, hidden...)
}

// Hidden implements push.View.
func (v PushView) Hidden(ctx context.Context, u events.UserID, s events.SessionID, index events.Index) (bool, error) {
	hidden, err := v.View.Hidden(ctx, u, s, index, index, 1)
	return len(hidden) > 0, err
}
