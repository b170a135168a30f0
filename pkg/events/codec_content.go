package events

import "errors"

// content writes one into the message that holds it.
func (w *wireWriter) content(c Content) {
	switch c := c.(type) {
	case Text:
		m := w.begin(1)
		wireString(w, 1, c)
		w.end(m)
	case Media:
		m := w.begin(2)
		w.media(&c)
		w.end(m)
	case Location:
		m := w.begin(3)
		w.uint(1, uint64(int64(c.LatitudeE7)))
		w.uint(2, uint64(int64(c.LongitudeE7)))
		wireString(w, 3, c.Name)
		wireString(w, 4, c.Address)
		w.end(m)
	case Card:
		m := w.begin(4)
		wireString(w, 1, c.User)
		wireString(w, 2, c.Session)
		wireString(w, 3, c.Name)
		wireString(w, 4, c.Avatar)
		w.end(m)
	case Forward:
		m := w.begin(5)
		w.forward(&c)
		w.end(m)
	case Custom:
		m := w.begin(6)
		wireString(w, 1, c.Type)
		wireString(w, 2, c.JSON)
		w.end(m)
	case nil:
		w.err = errors.New("no content")
	}
}

func (w *wireWriter) media(c *Media) {
	w.uint(1, uint64(c.Kind))
	wireString(w, 2, c.URL)
	wireString(w, 3, c.Name)
	wireString(w, 4, c.MIMEType)
	w.uint(5, c.Bytes)
	w.uint(6, uint64(c.Width))
	w.uint(7, uint64(c.Height))
	w.uint(8, uint64(c.Duration))
	w.bytes(9, c.Preview)
	wireString(w, 10, c.Caption)
}

func (w *wireWriter) forward(c *Forward) {
	wireString(w, 1, c.Title)
	for _, m := range c.Messages {
		if _, nested := m.Content.(Forward); nested {
			w.err = errors.New("a forward within a forward")
			return
		}
		one := w.begin(2)
		wireString(w, 1, m.User)
		wireString(w, 2, m.Name)
		w.uint(3, uint64(m.Time))
		content := w.begin(4)
		w.content(m.Content)
		w.end(content)
		w.end(one)
	}
}

// content reads one; nil for a kind that this program does not know. Forwards hold no
// forwards, so reading goes to no depth.
func (r *wireReader) content(mayForward bool) (c Content) {
	r.within(func() {
		switch r.field {
		case 1:
			text := Text("")
			r.within(func() {
				if r.field == 1 {
					text = Text(r.string())
				}
			})
			c = text
		case 2:
			c = r.media()
		case 3:
			c = r.location()
		case 4:
			c = r.card()
		case 5:
			if mayForward {
				c = r.forward()
			} else {
				c = nil
			}
		case 6:
			c = r.custom()
		}
	})
	return c
}

func (r *wireReader) media() (c Media) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Kind = MediaKind(r.number)
		case 2:
			c.URL = r.string()
		case 3:
			c.Name = r.string()
		case 4:
			c.MIMEType = r.string()
		case 5:
			c.Bytes = r.number
		case 6:
			c.Width = uint32(r.number)
		case 7:
			c.Height = uint32(r.number)
		case 8:
			c.Duration = uint32(r.number)
		case 9:
			c.Preview = r.bytes()
		case 10:
			c.Caption = r.string()
		}
	})
	return c
}

func (r *wireReader) location() (c Location) {
	r.within(func() {
		switch r.field {
		case 1:
			c.LatitudeE7 = int32(r.number)
		case 2:
			c.LongitudeE7 = int32(r.number)
		case 3:
			c.Name = r.string()
		case 4:
			c.Address = r.string()
		}
	})
	return c
}

func (r *wireReader) card() (c Card) {
	r.within(func() {
		switch r.field {
		case 1:
			c.User = UserID(r.string())
		case 2:
			c.Session = SessionID(r.string())
		case 3:
			c.Name = r.string()
		case 4:
			c.Avatar = r.string()
		}
	})
	return c
}

func (r *wireReader) forward() (c Forward) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Title = r.string()
		case 2:
			c.Messages = append(c.Messages, r.forwarded())
		}
	})
	return c
}

func (r *wireReader) forwarded() (m Forwarded) {
	r.within(func() {
		switch r.field {
		case 1:
			m.User = UserID(r.string())
		case 2:
			m.Name = r.string()
		case 3:
			m.Time = Millis(r.number)
		case 4:
			m.Content = r.content(false)
		}
	})
	if m.Content == nil {
		r.fail(&TypeError{Type: "forwarded content"})
	}
	return m
}

func (r *wireReader) custom() (c Custom) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Type = r.string()
		case 2:
			c.JSON = r.string()
		}
	})
	return c
}
