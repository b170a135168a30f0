package hot

import (
	"context"
	"errors"
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

// Unread is what a user has not read, in several sessions. Sessions are those that have something unread, or are marked as unread.
type Unread struct {
	Messages, Mentions uint64
	Sessions           uint32
}

func (n *Unread) add(p *Person, marked bool) {
	n.Messages += p.Unread
	n.Mentions += p.Mentions
	if p.Unread > 0 || marked {
		n.Sessions++
	}
}

// Counting says how CountUnread counts.
type Counting struct {
	// Now is when sessions are muted, or not any more.
	Now events.Millis
	// Muted: those that are muted are counted too. They are not read otherwise.
	Muted bool
	// Page is how many sessions are listed at a time, AtOnce how many are read.
	Page, AtOnce int
	// Person reads the user's part in a session, as PersonOf does. It decides what becomes of a session that is listed and not there yet: no error and the zero
	// Person count nothing.
	Person func(ctx context.Context, s events.SessionID, hides bool) (Person, error)
}

// CountUnread counts what is unread in all sessions that a user is in and did not hide, in those that they muted apart from others. ErrRebuilding, and what
// Counting.Person gives.
func CountUnread(ctx context.Context, v View, u events.UserID, c Counting) (heard, muted Unread, err error) {
	own, err := v.Facts(ctx, events.NewSelfID(u))
	if err != nil && !errors.Is(err, ErrNoSession) { // without one nothing was ever set
		return heard, muted, err
	}
	for after := events.SessionID(""); ; {
		page, err := v.Sessions(ctx, u, after, c.Page)
		if err != nil {
			return heard, muted, err
		}
		if err := c.add(ctx, page, &own, &heard, &muted); err != nil || len(page) < c.Page {
			return heard, muted, err
		}
		after = page[len(page)-1]
	}
}

// add counts a page of sessions.
func (c *Counting) add(ctx context.Context, page []events.SessionID, own *Facts, heard, muted *Unread) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.AtOnce)
	for _, s := range page {
		set, to := own.Settings[s], heard
		if set.MuteUntil > c.Now {
			to = muted
		}
		if set.Hidden || to == muted && !c.Muted {
			continue
		}
		group.Go(func() error {
			p, err := c.Person(ctx, s, own.Hides[s])
			if err != nil || !p.Member.In() {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			to.add(&p, set.Unread)
			return nil
		})
	}
	return group.Wait()
}
