package session

import "annal/pkg/events"

// ask asks to be let in, where the policy says by approval. Whoever may add members lets the
// person in by adding them; a request is there until then, or until it is refused.
type ask struct{ events.Ask }

func (ask) gate() gate { return gate{kinds: manyPeople} }

func (ask) needs(needs []Need, _ Rows, c *events.Command) []Need {
	return append(needs, Need{Key: events.AskKey(c.Actor.User)})
}

func (op ask) decide(s *scene) events.Result {
	asked, pending := rowOf[events.AskRow](s.rows, events.AskKey(s.c.Actor.User))
	switch {
	case s.me.In():
		return answer(events.CodeAlreadyMember, lastStay(s.me).From)
	case s.head.Policy.Joining != events.JoiningApproval:
		return reject(events.CodeNotAllowed)
	case pending:
		return answer(events.CodeNoChange, asked.Seq)
	case s.head.Asks >= events.MaxAsks:
		return reject(events.CodeLimitReached)
	}
	return s.accept(events.Asked{Text: op.Text})
}

type asked struct{}

func (asked) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (asked) evolve(e *evolution) {
	e.head.Asks++
	e.put(events.AskKey(e.o.Actor.User), events.AskRow{Seq: e.seq})
}
