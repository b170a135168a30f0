package events

func (w *wireWriter) audit(a Audit) {
	wireString(w, 1, a.What)
	wireString(w, 2, a.About)
	w.uint(3, uint64(a.Seq))
	wireString(w, 4, a.Reason)
}

func (r *wireReader) audit() (a Audit) {
	r.within(func() {
		switch r.field {
		case 1:
			a.What = r.string()
		case 2:
			a.About = r.string()
		case 3:
			a.Seq = Seq(r.number)
		case 4:
			a.Reason = r.string()
		}
	})
	return a
}
