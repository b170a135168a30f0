package events

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

func (w *wireWriter) outcome(o *Outcome) {
	w.bytes(1, o.ID[:])
	wireString(w, 2, o.Session)
	actor := w.begin(3)
	w.actor(o.Actor)
	w.end(actor)
	wireString(w, 4, o.ClientID)
	w.bytes(5, o.Digest[:])
	client := w.begin(6)
	w.client(o.Client)
	w.end(client)
	if o.ReplyTo != (ReplyTo{}) {
		reply := w.begin(7)
		w.replyTo(o.ReplyTo)
		w.end(reply)
	}
	w.uint(8, uint64(o.Origin))
	w.uint(9, uint64(o.Time))
	w.bytes(10, o.PrevHash[:])
	switch r := o.Result.(type) {
	case Accepted:
		m := w.begin(20)
		w.uint(1, uint64(r.Seq))
		w.event(r.Event)
		w.end(m)
	case Rejected:
		m := w.begin(21)
		w.rejected(&r)
		w.end(m)
	case Answered:
		m := w.begin(22)
		w.answered(&r)
		w.end(m)
	case nil:
		w.err = errors.New("the outcome has no result")
	}
}

func (w *wireWriter) rejected(r *Rejected) {
	wireString(w, 1, r.Code)
	wireString(w, 2, r.Detail)
	w.uint(3, uint64(r.Seq))
	if r.Command != nil {
		command := w.begin(4)
		w.command(r.Command)
		w.end(command)
	}
	for _, s := range r.Skipped {
		one := w.begin(5)
		w.skipped(s)
		w.end(one)
	}
}

func (w *wireWriter) answered(r *Answered) {
	wireString(w, 1, r.Code)
	w.uint(2, uint64(r.Earlier.Seq))
	w.uint(3, uint64(r.Earlier.Index))
	if r.Earlier.ID != (ID{}) {
		w.bytes(4, r.Earlier.ID[:])
	}
	w.uint(5, uint64(r.Earlier.Time))
	wireString(w, 6, r.Earlier.Code)
}

func (w *wireWriter) event(e Event) {
	switch e := e.(type) {
	case Created:
		m := w.begin(10)
		w.uint(1, uint64(e.Kind))
		w.uint(2, uint64(e.Base))
		policy := w.begin(3)
		w.policy(e.Policy)
		w.end(policy)
		w.members(4, e.Members)
		wireString(w, 5, e.Title)
		wireString(w, 6, e.Text)
		w.uint(7, uint64(e.Contact))
		w.end(m)
	case Added:
		m := w.begin(11)
		w.members(1, e.Members)
		w.allSkipped(e.Skipped)
		w.end(m)
	case Removed:
		m := w.begin(12)
		w.userList(1, e.Users)
		w.allSkipped(e.Skipped)
		wireString(w, 3, e.Promoted)
		w.bool(4, e.Closed)
		w.end(m)
	case Joined:
		m := w.begin(13)
		w.hash(1, e.Invite)
		w.end(m)
	case Left:
		m := w.begin(14)
		wireString(w, 1, e.Promoted)
		w.bool(2, e.Closed)
		w.end(m)
	case Sent:
		m := w.begin(15)
		w.uint(1, uint64(e.Index))
		body := w.begin(2)
		w.body(e.Body)
		w.end(body)
		w.refs(3, &e.Refs)
		w.end(m)
	case Revoked:
		w.target(16, e.Target, e.TargetIndex)
	case Overridden:
		m := w.begin(17)
		w.uint(1, uint64(e.Target))
		w.uint(2, uint64(e.TargetIndex))
		body := w.begin(3)
		w.body(e.Body)
		w.end(body)
		w.end(m)
	case Deleted:
		m := w.begin(18)
		w.uint(1, uint64(e.Target))
		w.uint(2, uint64(e.TargetIndex))
		wireString(w, 3, e.Reason)
		w.end(m)
	case Read:
		w.target(19, e.Marker, e.MarkerIndex)
	case nil:
		w.err = errors.New("the outcome is accepted without an event")
	case AccountClosed, Asked, Audited, Banned, ContactChanged, Delivered, DeviceSet, ProfileSet, PrivacySet, NotificationsSet, PushForgotten, Dismissed, Hidden, InfoSet, Invited, Muted, Pinned, PolicySet,
		Reacted, Refused, Reported, RoleSet, SessionSet, SignedIn, SignedOut, SignedUp, Unbanned, Uninvited:
		w.laterEvent(e)
	}
}

func (w *wireWriter) allSkipped(all []Skipped) {
	for _, s := range all {
		one := w.begin(2)
		w.skipped(s)
		w.end(one)
	}
}

// target writes an event that holds nothing but a message's numbers.
func (w *wireWriter) target(field protowire.Number, s Seq, i Index) {
	m := w.begin(field)
	w.uint(1, uint64(s))
	w.uint(2, uint64(i))
	w.end(m)
}

func (r *wireReader) outcome() (o Outcome) {
	var id, digest, prev bool
	for r.next() {
		switch r.field {
		case 1:
			r.fixed(o.ID[:])
			id = true
		case 2:
			o.Session = SessionID(r.string())
		case 3:
			o.Actor = r.actor()
		case 4:
			o.ClientID = r.string()
		case 5:
			r.fixed(o.Digest[:])
			digest = true
		case 6:
			o.Client = r.client()
		case 7:
			o.ReplyTo = r.replyTo()
		case 8:
			o.Origin = Millis(r.number)
		case 9:
			o.Time = Millis(r.number)
		case 10:
			r.fixed(o.PrevHash[:])
			prev = true
		case 20:
			o.Result = r.accepted()
		case 21:
			o.Result = r.rejected()
		case 22:
			o.Result = r.answered()
		}
	}
	switch {
	case !id || !digest || !prev:
		r.fail(errors.New("id, digest or prev_hash is missing"))
	case o.Result == nil:
		r.fail(&TypeError{Type: "result"})
	}
	return o
}

