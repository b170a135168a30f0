package events

import "google.golang.org/protobuf/encoding/protowire"

// Notifications, in commands, events, rows and the hot view alike.

func (w *wireWriter) notifications(field protowire.Number, n *Notifications) {
	m := w.begin(field)
	w.uint(1, uint64(n.Content))
	w.uint(2, uint64(n.Messages))
	w.uint(3, uint64(n.Active))
	w.uint(4, uint64(n.PauseUntil))
	if n.Rest != (Rest{}) {
		rest := w.begin(5)
		w.uint(1, uint64(n.Rest.From))
		w.uint(2, uint64(n.Rest.To))
		wireString(w, 3, n.Rest.Zone)
		w.end(rest)
	}
	w.end(m)
}

// onlyNotifications reads a message that holds nothing but notifications.
func (r *wireReader) onlyNotifications() (n Notifications) {
	r.within(func() {
		if r.field == 1 {
			n = r.notifications()
		}
	})
	return n
}

func (r *wireReader) notifications() (n Notifications) {
	r.within(func() {
		switch r.field {
		case 1:
			n.Content = ShownContent(r.number)
		case 2:
			n.Messages = NotifiedMessages(r.number)
		case 3:
			n.Active = WhileActive(r.number)
		case 4:
			n.PauseUntil = Millis(r.number)
		case 5:
			n.Rest = r.restOfDay()
		}
	})
	return n
}

func (r *wireReader) restOfDay() (rest Rest) {
	r.within(func() {
		switch r.field {
		case 1:
			rest.From = uint16(r.number)
		case 2:
			rest.To = uint16(r.number)
		case 3:
			rest.Zone = r.string()
		}
	})
	return rest
}

func (r *wireReader) notificationsRow() (n Notifications) {
	for r.next() {
		if r.field == 1 {
			n = r.notifications()
		}
	}
	return n
}

func (r *wireReader) deviceRow() (d DeviceRow) {
	for r.next() {
		switch r.field {
		case 1:
			d.Push = r.pushToken()
		case 2:
			d.Since = Millis(r.number)
		}
	}
	return d
}

func (r *wireReader) forgetPush() (op ForgetPush) {
	r.within(func() {
		switch r.field {
		case 1:
			op.Device = r.string()
		case 2:
			op.Token = r.string()
		case 3:
			op.Until = Millis(r.number)
		case 4:
			op.Reason = r.string()
		}
	})
	return op
}

func (r *wireReader) pushForgotten() (e PushForgotten) {
	r.within(func() {
		switch r.field {
		case 1:
			e.Device = r.string()
		case 2:
			e.Reason = r.string()
		}
	})
	return e
}
