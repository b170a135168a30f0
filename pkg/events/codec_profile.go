package events

import "google.golang.org/protobuf/encoding/protowire"

// What users say of themselves and let others do, in commands, events, rows and the hot view alike.

func (w *wireWriter) profileChange(field protowire.Number, c *ProfileChange) {
	m := w.begin(field)
	w.optionalString(1, c.Name)
	w.optionalString(2, c.Avatar)
	w.optionalString(3, c.Status)
	w.customFields(4, c.Custom)
	w.end(m)
}

func (r *wireReader) profileOp(to *Op) {
	switch r.field {
	case 50:
		var op SetProfile
		r.within(func() {
			if r.field == 1 {
				op.Profile = r.profileChange()
			}
		})
		*to = op
	case 51:
		*to = SetPrivacy{Privacy: r.onlyPrivacy()}
	}
}

func (r *wireReader) profileChange() (c ProfileChange) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Name = new(r.string())
		case 2:
			c.Avatar = new(r.string())
		case 3:
			c.Status = new(r.string())
		case 4:
			c.Custom = append(c.Custom, r.customField())
		}
	})
	return c
}

func (r *wireReader) profileEvent(to *Event) {
	switch r.field {
	case 50:
		var e ProfileSet
		r.within(func() {
			if r.field == 1 {
				e.Profile = r.profile()
			}
		})
		*to = e
	case 51:
		*to = PrivacySet{Privacy: r.onlyPrivacy()}
	}
}

func (w *wireWriter) profile(field protowire.Number, p *Profile) {
	m := w.begin(field)
	wireString(w, 1, p.Name)
	wireString(w, 2, p.Avatar)
	wireString(w, 3, p.Status)
	w.customFields(4, p.Custom)
	w.end(m)
}

func (r *wireReader) profile() (p Profile) {
	r.within(func() {
		switch r.field {
		case 1:
			p.Name = r.string()
		case 2:
			p.Avatar = r.string()
		case 3:
			p.Status = r.string()
		case 4:
			p.Custom = append(p.Custom, r.customField())
		}
	})
	return p
}

func (w *wireWriter) privacy(field protowire.Number, p Privacy) {
	m := w.begin(field)
	w.uint(1, uint64(p.LastSeen))
	w.uint(2, uint64(p.AddMe))
	w.uint(3, uint64(p.WriteFirst))
	w.end(m)
}

// onlyPrivacy reads a message that holds nothing but a privacy.
func (r *wireReader) onlyPrivacy() (p Privacy) {
	r.within(func() {
		if r.field == 1 {
			p = r.privacy()
		}
	})
	return p
}

func (r *wireReader) privacy() (p Privacy) {
	r.within(func() {
		switch r.field {
		case 1:
			p.LastSeen = Audience(r.number)
		case 2:
			p.AddMe = Audience(r.number)
		case 3:
			p.WriteFirst = Audience(r.number)
		}
	})
	return p
}

func (w *wireWriter) wishes(field protowire.Number, all []Wish) {
	for _, wish := range all {
		one := w.begin(field)
		wireString(w, 1, wish.User)
		w.uint(2, uint64(wish.Lets))
		w.bool(3, wish.Contact)
		w.end(one)
	}
}

func (r *wireReader) wish() (w Wish) {
	r.within(func() {
		switch r.field {
		case 1:
			w.User = UserID(r.string())
		case 2:
			w.Lets = Audience(r.number)
		case 3:
			w.Contact = r.bool()
		}
	})
	return w
}

func (r *wireReader) profileRow() (p Profile) {
	for r.next() {
		if r.field == 1 {
			p = r.profile()
		}
	}
	return p
}

func (r *wireReader) privacyRow() (p Privacy) {
	for r.next() {
		if r.field == 1 {
			p = r.privacy()
		}
	}
	return p
}
