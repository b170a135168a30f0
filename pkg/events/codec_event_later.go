package events

// laterEvent writes those that came to be later.
func (w *wireWriter) laterEvent(e Event) {
	m := 0
	switch e := e.(type) {
	case InfoSet:
		m = w.begin(20)
		info := w.begin(1)
		w.infoChange(&e.Info)
		w.end(info)
	case PolicySet:
		m = w.begin(21)
		policy := w.begin(1)
		w.policy(e.Policy)
		w.end(policy)
	case RoleSet:
		m = w.begin(22)
		wireString(w, 1, e.User)
		w.uint(2, uint64(e.Role))
		wireString(w, 3, e.Demoted)
	case Muted:
		m = w.begin(23)
		w.userList(1, e.Users)
		w.allSkipped(e.Skipped)
		w.uint(3, uint64(e.Until))
	case Dismissed:
		m = w.begin(24)
	case Asked:
		m = w.begin(25)
		wireString(w, 1, e.Text)
	case Refused:
		m = w.begin(26)
		w.userList(1, e.Users)
		w.allSkipped(e.Skipped)
	case Invited:
		m = w.begin(27)
		w.hash(1, e.Code)
		w.uint(2, uint64(e.Expires))
		w.uint(3, uint64(e.Uses))
	case Uninvited:
		m = w.begin(28)
		w.hash(1, e.Code)
	case Reacted:
		m = w.begin(29)
		w.uint(1, uint64(e.Target))
		w.uint(2, uint64(e.TargetIndex))
		wireString(w, 3, e.Emoji)
		w.bool(4, e.Off)
	case Pinned:
		m = w.begin(30)
		w.uint(1, uint64(e.Target))
		w.uint(2, uint64(e.TargetIndex))
		w.bool(3, e.Off)
	case Delivered:
		m = w.begin(31)
		w.uint(1, uint64(e.Marker))
		w.uint(2, uint64(e.MarkerIndex))
	case ContactChanged:
		m = w.begin(32)
		w.uint(1, uint64(e.Step))
		wireString(w, 2, e.Text)
		w.uint(3, uint64(e.State))
	case Reported:
		m = w.begin(33)
		w.uint(1, uint64(e.Target))
		w.uint(2, uint64(e.TargetIndex))
		wireString(w, 3, e.Reason)
	case Hidden:
		m = w.begin(34)
		w.hidden(e.Session, e.Messages)
	case SessionSet:
		m = w.begin(35)
		wireString(w, 1, e.Session)
		settings := w.begin(2)
		w.settingsChange(&e.Settings)
		w.end(settings)
	case DeviceSet:
		m = w.begin(36)
		wireString(w, 1, e.Device)
		w.pushToken(2, e.Push)
		w.bool(3, e.Off)
	case AccountClosed:
		m = w.begin(37)
		w.ended(1, e.Ended)
	case Audited:
		m = w.begin(38)
		w.audit(Audit(e))
	case Banned, SignedIn, SignedOut, SignedUp, Unbanned:
		w.signingEvent(e)
	case ProfileSet:
		m = w.begin(50)
		w.profile(1, &e.Profile)
	case PrivacySet:
		m = w.begin(51)
		w.privacy(1, e.Privacy)
	case PushForgotten:
		m = w.begin(60)
		wireString(w, 1, e.Device)
		wireString(w, 2, e.Reason)
	case NotificationsSet:
		m = w.begin(61)
		w.notifications(1, &e.Notifications)
	case Added, Created, Deleted, Joined, Left, Overridden, Read, Removed, Revoked, Sent:
	}
	if m != 0 {
		w.end(m)
	}
}

// targetWith reads a message's numbers, a text, and whether it is off.
func (r *wireReader) targetWith() (s Seq, i Index, text string, off bool) {
	r.within(func() {
		switch r.field {
		case 1:
			s = Seq(r.number)
		case 2:
			i = Index(r.number)
		case 3:
			text = r.string()
		case 4:
			off = r.bool()
		}
	})
	return s, i, text, off
}

func (r *wireReader) laterEvent(to *Event) {
	switch r.field {
	case 20:
		var e InfoSet
		r.within(func() {
			if r.field == 1 {
				e.Info = r.infoChange()
			}
		})
		*to = e
	case 21:
		var e PolicySet
		r.within(func() {
			if r.field == 1 {
				e.Policy = r.policy()
			}
		})
		*to = e
	case 22:
		var e RoleSet
		r.within(func() {
			switch r.field {
			case 1:
				e.User = UserID(r.string())
			case 2:
				e.Role = Role(r.number)
			case 3:
				e.Demoted = UserID(r.string())
			}
		})
		*to = e
	case 23:
		var e Muted
		r.within(func() {
			switch r.field {
			case 1:
				e.Users = append(e.Users, UserID(r.string()))
			case 2:
				e.Skipped = append(e.Skipped, r.skipped())
			case 3:
				e.Until = Millis(r.number)
			}
		})
		*to = e
	case 24:
		r.within(func() {})
		*to = Dismissed{}
	case 25:
		*to = Asked{Text: r.onlyString()}
	case 26:
		var e Refused
		r.within(func() {
			switch r.field {
			case 1:
				e.Users = append(e.Users, UserID(r.string()))
			case 2:
				e.Skipped = append(e.Skipped, r.skipped())
			}
		})
		*to = e
	case 27:
		code, expires, uses := r.invite()
		*to = Invited{Code: code, Expires: expires, Uses: uses}
	case 28:
		code, _, _ := r.invite()
		*to = Uninvited{Code: code}
	case 29:
		s, i, emoji, off := r.targetWith()
		*to = Reacted{Target: s, TargetIndex: i, Emoji: emoji, Off: off}
	case 30:
		var e Pinned
		r.within(func() {
			switch r.field {
			case 1:
				e.Target = Seq(r.number)
			case 2:
				e.TargetIndex = Index(r.number)
			case 3:
				e.Off = r.bool()
			}
		})
		*to = e
	case 31:
		s, i := r.target()
		*to = Delivered{Marker: s, MarkerIndex: i}
	case 32:
		var e ContactChanged
		r.within(func() {
			switch r.field {
			case 1:
				e.Step = ContactStep(r.number)
			case 2:
				e.Text = r.string()
			case 3:
				e.State = ContactState(r.number)
			}
		})
		*to = e
	case 33:
		s, i, reason, _ := r.targetWith()
		*to = Reported{Target: s, TargetIndex: i, Reason: reason}
	case 34:
		session, messages := r.hidden()
		*to = Hidden{Session: session, Messages: messages}
	case 35:
		session, settings := r.sessionSettings()
		*to = SessionSet{Session: session, Settings: settings}
	case 36:
		device, push, off := r.device()
		*to = DeviceSet{Device: device, Push: push, Off: off}
	case 37:
		var e AccountClosed
		r.within(func() {
			if r.field == 1 {
				e.Ended = append(e.Ended, r.endedLogin())
			}
		})
		*to = e
	case 38:
		*to = Audited(r.audit())
	case 50, 51:
		r.profileEvent(to)
	case 60:
		*to = r.pushForgotten()
	case 61:
		*to = NotificationsSet{Notifications: r.onlyNotifications()}
	default:
		r.signingEvent(to)
	}
}
