package events

import (
	"errors"
	"fmt"
)

// EncodeRow gives a row's stored bytes.
func EncodeRow(r Row) ([]byte, error) {
	w := wireWriter{b: make([]byte, 0, 128)}
	switch r := r.(type) {
	case Head:
		w.head(&r)
	case Member:
		w.memberRow(&r)
	case Standing:
	case Message:
		w.uint(1, uint64(r.Index))
		w.bytes(2, r.ID[:])
		wireString(&w, 3, r.Sender)
		w.uint(4, uint64(r.Time))
		w.uint(5, uint64(r.Revoked))
		w.uint(6, uint64(r.Deleted))
		w.uint(7, uint64(r.Overridden))
		w.uint(8, uint64(r.Thread))
		w.bool(9, r.Pinned)
	case Place:
		w.uint(1, uint64(r.Index))
	case ClientID:
		w.bytes(1, r.Digest[:])
		wireString(&w, 2, r.Code)
		w.uint(3, uint64(r.Seq))
		w.uint(4, uint64(r.Index))
		w.bytes(5, r.ID[:])
		w.uint(6, uint64(r.Time))
	case Info:
		wireString(&w, 1, r.Avatar)
		wireString(&w, 2, r.Notice)
		wireString(&w, 3, r.Description)
		w.customFields(4, r.Custom)
	case AskRow:
		w.uint(1, uint64(r.Seq))
	case InviteRow:
		w.uint(1, uint64(r.Expires))
		w.uint(2, uint64(r.Uses))
		w.uint(3, uint64(r.Used))
	case Noted:
	case EmojiRow:
		w.uint(1, uint64(r.Count))
	case SettingsRow:
		w.settingsRow(&r.Settings)
	case DeviceRow:
		w.pushToken(1, r.Push)
		w.uint(2, uint64(r.Since))
	case LoginRow:
		wireString(&w, 1, r.Login)
		wireString(&w, 2, r.Kind)
		wireString(&w, 3, r.Client)
		w.uint(4, uint64(r.Seq))
		w.uint(5, uint64(r.Since))
	case Profile:
		w.profile(1, &r)
	case Privacy:
		w.privacy(1, r)
	case Notifications:
		w.notifications(1, &r)
	case nil:
		w.err = errors.New("no row")
	}
	return w.done()
}

func (w *wireWriter) head(h *Head) {
	w.uint(1, uint64(h.Kind))
	w.uint(2, uint64(h.Base))
	w.uint(3, uint64(h.Seq))
	w.uint(4, uint64(h.Index))
	w.uint(5, uint64(h.Members))
	policy := w.begin(6)
	w.policy(h.Policy)
	w.end(policy)
	w.bool(7, h.Closed)
	wireString(w, 8, h.Title)
	w.bytes(9, h.Hash[:])
	w.uint(10, uint64(h.Created))
	w.uint(11, uint64(h.MutedUntil))
	w.uint(12, uint64(h.Contact))
	wireString(w, 13, h.ContactBy)
	w.uint(14, uint64(h.Blocks))
	w.uint(15, uint64(h.Pins))
	w.uint(16, uint64(h.Asks))
	w.uint(17, uint64(h.Invites))
	w.uint(18, uint64(h.Devices))
	w.uint(25, uint64(h.Logins))
	w.uint(26, uint64(h.SignIns))
	w.bool(27, h.SignedUp)
	w.bool(28, h.Banned)
}

// settingsRow leaves out what is as at the beginning.
func (w *wireWriter) settingsRow(s *Settings) {
	var c SettingsChange
	if s.MuteUntil != 0 {
		c.MuteUntil = &s.MuteUntil
	}
	if s.Pinned {
		c.Pinned = &s.Pinned
	}
	if s.Hidden {
		c.Hidden = &s.Hidden
	}
	if s.Draft != "" {
		c.Draft = &s.Draft
	}
	if s.Unread {
		c.Unread = &s.Unread
	}
	if c == (SettingsChange{}) {
		return
	}
	settings := w.begin(1)
	w.settingsChange(&c)
	w.end(settings)
}

func (w *wireWriter) memberRow(m *Member) {
	w.uint(1, uint64(m.Role))
	for _, s := range m.Stays {
		stay := w.begin(2)
		w.uint(1, uint64(s.From))
		w.uint(2, uint64(s.FromIndex))
		w.uint(3, uint64(s.To))
		w.uint(4, uint64(s.ToIndex))
		w.end(stay)
	}
	w.uint(3, uint64(m.Marker))
	w.uint(4, uint64(m.MarkerIndex))
	w.uint(5, uint64(m.Delivered))
	w.uint(6, uint64(m.DeliveredIndex))
	w.uint(7, uint64(m.MutedUntil))
	w.bool(8, m.Blocks)
}

