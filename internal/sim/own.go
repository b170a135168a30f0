package sim

import (
	"context"
	"errors"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Own implements hot.View.
func (h *Hot) Own(ctx context.Context, users []events.UserID) (map[events.UserID]hot.Own, error) {
	own := map[events.UserID]hot.Own{}
	for _, u := range users {
		facts, err := h.Facts(ctx, events.NewSelfID(u))
		switch {
		case errors.Is(err, hot.ErrNoSession):
		case err != nil:
			return nil, err
		default:
			own[u] = facts.Own
		}
	}
	return own, nil
}

// Contacts implements hot.View.
func (h *Hot) Contacts(ctx context.Context, u events.UserID, users []events.UserID) (map[events.UserID]bool, error) {
	contacts := map[events.UserID]bool{}
	for _, other := range users {
		p, err := h.Person(ctx, events.NewDirectID(u, other), u)
		switch {
		case errors.Is(err, hot.ErrNoSession):
		case err != nil:
			return nil, err
		default:
			contacts[other] = p.Head.Contact == events.Contacts && p.Head.Blocks == 0
		}
	}
	return contacts, nil
}

// Own implements hot.View.
func (n netView) Own(ctx context.Context, users []events.UserID) (own map[events.UserID]hot.Own, err error) {
	err = n.call(ctx, "own", func() (err error) {
		for _, u := range users {
			if n.older(n.hot.partition(events.NewSelfID(u))) {
				return hot.ErrRebuilding
			}
		}
		own, err = n.hot.Own(ctx, users)
		return err
	})
	return own, err
}

// Contacts implements hot.View.
func (n netView) Contacts(ctx context.Context, u events.UserID, users []events.UserID) (contacts map[events.UserID]bool, err error) {
	err = n.call(ctx, "contacts", func() (err error) {
		for _, other := range users {
			if n.older(n.hot.partition(events.NewDirectID(u, other))) {
				return hot.ErrRebuilding
			}
		}
		contacts, err = n.hot.Contacts(ctx, u, users)
		return err
	})
	return contacts, err
}
