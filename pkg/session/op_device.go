package session

import "annal/pkg/events"

// setDevice registers a device, or forgets it. The same again is a registration too: it says that the token is good still.
type setDevice struct{ events.SetDevice }

func (setDevice) gate() gate { return inSelf }

func (op setDevice) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.DeviceKey(op.Device)})
}

func (op setDevice) decide(s *scene) events.Result {
	_, there := s.rows.Get(events.DeviceKey(op.Device))
	switch {
	case op.Off && !there:
		return answer(events.CodeNoChange, 0)
	case !op.Off && !there && s.head.Devices >= events.MaxDevices:
		return reject(events.CodeLimitReached)
	}
	return s.accept(events.DeviceSet(op.SetDevice))
}

type deviceSet struct{ events.DeviceSet }

func (f deviceSet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return append(needs, Need{Key: events.DeviceKey(f.Device)})
}

func (f deviceSet) evolve(e *evolution) {
	_, there := e.rows.Get(events.DeviceKey(f.Device))
	switch {
	case f.Off:
		e.head.Devices--
		e.remove(events.DeviceKey(f.Device))
		return
	case !there:
		e.head.Devices++
	}
	e.put(events.DeviceKey(f.Device), events.DeviceRow{Push: f.Push, Since: e.o.Time})
}

// forgetPush takes from a device where its notifications went. What was registered since stays: vendors' answers and what others
// register come late, and are of what was before.
type forgetPush struct{ events.ForgetPush }

func (forgetPush) gate() gate { return inSelf }

func (op forgetPush) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.DeviceKey(op.Device)})
}

func (op forgetPush) decide(s *scene) events.Result {
	had, _ := rowOf[events.DeviceRow](s.rows, events.DeviceKey(op.Device))
	switch {
	case s.byUser():
		return reject(events.CodeNotAllowed)
	case had.Push.Token != op.Token, had.Since > op.Until:
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.PushForgotten{Device: op.Device, Reason: op.Reason})
}

type pushForgotten struct{ events.PushForgotten }

func (pushForgotten) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f pushForgotten) evolve(e *evolution) { e.put(events.DeviceKey(f.Device), events.DeviceRow{}) }

// setNotifications says which notifications the actor wants.
type setNotifications struct{ events.SetNotifications }

func (setNotifications) gate() gate { return inSelf }

func (setNotifications) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.NotificationsKey})
}

func (op setNotifications) decide(s *scene) events.Result {
	if had, _ := rowOf[events.Notifications](s.rows, events.NotificationsKey); had == op.Notifications {
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.NotificationsSet(op.SetNotifications))
}

type notificationsSet struct{ events.NotificationsSet }

func (notificationsSet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f notificationsSet) evolve(e *evolution) {
	if f.Notifications == (events.Notifications{}) {
		e.remove(events.NotificationsKey)
		return
	}
	e.put(events.NotificationsKey, f.Notifications)
}
