package events

func (w *wireWriter) command(c *Command) {
	wireString(w, 1, c.Session)
	actor := w.begin(2)
	w.actor(c.Actor)
	w.end(actor)
	wireString(w, 3, c.ClientID)
	client := w.begin(4)
	w.client(c.Client)
	w.end(client)
	if c.ReplyTo != (ReplyTo{}) {
		reply := w.begin(5)
		w.replyTo(c.ReplyTo)
		w.end(reply)
	}
	w.uint(6, uint64(c.Origin))
	w.wishes(9, c.Wishes)
	w.op(c.Op)
}

func (w *wireWriter) op(op Op) {
	switch op := op.(type) {
	case Create:
		m := w.begin(10)
		w.uint(1, uint64(op.Kind))
		w.members(2, op.Members)
		policy := w.begin(3)
		w.policy(op.Policy)
		w.end(policy)
		w.uint(4, uint64(op.Base))
		wireString(w, 5, op.Title)
		wireString(w, 6, op.Text)
		w.end(m)
	case Add:
		m := w.begin(11)
		w.members(1, op.Members)
		w.end(m)
	case Remove:
		m := w.begin(12)
		w.userList(1, op.Users)
		w.end(m)
	case Join:
		m := w.begin(13)
		w.hash(1, op.Invite)
		w.end(m)
	case Leave:
		w.empty(14)
	case Send:
		m := w.begin(15)
		body := w.begin(1)
		w.body(op.Body)
		w.end(body)
		w.refs(2, &op.Refs)
		w.end(m)
	case Revoke:
		m := w.begin(16)
		w.uint(1, uint64(op.Seq))
		w.end(m)
	case Override:
		m := w.begin(17)
		w.uint(1, uint64(op.Seq))
		body := w.begin(2)
		w.body(op.Body)
		w.end(body)
		w.end(m)
	case Delete:
		m := w.begin(18)
		w.uint(1, uint64(op.Seq))
		wireString(w, 2, op.Reason)
		w.end(m)
	case MarkRead:
		m := w.begin(19)
		w.uint(1, uint64(op.Seq))
		w.end(m)
	case Ask, Audit, Ban, CloseAccount, Contact, Dismiss, Hide, Invite, MarkDelivered, Mute, Pin, React, Refuse, Report, SetDevice, SetPrivacy, SetNotifications, ForgetPush, SetProfile, SetInfo, SetPolicy,
		SetRole, SetSession, SignIn, SignOut, SignUp, Unban, Uninvite:
		w.laterOp(op)
	}
}

// laterOp writes those that came to be later.
func (w *wireWriter) laterOp(op Op) {
	m := 0
	switch op := op.(type) {
	case SetInfo:
		m = w.begin(20)
		info := w.begin(1)
		w.infoChange(&op.Info)
		w.end(info)
	case SetPolicy:
		m = w.begin(21)
		policy := w.begin(1)
		w.policyChange(&op.Policy)
		w.end(policy)
	case SetRole:
		m = w.begin(22)
		wireString(w, 1, op.User)
		w.uint(2, uint64(op.Role))
	case Mute:
		m = w.begin(23)
		w.userList(1, op.Users)
		w.uint(2, uint64(op.Until))
	case Dismiss:
		m = w.begin(24)
	case Ask:
		m = w.begin(25)
		wireString(w, 1, op.Text)
	case Refuse:
		m = w.begin(26)
		w.userList(1, op.Users)
	case Invite:
		m = w.begin(27)
		w.hash(1, op.Code)
		w.uint(2, uint64(op.Expires))
		w.uint(3, uint64(op.Uses))
	case Uninvite:
		m = w.begin(28)
		w.hash(1, op.Code)
	case React:
		m = w.begin(29)
		w.uint(1, uint64(op.Seq))
		wireString(w, 2, op.Emoji)
		w.bool(3, op.Off)
	case Pin:
		m = w.begin(30)
		w.uint(1, uint64(op.Seq))
		w.bool(2, op.Off)
	case MarkDelivered:
		m = w.begin(31)
		w.uint(1, uint64(op.Seq))
	case Contact:
		m = w.begin(32)
		w.uint(1, uint64(op.Step))
		wireString(w, 2, op.Text)
	case Report:
		m = w.begin(33)
		w.uint(1, uint64(op.Seq))
		wireString(w, 2, op.Reason)
	case Hide:
		m = w.begin(34)
		w.hidden(op.Session, op.Messages)
	case SetSession:
		m = w.begin(35)
		wireString(w, 1, op.Session)
		settings := w.begin(2)
		w.settingsChange(&op.Settings)
		w.end(settings)
	case SetDevice:
		m = w.begin(36)
		wireString(w, 1, op.Device)
		w.pushToken(2, op.Push)
		w.bool(3, op.Off)
	case CloseAccount:
		m = w.begin(37)
	case Audit:
		m = w.begin(38)
		w.audit(op)
	case Ban, SignIn, SignOut, SignUp, Unban:
		w.signingOp(op)
	case SetProfile:
		m = w.begin(50)
		w.profileChange(1, &op.Profile)
	case SetPrivacy:
		m = w.begin(51)
		w.privacy(1, op.Privacy)
	case ForgetPush:
		m = w.begin(60)
		wireString(w, 1, op.Device)
		wireString(w, 2, op.Token)
		w.uint(3, uint64(op.Until))
		wireString(w, 4, op.Reason)
	case SetNotifications:
		m = w.begin(61)
		w.notifications(1, &op.Notifications)
	case Add, Create, Delete, Join, Leave, MarkRead, Override, Remove, Revoke, Send:
	}
	if m != 0 {
		w.end(m)
	}
}

