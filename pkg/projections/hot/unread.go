package hot

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
)

const (
	// hiddenPage is how many hidden messages one call reads.
	hiddenPage = 1000
	// maxHidden is how many are left out of a count of unread ones: beyond it the others count.
	maxHidden = 100_000
)

// PersonOf reads a person as View.Person does, without what they hid from themselves; hides is known of them (Facts.Hides).
func PersonOf(ctx context.Context, v View, s events.SessionID, u events.UserID, hides bool) (Person, error) {
	p, err := v.Person(ctx, s, u)
	if err != nil || !hides || p.Unread == 0 {
		return p, err
	}
	hidden, err := hiddenAfter(ctx, v, s, u, p.Member.MarkerIndex, p.Head.Index)
	if err != nil || len(hidden) == 0 {
		return p, err
	}
	return v.Person(ctx, s, u, hidden...)
}

// hiddenAfter reads the hidden messages above one, up to the last.
func hiddenAfter(ctx context.Context, v View, s events.SessionID, u events.UserID, after, last events.Index) (all []events.Index, err error) {
	for len(all) < maxHidden {
		some, err := v.Hidden(ctx, u, s, after+1, last, hiddenPage)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < hiddenPage {
			break
		}
		after = some[len(some)-1]
	}
	return all, nil
}

// Unread is what is unread for a user in a session.
type Unread struct {
	// In says whether they are in; if not, nothing is unread for them.
	In bool
	// Messages are Person.Unread.
	Messages, Mentions uint64
}

// UnreadOf is Unread of a view in which persons are read at no cost.
func UnreadOf(sessions []events.SessionID, person func(events.SessionID) (Person, error)) (map[events.SessionID]Unread, error) {
	all := make(map[events.SessionID]Unread, len(sessions))
	for _, s := range sessions {
		p, err := person(s)
		switch {
		case errors.Is(err, ErrNoSession):
		case err != nil:
			return nil, err
		default:
			all[s] = p.UnreadNow()
		}
	}
	return all, nil
}

// UnreadNow is what is unread for them as long as they are in.
func (p *Person) UnreadNow() Unread {
	if !p.Member.In() {
		return Unread{}
	}
	return Unread{In: true, Messages: p.Unread, Mentions: p.Mentions}
}

// Totals are what is unread in several sessions. Sessions are those that have something unread, or are marked as unread.
type Totals struct {
	Messages, Mentions uint64
	Sessions           uint32
}

func (t *Totals) add(n Unread, marked bool) {
	if !n.In {
		return
	}
	t.Messages += n.Messages
	t.Mentions += n.Mentions
	if n.Messages > 0 || marked {
		t.Sessions++
	}
}

// Counting says how CountUnread counts.
type Counting struct {
	// Now is when sessions are muted, or not any more.
	Now events.Millis
	// Muted: those that are muted are counted too. They are not read otherwise.
	Muted bool
	// Page is how many sessions are listed and read at a time, 1,000 at most, and AtOnce how many of which more is to be known.
	Page, AtOnce int
	// Person reads the user's part in a session by itself, as PersonOf does: where they hid what is unread, and where a session is listed and not there yet. It
	// decides what becomes of that: no error and the zero Person count nothing.
	Person func(ctx context.Context, s events.SessionID, hides bool) (Person, error)
}

// CountUnread counts what is unread in all sessions that a user is in and did not hide, in those that they muted apart from others. ErrRebuilding, and what
// Counting.Person gives.
func CountUnread(ctx context.Context, v View, u events.UserID, c Counting) (heard, muted Totals, err error) {
	own, err := v.Facts(ctx, events.NewSelfID(u))
	if err != nil && !errors.Is(err, ErrNoSession) { // without one nothing was ever set
		return heard, muted, err
	}
	for after := events.SessionID(""); ; {
		page, err := v.Sessions(ctx, u, after, c.Page)
		if err != nil {
			return heard, muted, err
		}
		full := len(page) == c.Page
		if full {
			after = page[len(page)-1]
		}
		if err := c.add(ctx, v, u, page, &own, &heard, &muted); err != nil || !full {
			return heard, muted, err
		}
	}
}

// add counts a page of sessions.
func (c *Counting) add(ctx context.Context, v View, u events.UserID, page []events.SessionID, own *Facts, heard, muted *Totals) error {
	to := func(s events.SessionID) *Totals {
		if own.Settings[s].MuteUntil > c.Now {
			return muted
		}
		return heard
	}
	page = slices.DeleteFunc(page, func(s events.SessionID) bool { return own.Settings[s].Hidden || to(s) == muted && !c.Muted })
	if len(page) == 0 {
		return nil
	}
	unread, err := v.Unread(ctx, u, page)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.AtOnce)
	for _, s := range page {
		n, there := unread[s]
		if there && (n.Messages == 0 || !own.Hides[s]) {
			mu.Lock()
			to(s).add(n, own.Settings[s].Unread)
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			p, err := c.Person(ctx, s, own.Hides[s])
			mu.Lock()
			defer mu.Unlock()
			to(s).add(p.UnreadNow(), own.Settings[s].Unread)
			return err
		})
	}
	return group.Wait()
}
