package events

import "google.golang.org/protobuf/encoding/protowire"

func (w *wireWriter) policyChange(c *PolicyChange) {
	wireOptional(w, 1, c.RevokeWindow)
	wireOptional(w, 2, c.OverrideWindow)
	w.uint(3, uint64(c.History))
	w.uint(4, uint64(c.MemberLimit))
	w.uint(5, uint64(c.AddRole))
	w.uint(6, uint64(c.WriteRole))
	w.uint(7, uint64(c.Joining))
	wireOptional(w, 8, c.ReceiptsLimit)
	w.uint(9, uint64(c.InfoRole))
	w.uint(10, uint64(c.PinRole))
	w.uint(11, uint64(c.MentionAllRole))
}

func (r *wireReader) policyChange() (c PolicyChange) {
	r.within(func() {
		switch r.field {
		case 1:
			c.RevokeWindow = new(Millis(r.number))
		case 2:
			c.OverrideWindow = new(Millis(r.number))
		case 3:
			c.History = History(r.number)
		case 4:
			c.MemberLimit = uint32(r.number)
		case 5:
			c.AddRole = Role(r.number)
		case 6:
			c.WriteRole = Role(r.number)
		case 7:
			c.Joining = Joining(r.number)
		case 8:
			c.ReceiptsLimit = new(uint32(r.number))
		case 9:
			c.InfoRole = Role(r.number)
		case 10:
			c.PinRole = Role(r.number)
		case 11:
			c.MentionAllRole = Role(r.number)
		}
	})
	return c
}

func (w *wireWriter) infoChange(c *InfoChange) {
	w.optionalString(1, c.Title)
	w.optionalString(2, c.Avatar)
	w.optionalString(3, c.Notice)
	w.optionalString(4, c.Description)
	w.customFields(5, c.Custom)
}

func (r *wireReader) infoChange() (c InfoChange) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Title = new(r.string())
		case 2:
			c.Avatar = new(r.string())
		case 3:
			c.Notice = new(r.string())
		case 4:
			c.Description = new(r.string())
		case 5:
			c.Custom = append(c.Custom, r.customField())
		}
	})
	return c
}

func (w *wireWriter) customFields(field protowire.Number, fields []CustomField) {
	for _, f := range fields {
		one := w.begin(field)
		wireString(w, 1, f.Name)
		wireString(w, 2, f.Value)
		w.end(one)
	}
}

func (r *wireReader) customField() (f CustomField) {
	r.within(func() {
		switch r.field {
		case 1:
			f.Name = r.string()
		case 2:
			f.Value = r.string()
		}
	})
	return f
}

func (w *wireWriter) settingsChange(c *SettingsChange) {
	wireOptional(w, 1, c.MuteUntil)
	w.optionalBool(2, c.Pinned)
	w.optionalBool(3, c.Hidden)
	w.optionalString(4, c.Draft)
	w.optionalBool(5, c.Unread)
}

func (r *wireReader) settingsChange() (c SettingsChange) {
	r.within(func() {
		switch r.field {
		case 1:
			c.MuteUntil = new(Millis(r.number))
		case 2:
			c.Pinned = new(r.bool())
		case 3:
			c.Hidden = new(r.bool())
		case 4:
			c.Draft = new(r.string())
		case 5:
			c.Unread = new(r.bool())
		}
	})
	return c
}

func (w *wireWriter) refs(field protowire.Number, r *Refs) {
	if r.IsZero() {
		return
	}
	m := w.begin(field)
	w.uint(1, uint64(r.ReplyTo))
	w.uint(2, uint64(r.Thread))
	for _, u := range r.Mentions {
		wireElement(w, 3, u)
	}
	w.bool(4, r.MentionAll)
	w.uint(5, uint64(r.Priority))
	w.end(m)
}

func (r *wireReader) refs() (refs Refs) {
	r.within(func() {
		switch r.field {
		case 1:
			refs.ReplyTo = Seq(r.number)
		case 2:
			refs.Thread = Seq(r.number)
		case 3:
			refs.Mentions = append(refs.Mentions, UserID(r.string()))
		case 4:
			refs.MentionAll = r.bool()
		case 5:
			refs.Priority = Priority(r.number)
		}
	})
	return refs
}

func (w *wireWriter) pushToken(field protowire.Number, p PushToken) {
	if p == (PushToken{}) {
		return
	}
	m := w.begin(field)
	wireString(w, 1, p.Service)
	wireString(w, 2, p.Package)
	wireString(w, 3, p.Token)
	wireString(w, 4, p.AppVersion)
	wireString(w, 5, p.Locale)
	w.end(m)
}

func (r *wireReader) pushToken() (p PushToken) {
	r.within(func() {
		switch r.field {
		case 1:
			p.Service = r.string()
		case 2:
			p.Package = r.string()
		case 3:
			p.Token = r.string()
		case 4:
			p.AppVersion = r.string()
		case 5:
			p.Locale = r.string()
		}
	})
	return p
}

// hash writes one that is not zeros.
func (w *wireWriter) hash(field protowire.Number, h Hash) {
	if h != (Hash{}) {
		w.bytes(field, h[:])
	}
}

func (w *wireWriter) userList(field protowire.Number, users []UserID) {
	for _, u := range users {
		wireElement(w, field, u)
	}
}