// command reads one; Op stays nil for an operation this program does not know.
func (r *wireReader) command() (c Command) {
	for r.next() {
		r.commandField(&c)
	}
	return c
}

func (r *wireReader) commandField(c *Command) {
	switch r.field {
	case 1:
		c.Session = SessionID(r.string())
	case 2:
		c.Actor = r.actor()
	case 3:
		c.ClientID = r.string()
	case 4:
		c.Client = r.client()
	case 5:
		c.ReplyTo = r.replyTo()
	case 6:
		c.Origin = Millis(r.number)
	case 9:
		c.Wishes = append(c.Wishes, r.wish())
	default:
		r.op(&c.Op)
	}
}

func (r *wireReader) op(to *Op) {
	switch r.field {
	case 10:
		*to = r.create()
	case 11:
		var op Add
		r.within(func() {
			if r.field == 1 {
				op.Members = append(op.Members, r.member())
			}
		})
		*to = op
	case 12:
		var op Remove
		r.within(func() {
			if r.field == 1 {
				op.Users = append(op.Users, UserID(r.string()))
			}
		})
		*to = op
	case 13:
		var op Join
		r.within(func() {
			if r.field == 1 {
				r.fixed(op.Invite[:])
			}
		})
		*to = op
	case 14:
		r.within(func() {})
		*to = Leave{}
	case 15:
		var op Send
		r.within(func() {
			switch r.field {
			case 1:
				op.Body = r.body()
			case 2:
				op.Refs = r.refs()
			}
		})
		*to = op
		r.check(op.Body.readable())
	case 16:
		*to = Revoke{Seq: r.seq()}
	case 17:
		var op Override
		r.within(func() {
			switch r.field {
			case 1:
				op.Seq = Seq(r.number)
			case 2:
				op.Body = r.body()
			}
		})
		*to = op
		r.check(op.Body.readable())
	case 18:
		var op Delete
		r.within(func() {
			switch r.field {
			case 1:
				op.Seq = Seq(r.number)
			case 2:
				op.Reason = r.string()
			}
		})
		*to = op
	case 19:
		*to = MarkRead{Seq: r.seq()}
	default:
		r.laterOp(to)
	}
}

