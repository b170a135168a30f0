package app

import (
	"context"
	"errors"
	"slices"
	"time"

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
func (v PushView) person(ctx context.Context, s events.SessionID, u events.UserID) (hot.Person, error) {
	return there(v.View.Person(ctx, s, u))
}

func there(p hot.Person, err error) (hot.Person, error) {
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

// Unread implements push.View: the number at the icon is without sessions that are muted. One that is listed and not there yet counts nothing: its first message
// brings the number again.
func (v PushView) Unread(ctx context.Context, u events.UserID) (int, error) {
	heard, _, err := hot.CountUnread(ctx, v.View, u, hot.Counting{
		Now: events.Millis(time.Now().UnixMilli()), Page: pageSessions, AtOnce: unreadAtOnce,
		Person: func(ctx context.Context, s events.SessionID, hides bool) (hot.Person, error) {
			return there(hot.PersonOf(ctx, v.View, s, u, hides))
		},
	})
	return int(heard.Messages), err //nolint:gosec // messages of a user
}

// pageSessions is how many sessions of a user are listed at a time, and unreadAtOnce how many are read.
const pageSessions, unreadAtOnce = 500, 32

// Hidden implements push.View.
func (v PushView) Hidden(ctx context.Context, u events.UserID, s events.SessionID, index events.Index) (bool, error) {
	hidden, err := v.View.Hidden(ctx, u, s, index, index, 1)
	return len(hidden) > 0, err
}
