package events

import "google.golang.org/protobuf/encoding/protowire"

// Operations and events about logins.

func (w *wireWriter) signingOp(op Op) {
	m := 0
	switch op := op.(type) {
	case SignUp:
		m = w.begin(45)
		wireString(w, 1, op.Method)
	case SignIn:
		m = w.begin(46)
		wireString(w, 1, op.Login)
		wireString(w, 2, op.Device)
		wireString(w, 3, op.Kind)
		wireString(w, 4, op.Client)
		w.uint(5, uint64(op.Most))
	case SignOut:
		m = w.begin(47)
		for _, d := range op.Devices {
			wireElement(w, 1, d)
		}
		for _, l := range op.Logins {
			wireElement(w, 2, l)
		}
		w.bool(3, op.All)
		wireString(w, 4, op.Except)
		wireString(w, 5, op.Reason)
	case Ban:
		m = w.begin(48)
		wireString(w, 1, op.Reason)
	case Unban:
		m = w.begin(49)
	case Add, Ask, Audit, CloseAccount, Contact, Create, Delete, Dismiss, Hide, Invite, Join, Leave, MarkDelivered, MarkRead, Mute, Override,
		Pin, React, Refuse, Remove, Report, Revoke, Send, SetDevice, SetPrivacy, SetNotifications, ForgetPush, SetProfile, SetInfo, SetPolicy, SetRole, SetSession, Uninvite:
	}
	if m != 0 {
		w.end(m)
	}
}

func (r *wireReader) signingOp(to *Op) {
	switch r.field {
	case 45:
		*to = SignUp{Method: r.onlyString()}
	case 46:
		var op SignIn
		r.within(func() {
			switch r.field {
			case 1:
				op.Login = r.string()
			case 2:
				op.Device = r.string()
			case 3:
				op.Kind = r.string()
			case 4:
				op.Client = r.string()
			case 5:
				op.Most = uint32(r.number)
			}
		})
		*to = op
	case 47:
		var op SignOut
		r.within(func() {
			switch r.field {
			case 1:
				op.Devices = append(op.Devices, r.string())
			case 2:
				op.Logins = append(op.Logins, r.string())
			case 3:
				op.All = r.bool()
			case 4:
				op.Except = r.string()
			case 5:
				op.Reason = r.string()
			}
		})
		*to = op
	case 48:
		*to = Ban{Reason: r.onlyString()}
	case 49:
		r.within(func() {})
		*to = Unban{}
	}
}

func (w *wireWriter) signingEvent(e Event) {
	m := 0
	switch e := e.(type) {
	case SignedUp:
		m = w.begin(45)
		wireString(w, 1, e.Method)
	case SignedIn:
		m = w.begin(46)
		wireString(w, 1, e.Login)
		wireString(w, 2, e.Device)
		wireString(w, 3, e.Kind)
		wireString(w, 4, e.Client)
		w.bool(5, e.First)
		w.ended(6, e.Ended)
	case SignedOut:
		m = w.begin(47)
		w.ended(1, e.Ended)
		wireString(w, 2, e.Reason)
	case Banned:
		m = w.begin(48)
		wireString(w, 1, e.Reason)
		w.ended(2, e.Ended)
	case Unbanned:
		m = w.begin(49)
	case AccountClosed, Added, Asked, Audited, ContactChanged, Created, Deleted, Delivered, DeviceSet, ProfileSet, PrivacySet, NotificationsSet, PushForgotten, Dismissed, Hidden, InfoSet, Invited,
		Joined, Left, Muted, Overridden, Pinned, PolicySet, Reacted, Read, Refused, Removed, Reported, Revoked, RoleSet, Sent, SessionSet,
		Uninvited:
	}
	if m != 0 {
		w.end(m)
	}
}

func (r *wireReader) signingEvent(to *Event) {
	switch r.field {
	case 45:
		*to = SignedUp{Method: r.onlyString()}
	case 46:
		var e SignedIn
		r.within(func() {
			switch r.field {
			case 1:
				e.Login = r.string()
			case 2:
				e.Device = r.string()
			case 3:
				e.Kind = r.string()
			case 4:
				e.Client = r.string()
			case 5:
				e.First = r.bool()
			case 6:
				e.Ended = append(e.Ended, r.endedLogin())
			}
		})
		*to = e
	case 47:
		var e SignedOut
		r.within(func() {
			switch r.field {
			case 1:
				e.Ended = append(e.Ended, r.endedLogin())
			case 2:
				e.Reason = r.string()
			}
		})
		*to = e
	case 48:
		var e Banned
		r.within(func() {
			switch r.field {
			case 1:
				e.Reason = r.string()
			case 2:
				e.Ended = append(e.Ended, r.endedLogin())
			}
		})
		*to = e
	case 49:
		r.within(func() {})
		*to = Unbanned{}
	}
}

func (w *wireWriter) ended(field protowire.Number, all []EndedLogin) {
	for _, l := range all {
		one := w.begin(field)
		wireString(w, 1, l.Login)
		wireString(w, 2, l.Device)
		w.end(one)
	}
}

func (r *wireReader) endedLogin() (l EndedLogin) {
	r.within(func() {
		switch r.field {
		case 1:
			l.Login = r.string()
		case 2:
			l.Device = r.string()
		}
	})
	return l
}

func (r *wireReader) loginRow() (l LoginRow) {
	for r.next() {
		switch r.field {
		case 1:
			l.Login = r.string()
		case 2:
			l.Kind = r.string()
		case 3:
			l.Client = r.string()
		case 4:
			l.Seq = Seq(r.number)
		case 5:
			l.Since = Millis(r.number)
		}
	}
	return l
}
