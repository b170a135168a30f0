package fold

import (
	"context"
	"slices"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// device takes an event about where notifications for the user of a self session go, or which there are.
func (s *Session) device(o *events.Outcome, a events.Accepted) {
	switch a.Event.Name() {
	case events.DeviceSet{}.Name():
		e, _ := a.Event.(events.DeviceSet)
		if s.Devices[e.Device] = (events.DeviceRow{Push: e.Push, Since: o.Time}); e.Off {
			delete(s.Devices, e.Device)
		}
	case events.PushForgotten{}.Name():
		e, _ := a.Event.(events.PushForgotten)
		if s.Devices[e.Device].Push.Token == "" {
			s.fault("the token of %s is forgotten at %d and is not there", e.Device, a.Seq)
		}
		s.Devices[e.Device] = events.DeviceRow{}
	case events.NotificationsSet{}.Name():
		e, _ := a.Event.(events.NotificationsSet)
		s.Notifications = e.Notifications
	}
}

// compareReach looks at how the user of a self session is notified, of each session whose settings they changed, and at whether they
// count as holder of each of their tokens.
func compareReach(ctx context.Context, view hot.View, s *Session, report *Report) error {
	if s.Head.Kind != events.KindSelf {
		return nil
	}
	for u := range s.Members {
		of := []events.SessionID{s.ID} // any: there is one at least
		for session := range s.Facts.Settings {
			of = append(of, session)
		}
		for session := range s.Facts.Hides {
			of = append(of, session)
		}
		slices.Sort(of)
		for _, session := range of {
			got, err := view.Reach(ctx, session, []events.UserID{u})
			if err != nil {
				return err
			}
			settings := s.Facts.Settings[session]
			report.fields(s.ID, "reach", string(u)+" of "+string(session), got[u], hot.Reach{
				Devices: s.Devices, Notifications: s.Notifications, MuteUntil: settings.MuteUntil, Hidden: settings.Hidden, Hides: s.Facts.Hides[session],
				Banned: s.Head.Banned, Closed: s.Head.Closed,
			})
		}
		if err := compareHolders(ctx, view, s, u, report); err != nil {
			return err
		}
	}
	return nil
}

// compareHolders looks whether the user's devices are holders of the tokens they have, since when they are. Who else registered one is
// in other sessions, and a token of long ago may be known no more.
func compareHolders(ctx context.Context, view hot.View, s *Session, u events.UserID, report *Report) error {
	for device, row := range s.Devices {
		if row.Push.Token == "" {
			continue
		}
		all, err := view.Holders(ctx, []events.PushToken{row.Push})
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all[0], func(h hot.Holder) bool { return h.User == u && h.Device == device })
		switch {
		case i >= 0 && all[0][i].Since != row.Since:
			report.differ(s.ID, "holder", device, all[0][i].Since, row.Since)
		case i < 0 && len(all[0]) < hot.MaxHolders && time.Since(time.UnixMilli(int64(row.Since))) < hot.KeepHolders:
			report.differ(s.ID, "holder", device, none, there)
		}
	}
	return nil
}