func (r *wireReader) laterOp(to *Op) {
	switch r.field {
	case 20:
		var op SetInfo
		r.within(func() {
			if r.field == 1 {
				op.Info = r.infoChange()
			}
		})
		*to = op
	case 21:
		var op SetPolicy
		r.within(func() {
			if r.field == 1 {
				op.Policy = r.policyChange()
			}
		})
		*to = op
	case 22:
		var op SetRole
		r.within(func() {
			switch r.field {
			case 1:
				op.User = UserID(r.string())
			case 2:
				op.Role = Role(r.number)
			}
		})
		*to = op
	case 23:
		var op Mute
		r.within(func() {
			switch r.field {
			case 1:
				op.Users = append(op.Users, UserID(r.string()))
			case 2:
				op.Until = Millis(r.number)
			}
		})
		*to = op
	case 24:
		r.within(func() {})
		*to = Dismiss{}
	case 25:
		*to = Ask{Text: r.onlyString()}
	case 26:
		var op Refuse
		r.within(func() {
			if r.field == 1 {
				op.Users = append(op.Users, UserID(r.string()))
			}
		})
		*to = op
	case 27:
		code, expires, uses := r.invite()
		*to = Invite{Code: code, Expires: expires, Uses: uses}
	case 28:
		code, _, _ := r.invite()
		*to = Uninvite{Code: code}
	case 29:
		var op React
		r.within(func() {
			switch r.field {
			case 1:
				op.Seq = Seq(r.number)
			case 2:
				op.Emoji = r.string()
			case 3:
				op.Off = r.bool()
			}
		})
		*to = op
	case 30:
		var op Pin
		r.within(func() {
			switch r.field {
			case 1:
				op.Seq = Seq(r.number)
			case 2:
				op.Off = r.bool()
			}
		})
		*to = op
	case 31:
		*to = MarkDelivered{Seq: r.seq()}
	case 32:
		var op Contact
		r.within(func() {
			switch r.field {
			case 1:
				op.Step = ContactStep(r.number)
			case 2:
				op.Text = r.string()
			}
		})
		*to = op
	case 33:
		var op Report
		r.within(func() {
			switch r.field {
			case 1:
				op.Seq = Seq(r.number)
			case 2:
				op.Reason = r.string()
			}
		})
		*to = op
	case 34:
		session, messages := r.hidden()
		*to = Hide{Session: session, Messages: messages}
	case 35:
		session, settings := r.sessionSettings()
		*to = SetSession{Session: session, Settings: settings}
	case 36:
		device, push, off := r.device()
		*to = SetDevice{Device: device, Push: push, Off: off}
	case 37:
		r.within(func() {})
		*to = CloseAccount{}
	case 38:
		*to = r.audit()
	case 50, 51:
		r.profileOp(to)
	case 60:
		*to = r.forgetPush()
	case 61:
		*to = SetNotifications{Notifications: r.onlyNotifications()}
	default:
		r.signingOp(to)
	}
}

// onlyString reads a message that holds nothing but a string.
func (r *wireReader) onlyString() (s string) {
	r.within(func() {
		if r.field == 1 {
			s = r.string()
		}
	})
	return s
}

func (r *wireReader) invite() (code Hash, expires Millis, uses uint32) {
	r.within(func() {
		switch r.field {
		case 1:
			r.fixed(code[:])
		case 2:
			expires = Millis(r.number)
		case 3:
			uses = uint32(r.number)
		}
	})
	return code, expires, uses
}

func (r *wireReader) device() (device string, push PushToken, off bool) {
	r.within(func() {
		switch r.field {
		case 1:
			device = r.string()
		case 2:
			push = r.pushToken()
		case 3:
			off = r.bool()
		}
	})
	return device, push, off
}

func (r *wireReader) create() (op Create) {
	r.within(func() {
		switch r.field {
		case 1:
			op.Kind = Kind(r.number)
		case 2:
			op.Members = append(op.Members, r.member())
		case 3:
			op.Policy = r.policy()
		case 4:
			op.Base = Seq(r.number)
		case 5:
			op.Title = r.string()
		case 6:
			op.Text = r.string()
		}
	})
	return op
}

// seq reads a message that holds nothing but a seq.
func (r *wireReader) seq() (s Seq) {
	r.within(func() {
		if r.field == 1 {
			s = Seq(r.number)
		}
	})
	return s
}

// opBody gives the operation's body, if it has one.
func opBody(op Op) Body {
	switch op := op.(type) {
	case Send:
		return op.Body
	case Override:
		return op.Body
	case Create, Add, Remove, Join, Leave, Revoke, Delete, MarkRead, SetInfo, SetPolicy, SetRole, Mute, Dismiss, Ask, Refuse,
		Invite, Uninvite, React, Pin, MarkDelivered, Contact, Report, Hide, SetSession, SetDevice, SetPrivacy, SetNotifications, ForgetPush, SetProfile, CloseAccount, Audit,
		SignUp, SignIn, SignOut, Ban, Unban, nil:
	}
	return Body{}
}
