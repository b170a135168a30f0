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

// Reach implements hot.View.
func (w *World) Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]hot.Reach, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	reach := map[events.UserID]hot.Reach{}
	for _, u := range users {
		st, err := w.open(ctx, events.NewSelfID(u))
		if errors.Is(err, hot.ErrNoSession) {
			continue
		}
		if err != nil {
			return nil, err
		}
		head, _ := st.rows[events.HeadKey].(events.Head)
		settings, _ := st.rows[events.SettingsKey(s)].(events.SettingsRow)
		notifications, _ := st.rows[events.NotificationsKey].(events.Notifications)
		r := hot.Reach{
			Devices: map[string]events.DeviceRow{}, Notifications: notifications, MuteUntil: settings.Settings.MuteUntil, Hidden: settings.Settings.Hidden,
			Banned: head.Banned, Closed: head.Closed, Hides: len(st.hidden()[s]) > 0,
		}
		for k, row := range st.rows {
			if device, is := row.(events.DeviceRow); is {
				r.Devices[string(k[1:])] = device
			}
		}
		reach[u] = r
	}
	return reach, nil
}

// Holders implements hot.View. It knows those alone whose devices have the tokens now.
func (w *World) Holders(ctx context.Context, tokens []events.PushToken) ([][]hot.Holder, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	holders := make([][]hot.Holder, len(tokens))
	for i, t := range tokens {
		for _, st := range w.sessions {
			for k, row := range st.rows {
				if device, is := row.(events.DeviceRow); is && hot.TokenKey(device.Push) == hot.TokenKey(t) {
					holders[i] = append(holders[i], hot.Holder{User: st.timeline[0].Outcome.Actor.User, Device: string(k[1:]), Since: device.Since})
				}
			}
		}
		hot.SortHolders(holders[i])
	}
	return holders, nil
}
