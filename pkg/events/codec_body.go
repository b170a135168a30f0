package events

import "google.golang.org/protobuf/encoding/protowire"

func (w *wireWriter) sealed(s *Sealed) {
	wireString(w, 1, s.KeyID)
	w.bytes(2, s.Nonce)
	w.bytes(3, s.Ciphertext)
}

func (r *wireReader) sealed() *Sealed {
	s := &Sealed{}
	r.within(func() {
		switch r.field {
		case 1:
			s.KeyID = r.string()
		case 2:
			s.Nonce = r.bytes()
		case 3:
			s.Ciphertext = r.bytes()
		}
	})
	return s
}

func (w *wireWriter) body(b Body) {
	w.bytes(3, b.MAC) // before the oneof, where Go's protobuf puts it
	switch {
	case b.Sealed != nil:
		form := w.begin(2)
		w.sealed(b.Sealed)
		w.end(form)
	case b.Plain != nil:
		plain := w.begin(1)
		w.content(b.Plain)
		w.end(plain)
	}
}

func (r *wireReader) body() (b Body) {
	r.within(func() {
		switch r.field {
		case 1:
			b.Plain, b.Sealed = r.content(true), nil
		case 2:
			b.Plain, b.Sealed = nil, r.sealed()
		case 3:
			b.MAC = r.bytes()
		}
	})
	return b
}

// readable says whether this program knows what a body read holds.
func (b *Body) readable() error {
	if b.Plain == nil && b.Sealed == nil {
		return &TypeError{Type: "body"}
	}
	return nil
}

func (w *wireWriter) client(c ClientContext) {
	wireString(w, 1, c.Device)
	wireString(w, 2, c.Version)
	switch {
	case c.Address.Sealed != nil:
		address := w.begin(3)
		form := w.begin(2)
		w.sealed(c.Address.Sealed)
		w.end(form)
		w.end(address)
	case c.Address.Plain != "":
		address := w.begin(3)
		wireString(w, 1, c.Address.Plain)
		w.end(address)
	}
}

func (r *wireReader) client() (c ClientContext) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Device = r.string()
		case 2:
			c.Version = r.string()
		case 3:
			c.Address = r.address()
		}
	})
	return c
}

func (r *wireReader) address() (a Address) {
	known := false
	r.within(func() {
		switch r.field {
		case 1:
			a, known = Address{Plain: r.string()}, true
		case 2:
			a, known = Address{Sealed: r.sealed()}, true
		}
	})
	if !known {
		r.fail(&TypeError{Type: "address"})
	}
	return a
}

func (w *wireWriter) actor(a Actor) {
	wireString(w, 1, a.User)
	wireString(w, 2, a.Service)
}

func (r *wireReader) actor() (a Actor) {
	r.within(func() {
		switch r.field {
		case 1:
			a.User = UserID(r.string())
		case 2:
			a.Service = r.string()
		}
	})
	return a
}

func (w *wireWriter) replyTo(p ReplyTo) {
	wireString(w, 1, p.Instance)
	w.uint(2, p.Request)
}

func (r *wireReader) replyTo() (p ReplyTo) {
	r.within(func() {
		switch r.field {
		case 1:
			p.Instance = r.string()
		case 2:
			p.Request = r.number
		}
	})
	return p
}

func (w *wireWriter) policy(p Policy) {
	w.uint(1, uint64(p.RevokeWindow))
	w.uint(2, uint64(p.OverrideWindow))
	w.uint(3, uint64(p.History))
	w.uint(4, uint64(p.MemberLimit))
	w.uint(5, uint64(p.AddRole))
	w.uint(6, uint64(p.WriteRole))
	w.uint(7, uint64(p.Joining))
	w.uint(8, uint64(p.ReceiptsLimit))
	w.uint(9, uint64(p.InfoRole))
	w.uint(10, uint64(p.PinRole))
	w.uint(11, uint64(p.MentionAllRole))
}

func (r *wireReader) policy() (p Policy) {
	r.within(func() {
		switch r.field {
		case 1:
			p.RevokeWindow = Millis(r.number)
		case 2:
			p.OverrideWindow = Millis(r.number)
		case 3:
			p.History = History(r.number)
		case 4:
			p.MemberLimit = uint32(r.number)
		case 5:
			p.AddRole = Role(r.number)
		case 6:
			p.WriteRole = Role(r.number)
		case 7:
			p.Joining = Joining(r.number)
		case 8:
			p.ReceiptsLimit = uint32(r.number)
		case 9:
			p.InfoRole = Role(r.number)
		case 10:
			p.PinRole = Role(r.number)
		case 11:
			p.MentionAllRole = Role(r.number)
		}
	})
	return p
}

func (w *wireWriter) members(field protowire.Number, ms []NewMember) {
	for _, m := range ms {
		one := w.begin(field)
		wireString(w, 1, m.User)
		w.uint(2, uint64(m.Role))
		w.end(one)
	}
}

func (r *wireReader) member() (m NewMember) {
	r.within(func() {
		switch r.field {
		case 1:
			m.User = UserID(r.string())
		case 2:
			m.Role = Role(r.number)
		}
	})
	return m
}

func (w *wireWriter) skipped(s Skipped) {
	wireString(w, 1, s.User)
	wireString(w, 2, s.Code)
}

func (r *wireReader) skipped() (s Skipped) {
	r.within(func() {
		switch r.field {
		case 1:
			s.User = UserID(r.string())
		case 2:
			s.Code = Code(r.string())
		}
	})
	return s
}