func (r *wireReader) accepted() (a Accepted) {
	r.within(func() {
		if r.field == 1 {
			a.Seq = Seq(r.number)
			return
		}
		r.event(&a.Event)
	})
	if a.Event == nil {
		r.fail(&TypeError{Type: "event"})
	}
	return a
}

func (r *wireReader) rejected() (j Rejected) {
	r.within(func() {
		switch r.field {
		case 1:
			j.Code = Code(r.string())
		case 2:
			j.Detail = r.string()
		case 3:
			j.Seq = Seq(r.number)
		case 4:
			var c Command
			r.within(func() { r.commandField(&c) })
			j.Command = &c
		case 5:
			j.Skipped = append(j.Skipped, r.skipped())
		}
	})
	return j
}

func (r *wireReader) answered() (a Answered) {
	r.within(func() {
		switch r.field {
		case 1:
			a.Code = Code(r.string())
		case 2:
			a.Earlier.Seq = Seq(r.number)
		case 3:
			a.Earlier.Index = Index(r.number)
		case 4:
			copy(a.Earlier.ID[:], r.data)
		case 5:
			a.Earlier.Time = Millis(r.number)
		case 6:
			a.Earlier.Code = Code(r.string())
		}
	})
	return a
}

func (r *wireReader) event(to *Event) {
	switch r.field {
	case 10:
		*to = r.created()
	case 11:
		var e Added
		r.within(func() {
			switch r.field {
			case 1:
				e.Members = append(e.Members, r.member())
			case 2:
				e.Skipped = append(e.Skipped, r.skipped())
			}
		})
		*to = e
	case 12:
		*to = r.removed()
	case 13:
		var e Joined
		r.within(func() {
			if r.field == 1 {
				r.fixed(e.Invite[:])
			}
		})
		*to = e
	case 14:
		var e Left
		r.within(func() {
			switch r.field {
			case 1:
				e.Promoted = UserID(r.string())
			case 2:
				e.Closed = r.bool()
			}
		})
		*to = e
	case 15:
		var e Sent
		r.within(func() {
			switch r.field {
			case 1:
				e.Index = Index(r.number)
			case 2:
				e.Body = r.body()
			case 3:
				e.Refs = r.refs()
			}
		})
		*to = e
		r.check(e.Body.readable())
	case 16:
		s, i := r.target()
		*to = Revoked{Target: s, TargetIndex: i}
	case 17:
		var e Overridden
		r.within(func() {
			switch r.field {
			case 1:
				e.Target = Seq(r.number)
			case 2:
				e.TargetIndex = Index(r.number)
			case 3:
				e.Body = r.body()
			}
		})
		*to = e
		r.check(e.Body.readable())
	case 18:
		s, i, reason, _ := r.targetWith()
		*to = Deleted{Target: s, TargetIndex: i, Reason: reason}
	case 19:
		s, i := r.target()
		*to = Read{Marker: s, MarkerIndex: i}
	default:
		r.laterEvent(to)
	}
}

func (r *wireReader) created() (e Created) {
	r.within(func() {
		switch r.field {
		case 1:
			e.Kind = Kind(r.number)
		case 2:
			e.Base = Seq(r.number)
		case 3:
			e.Policy = r.policy()
		case 4:
			e.Members = append(e.Members, r.member())
		case 5:
			e.Title = r.string()
		case 6:
			e.Text = r.string()
		case 7:
			e.Contact = ContactState(r.number)
		}
	})
	return e
}

func (r *wireReader) removed() (e Removed) {
	r.within(func() {
		switch r.field {
		case 1:
			e.Users = append(e.Users, UserID(r.string()))
		case 2:
			e.Skipped = append(e.Skipped, r.skipped())
		case 3:
			e.Promoted = UserID(r.string())
		case 4:
			e.Closed = r.bool()
		}
	})
	return e
}

func (r *wireReader) target() (s Seq, i Index) {
	r.within(func() {
		switch r.field {
		case 1:
			s = Seq(r.number)
		case 2:
			i = Index(r.number)
		}
	})
	return s, i
}

// resultBody gives the body that takes the most room in a result.
func resultBody(r Result) Body {
	switch r := r.(type) {
	case Accepted:
		switch e := r.Event.(type) {
		case Sent:
			return e.Body
		case Overridden:
			return e.Body
		case Created, Added, Removed, Joined, Left, Revoked, Deleted, Read, InfoSet, PolicySet, RoleSet, Muted, Dismissed, Asked,
			Refused, Invited, Uninvited, Reacted, Pinned, Delivered, ContactChanged, Reported, Hidden, SessionSet, DeviceSet, ProfileSet, PrivacySet, NotificationsSet, PushForgotten, AccountClosed,
			Audited, SignedUp, SignedIn, SignedOut, Banned, Unbanned, nil:
		}
	case Rejected:
		if r.Command != nil {
			return opBody(r.Command.Op)
		}
	case Answered, nil:
	}
	return Body{}
}
