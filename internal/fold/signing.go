package fold

import (
	"annal/pkg/events"
)

// signing takes an event about where the user of a self session is signed in.
func (s *Session) signing(o *events.Outcome, a events.Accepted) {
	in, signs := a.Event.(events.SignedIn)
	for _, l := range events.EndedBy(a.Event) {
		if row, ok := s.Facts.Logins[l.Device]; !ok || row.Login != l.Login {
			s.fault("the login %s on %s ends at %d and is not there", l.Login, l.Device, a.Seq)
		}
		delete(s.Facts.Logins, l.Device)
		if l.Device != in.Device { // notifications go on going to one that is signed in on anew
			delete(s.Devices, l.Device)
		}
	}
	if signs {
		s.Facts.Logins[in.Device] = events.LoginRow{Login: in.Login, Kind: in.Kind, Client: in.Client, Seq: a.Seq, Since: o.Time}
	}
	switch a.Event.Name() {
	case events.Banned{}.Name():
		s.Head.Banned = true
	case events.Unbanned{}.Name():
		s.Head.Banned = false
	}
}
