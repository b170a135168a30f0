package gatewaytest

import (
	"context"
	"errors"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Own implements hot.View.
func (w *World) Own(ctx context.Context, users []events.UserID) (map[events.UserID]hot.Own, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ownReads++
	own := map[events.UserID]hot.Own{}
	for _, u := range users {
		st, err := w.open(ctx, events.NewSelfID(u))
		if errors.Is(err, hot.ErrNoSession) {
			continue
		}
		if err != nil {
			return nil, err
		}
		profile, _ := st.rows[events.ProfileKey].(events.Profile)
		privacy, _ := st.rows[events.PrivacyKey].(events.Privacy)
		own[u] = hot.Own{Profile: profile, Privacy: privacy}
	}
	return own, nil
}

// OwnReads is how often Own was asked.
func (w *World) OwnReads() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ownReads
}

// Contacts implements hot.View.
func (w *World) Contacts(ctx context.Context, u events.UserID, users []events.UserID) (map[events.UserID]bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	contacts := map[events.UserID]bool{}
	for _, other := range users {
		st, err := w.open(ctx, events.NewDirectID(u, other))
		if errors.Is(err, hot.ErrNoSession) {
			continue
		}
		if err != nil {
			return nil, err
		}
		head, _ := st.rows[events.HeadKey].(events.Head)
		contacts[other] = head.Contact == events.Contacts && head.Blocks == 0
	}
	return contacts, nil
}
