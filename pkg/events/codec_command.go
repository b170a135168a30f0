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
		w.end(m)
	case Add:
		m := w.begin(11)
		w.members(1, op.Members)
		w.end(m)
	case Remove:
		m := w.begin(12)
		for _, u := range op.Users {
			wireElement(w, 1, u)
		}
		w.end(m)
	case Join:
		w.empty(13)
	case Leave:
		w.empty(14)
	case Send:
		m := w.begin(15)
		body := w.begin(1)
		w.body(op.Body)
		w.end(body)
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
		w.end(m)
	case MarkRead:
		m := w.begin(19)
		w.uint(1, uint64(op.Seq))
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
		r.within(func() {})
		*to = Join{}
	case 14:
		r.within(func() {})
		*to = Leave{}
	case 15:
		var op Send
		r.within(func() {
			if r.field == 1 {
				op.Body = r.body()
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
		*to = Delete{Seq: r.seq()}
	case 19:
		*to = MarkRead{Seq: r.seq()}
	}
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
	case Create, Add, Remove, Join, Leave, Revoke, Delete, MarkRead, nil:
	}
	return Body{}
}
