package session

import "annal/pkg/events"

// contact is about being contacts: a step of one of the two of a direct session. Who is asked
// accepts by asking too. A block is one's own: it ends nothing, and as long as there is one
// neither of the two says anything here.
type contact struct{ events.Contact }

func (contact) gate() gate { return gate{members: true, kinds: []events.Kind{events.KindDirect}} }

func (contact) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (op contact) decide(s *scene) events.Result {
	state, code := op.next(s)
	switch {
	case code != "" && code.Info().Kind == events.KindAnswered:
		return answer(code, 0)
	case code != "":
		return reject(code)
	}
	return s.accept(events.ContactChanged{Step: op.Step, Text: op.Text, State: state})
}

// next gives what the two are after the step, or the code of a step that changes nothing or
// can't be taken.
func (op contact) next(s *scene) (events.ContactState, events.Code) {
	state := s.head.Contact
	mine := state == events.ContactAsked && s.head.ContactBy == s.c.Actor.User
	theirs := state == events.ContactAsked && !mine
	switch op.Step {
	case events.ContactAsk:
		switch {
		case state == events.Contacts || mine:
			return state, events.CodeNoChange
		case s.head.Blocks > 0:
			return state, events.CodeBlocked
		case theirs:
			return events.Contacts, ""
		case s.other().Lets == events.AudienceNobody:
			return state, events.CodePrivacyRefused
		}
		return events.ContactAsked, ""
	case events.ContactAccept:
		switch {
		case state == events.Contacts:
			return state, events.CodeNoChange
		case !theirs:
			return state, events.CodeNotAsked
		}
		return events.Contacts, ""
	case events.ContactRefuse:
		if !theirs {
			return state, events.CodeNotAsked
		}
		return events.NoContacts, ""
	case events.ContactRemove:
		if state == events.NoContacts {
			return state, events.CodeNoChange
		}
		return events.NoContacts, ""
	case events.ContactBlock, events.ContactUnblock:
		if s.me.Blocks == (op.Step == events.ContactBlock) {
			return state, events.CodeNoChange
		}
	}
	return state, ""
}

// other is what the other one of the two lets the actor do. Asking is what others than contacts may do where contacts may
// write first.
func (s *scene) other() events.Wish {
	for _, w := range s.c.Wishes {
		if w.User != s.c.Actor.User {
			return w
		}
	}
	return events.Wish{Lets: events.AudienceEveryone}
}

type contactChanged struct{ events.ContactChanged }

func (contactChanged) touches(needs []Need, _ Rows, o *events.Outcome) []Need {
	return append(needs, Need{Key: events.MemberKey(o.Actor.User)})
}

func (f contactChanged) evolve(e *evolution) {
	if f.State != events.ContactAsked {
		e.head.ContactBy = ""
	} else if e.head.Contact != events.ContactAsked {
		e.head.ContactBy = e.o.Actor.User
	}
	e.head.Contact = f.State
	if f.Step != events.ContactBlock && f.Step != events.ContactUnblock {
		return
	}
	m := memberOf(e.rows, e.o.Actor.User)
	if m.Blocks = f.Step == events.ContactBlock; m.Blocks {
		e.head.Blocks++
	} else {
		e.head.Blocks--
	}
	e.put(events.MemberKey(e.o.Actor.User), m)
}
