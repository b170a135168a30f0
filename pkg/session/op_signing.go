package session

import (
	"cmp"
	"slices"

	"annal/pkg/events"
)

// What is known of a user's sign-ins, in their self session. Who people are is checked by services, so what these say of that is theirs alone to
// say; users end logins of their own.

func needLogins(needs []Need, rows Rows) []Need {
	needs = append(needs, Need{Key: events.LoginPrefix, First: events.MaxLogins})
	for _, k := range rows.First(events.LoginPrefix, events.MaxLogins) {
		needs = append(needs, Need{Key: k}, Need{Key: events.DeviceKey(deviceOf(k))})
	}
	return needs
}

func needEnded(needs []Need, ended []events.EndedLogin) []Need {
	for _, l := range ended {
		needs = append(needs, Need{Key: events.DeviceKey(l.Device)})
	}
	return needs
}

// deviceOf gives the device of a LoginKey.
func deviceOf(k events.Key) string { return string(k[len(events.LoginPrefix):]) }

// login is one that is good now.
type login struct {
	device string
	events.LoginRow
}

func (l login) ended() events.EndedLogin { return events.EndedLogin{Login: l.Login, Device: l.device} }

// logins gives all, the oldest first.
func logins(rows Rows) (all []login) {
	for _, k := range rows.First(events.LoginPrefix, events.MaxLogins) {
		row, _ := rowOf[events.LoginRow](rows, k)
		all = append(all, login{deviceOf(k), row})
	}
	slices.SortFunc(all, func(a, b login) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

// endedAll gives them as ended.
func endedAll(all []login) (ended []events.EndedLogin) {
	for _, l := range all {
		ended = append(ended, l.ended())
	}
	return ended
}

// end removes logins, and where notifications for their devices go.
func (e *evolution) end(ended []events.EndedLogin) {
	for _, l := range ended {
		e.head.Logins--
		e.remove(events.LoginKey(l.Device))
		if _, there := e.rows.Get(events.DeviceKey(l.Device)); there {
			e.head.Devices--
			e.remove(events.DeviceKey(l.Device))
		}
	}
}

// byUser says that no service asks.
func (s *scene) byUser() bool { return s.c.Actor.Service == "" }

type signUp struct{ events.SignUp }

func (signUp) gate() gate { return inSelf }

func (signUp) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (op signUp) decide(s *scene) events.Result {
	switch {
	case s.byUser():
		return reject(events.CodeNotAllowed)
	case s.head.SignedUp:
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.SignedUp(op.SignUp))
}

type signedUp struct{}

func (signedUp) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (signedUp) evolve(e *evolution) { e.head.SignedUp = true }

type signIn struct{ events.SignIn }

func (signIn) gate() gate { return inSelf }

func (signIn) needs(needs []Need, rows Rows, _ *events.Command) []Need {
	return needLogins(needs, rows)
}

func (op signIn) decide(s *scene) events.Result {
	switch {
	case s.byUser():
		return reject(events.CodeNotAllowed)
	case s.head.Banned:
		return reject(events.CodeAccountBanned)
	}
	all := logins(s.rows)
	if i := slices.IndexFunc(all, func(l login) bool { return l.Login == op.Login }); i >= 0 {
		if all[i].device != op.Device {
			return refuse(events.Errorf(events.CodeInvalidArgument, "the login is on another device"))
		}
		return answer(events.CodeNoChange, all[i].Seq)
	}
	return s.accept(events.SignedIn{
		Login: op.Login, Device: op.Device, Kind: op.Kind, Client: op.Client, First: s.head.SignIns == 0, Ended: op.displaces(all),
	})
}

// displaces gives what has to end for the login: that of the device, the oldest of its kind beyond what there may be of it, and of all.
func (op signIn) displaces(all []login) []events.EndedLogin {
	ends := make([]bool, len(all))
	left, kind := len(all), 0
	for i, l := range all {
		switch {
		case l.device == op.Device:
			ends[i] = true
			left--
		case l.Kind == op.Kind:
			kind++
		}
	}
	for i, l := range all {
		surplus := op.Most > 0 && l.Kind == op.Kind && kind >= int(op.Most)
		if ends[i] || !surplus {
			continue
		}
		ends[i] = true
		left--
		kind--
	}
	for i := range all {
		if !ends[i] && left >= events.MaxLogins {
			ends[i] = true
			left--
		}
	}
	var ended []events.EndedLogin
	for i, l := range all {
		if ends[i] {
			ended = append(ended, l.ended())
		}
	}
	return ended
}

type signedIn struct{ events.SignedIn }

func (f signedIn) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needEnded(needs, f.Ended)
}

func (f signedIn) evolve(e *evolution) {
	var others []events.EndedLogin
	for _, l := range f.Ended {
		if l.Device == f.Device {
			e.head.Logins-- // its row is written anew, and its notifications go where they went
			continue
		}
		others = append(others, l)
	}
	e.end(others)
	e.head.Logins++
	e.head.SignIns++
	e.put(events.LoginKey(f.Device), events.LoginRow{Login: f.Login, Kind: f.Kind, Client: f.Client, Seq: e.seq, Since: e.o.Time})
}

type signOut struct{ events.SignOut }

func (signOut) gate() gate { return inSelf }

func (signOut) needs(needs []Need, rows Rows, _ *events.Command) []Need {
	return needLogins(needs, rows)
}

func (op signOut) decide(s *scene) events.Result {
	if s.byUser() && op.Reason != events.SignOutLogout {
		return reject(events.CodeNotAllowed)
	}
	ended := endedAll(slices.DeleteFunc(logins(s.rows), func(l login) bool {
		if op.All {
			return l.Login == op.Except
		}
		return !slices.Contains(op.Devices, l.device) && !slices.Contains(op.Logins, l.Login)
	}))
	if len(ended) == 0 {
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.SignedOut{Ended: ended, Reason: op.Reason})
}

type signedOut struct{ events.SignedOut }

func (f signedOut) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needEnded(needs, f.Ended)
}

func (f signedOut) evolve(e *evolution) { e.end(f.Ended) }

type ban struct{ events.Ban }

func (ban) gate() gate { return inSelf }

func (ban) needs(needs []Need, rows Rows, _ *events.Command) []Need { return needLogins(needs, rows) }

func (op ban) decide(s *scene) events.Result {
	switch {
	case s.byUser():
		return reject(events.CodeNotAllowed)
	case s.head.Banned:
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.Banned{Reason: op.Reason, Ended: endedAll(logins(s.rows))})
}

type banned struct{ events.Banned }

func (f banned) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needEnded(needs, f.Ended)
}

func (f banned) evolve(e *evolution) {
	e.end(f.Ended)
	e.head.Banned = true
}

type unban struct{}

func (unban) gate() gate { return inSelf }

func (unban) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (unban) decide(s *scene) events.Result {
	switch {
	case s.byUser():
		return reject(events.CodeNotAllowed)
	case !s.head.Banned:
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.Unbanned{})
}

type unbanned struct{}

func (unbanned) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (unbanned) evolve(e *evolution) { e.head.Banned = false }
