package session

import "annal/pkg/events"

// send says something. The policy's WriteRole says who may; the two of a direct session may
// while they are contacts. An own message is read: the sender's marker moves to it. Of the
// people it mentions those are kept who are in.
type send struct{ events.Send }

func (send) gate() gate { return gate{members: true} }

func (op send) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	for _, seq := range []events.Seq{op.Refs.ReplyTo, op.Refs.Thread} {
		if seq != 0 {
			needs = needMessage(needs, seq)
		}
	}
	return needMembers(needs, op.Refs.Mentions[:min(len(op.Refs.Mentions), events.MaxMentions)])
}

func (op send) decide(s *scene) events.Result {
	if code := s.mayWrite(); code != "" {
		return reject(code)
	}
	refs := op.Refs
	if refs.MentionAll && !s.head.Policy.MayMentionAll(s.me.Role) {
		return reject(events.CodeNotAllowed)
	}
	if refs.ReplyTo != 0 {
		if _, code := s.shown(refs.ReplyTo); code != "" {
			return rejectTarget(code, refs.ReplyTo)
		}
	}
	if refs.Thread != 0 {
		root, ok := s.target(refs.Thread)
		switch {
		case !ok:
			return rejectTarget(events.CodeNoSuchMessage, refs.Thread)
		case root.Deleted != 0:
			return rejectTarget(events.CodeMessageDeleted, refs.Thread)
		case root.Thread != 0:
			return rejectTarget(events.CodeInvalidArgument, root.Thread) // that is where it begins
		}
	}
	refs.Mentions = nil
	for u := range once(op.Refs.Mentions) {
		if memberOf(s.rows, u).In() {
			refs.Mentions = append(refs.Mentions, u)
		}
	}
	return s.accept(events.Sent{Index: s.head.Index + 1, Body: op.Body, Refs: refs})
}

// mayWrite says why the actor may not write; empty when they may.
func (s *scene) mayWrite() events.Code {
	if s.head.Kind != events.KindDirect && s.me.Role < s.head.Policy.WriteRole {
		return events.CodeNotAllowed
	}
	return s.silenced()
}

// silenced says what keeps the actor from saying anything, whatever their role may; empty for
// nothing. Who is an admin can't be muted.
func (s *scene) silenced() events.Code {
	switch {
	case s.head.Contact != events.Contacts:
		return events.CodeNotAContact
	case s.head.Blocks > 0:
		return events.CodeBlocked
	case s.me.Role < events.RoleAdmin && max(s.head.MutedUntil, s.me.MutedUntil) > s.at.Time:
		return events.CodeMuted
	}
	return ""
}

type sent struct{ events.Sent }

func (sent) touches(needs []Need, _ Rows, o *events.Outcome) []Need {
	return append(needs, Need{Key: events.MemberKey(o.Actor.User)})
}

func (f sent) evolve(e *evolution) {
	e.head.Index = f.Index
	e.put(events.MessageKey(e.seq), events.Message{
		Index: f.Index, ID: e.o.ID, Sender: e.o.Actor.User, Time: e.o.Time, Thread: f.Refs.Thread,
	})
	e.moveMarker(e.seq, f.Index)
}

// moveMarker moves the actor's marker, which is known to be lower.
func (e *evolution) moveMarker(seq events.Seq, index events.Index) {
	m := memberOf(e.rows, e.o.Actor.User)
	m.Marker, m.MarkerIndex = seq, index
	e.put(events.MemberKey(e.o.Actor.User), m)
}