// DecodeRow reads the stored bytes of the row of that key.
func DecodeRow(k Key, b []byte) (Row, error) {
	if k == "" {
		return nil, &DecodeError{errors.New("empty row key")}
	}
	var row Row
	r := readWire(b)
	switch k[0] {
	case HeadKey[0]:
		row = r.head()
	case 'm':
		row = r.memberRow()
	case 's':
		row = Standing{}
	case 'g':
		row = r.message()
	case 'p':
		var p Place
		for r.next() {
			if r.field == 1 {
				p.Index = Index(r.number)
			}
		}
		row = p
	case 'c':
		row = r.clientID()
	case InfoKey[0]:
		row = r.info()
	case 'a':
		var a AskRow
		for r.next() {
			if r.field == 1 {
				a.Seq = Seq(r.number)
			}
		}
		row = a
	case 'v':
		row = r.inviteRow()
	case 'e', 'r', 'x':
		row = Noted{}
	case 'n':
		var e EmojiRow
		for r.next() {
			if r.field == 1 {
				e.Count = uint32(r.number)
			}
		}
		row = e
	case 'o':
		var s SettingsRow
		for r.next() {
			if r.field == 1 {
				s.Settings = r.settingsChange().Of(s.Settings)
			}
		}
		row = s
	case 'd':
		row = r.deviceRow()
	case LoginPrefix[0]:
		row = r.loginRow()
	case ProfileKey[0]:
		row = r.profileRow()
	case PrivacyKey[0]:
		row = r.privacyRow()
	case NotificationsKey[0]:
		row = r.notificationsRow()
	default:
		return nil, &DecodeError{fmt.Errorf("row key %q", k)}
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return row, nil
}

func (r *wireReader) head() (h Head) {
	for r.next() {
		switch r.field {
		case 1:
			h.Kind = Kind(r.number)
		case 2:
			h.Base = Seq(r.number)
		case 3:
			h.Seq = Seq(r.number)
		case 4:
			h.Index = Index(r.number)
		case 5:
			h.Members = uint32(r.number)
		case 6:
			h.Policy = r.policy()
		case 7:
			h.Closed = r.bool()
		case 8:
			h.Title = r.string()
		case 9:
			copy(h.Hash[:], r.data)
		case 10:
			h.Created = Millis(r.number)
		case 11:
			h.MutedUntil = Millis(r.number)
		case 12:
			h.Contact = ContactState(r.number)
		case 13:
			h.ContactBy = UserID(r.string())
		case 14:
			h.Blocks = uint32(r.number)
		case 15:
			h.Pins = uint32(r.number)
		case 16:
			h.Asks = uint32(r.number)
		case 17:
			h.Invites = uint32(r.number)
		case 18:
			h.Devices = uint32(r.number)
		case 25:
			h.Logins = uint32(r.number)
		case 26:
			h.SignIns = uint32(r.number)
		case 27:
			h.SignedUp = r.bool()
		case 28:
			h.Banned = r.bool()
		}
	}
	return h
}

func (r *wireReader) memberRow() (m Member) {
	for r.next() {
		switch r.field {
		case 1:
			m.Role = Role(r.number)
		case 2:
			m.Stays = append(m.Stays, r.stay())
		case 3:
			m.Marker = Seq(r.number)
		case 4:
			m.MarkerIndex = Index(r.number)
		case 5:
			m.Delivered = Seq(r.number)
		case 6:
			m.DeliveredIndex = Index(r.number)
		case 7:
			m.MutedUntil = Millis(r.number)
		case 8:
			m.Blocks = r.bool()
		}
	}
	return m
}

func (r *wireReader) stay() (s Stay) {
	r.within(func() {
		switch r.field {
		case 1:
			s.From = Seq(r.number)
		case 2:
			s.FromIndex = Index(r.number)
		case 3:
			s.To = Seq(r.number)
		case 4:
			s.ToIndex = Index(r.number)
		}
	})
	return s
}

func (r *wireReader) message() (m Message) {
	for r.next() {
		switch r.field {
		case 1:
			m.Index = Index(r.number)
		case 2:
			copy(m.ID[:], r.data)
		case 3:
			m.Sender = UserID(r.string())
		case 4:
			m.Time = Millis(r.number)
		case 5:
			m.Revoked = Seq(r.number)
		case 6:
			m.Deleted = Seq(r.number)
		case 7:
			m.Overridden = Seq(r.number)
		case 8:
			m.Thread = Seq(r.number)
		case 9:
			m.Pinned = r.bool()
		}
	}
	return m
}

func (r *wireReader) info() (i Info) {
	for r.next() {
		switch r.field {
		case 1:
			i.Avatar = r.string()
		case 2:
			i.Notice = r.string()
		case 3:
			i.Description = r.string()
		case 4:
			i.Custom = append(i.Custom, r.customField())
		}
	}
	return i
}

func (r *wireReader) inviteRow() (v InviteRow) {
	for r.next() {
		switch r.field {
		case 1:
			v.Expires = Millis(r.number)
		case 2:
			v.Uses = uint32(r.number)
		case 3:
			v.Used = uint32(r.number)
		}
	}
	return v
}

func (r *wireReader) clientID() (c ClientID) {
	for r.next() {
		switch r.field {
		case 1:
			copy(c.Digest[:], r.data)
		case 2:
			c.Code = Code(r.string())
		case 3:
			c.Seq = Seq(r.number)
		case 4:
			c.Index = Index(r.number)
		case 5:
			copy(c.ID[:], r.data)
		case 6:
			c.Time = Millis(r.number)
		}
	}
	return c
}
