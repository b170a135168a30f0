package session

import (
	"slices"

	"annal/pkg/events"
)

// Decide gives what comes of a command: exactly one outcome, whatever the command.
//
// Checks come in one order for all operations:
//
//  1. Names: session, user and client id are well formed, and there is an operation.
//  2. Client id: a repeat gets its first answer whatever has changed since, so this
//     comes before all that can change (closing, membership, roles, windows, limits).
//  3. Form: everything else that needs no state (events.Command.Validate).
//  4. Session: it exists, is open, and is of a kind that has the operation. Closed
//     comes before membership: the last one to leave a session is no member of it.
//     Who is in when it is dismissed may still mark as read and leave.
//  5. Membership, before anything about the target: who is not in gets the same
//     answer for every target and learns nothing.
//  6. The operation's own rule: role, target (what the actor may not see does not
//     exist), the actor's right to it, whether it has the effect already, windows.
//
// The outcome refers to the command and its parts; nobody may change them after.
func Decide(rows Rows, c *events.Command, at At) events.Outcome {
	s := scene{rows: rows, c: c, at: at}
	s.head, s.created = headOf(rows)
	o := outcomeOf(c, at)
	o.PrevHash = s.head.Hash
	if !named(c) {
		// Nothing is remembered under an id that was not looked up.
		o.ClientID = ""
	}
	o.Result = s.result(o.Digest)
	if r, ok := o.Result.(events.Rejected); ok {
		r.Command = c
		o.Result = r
	}
	return fit(o, c)
}

// scene is what a command meets.
type scene struct {
	rows    Rows
	c       *events.Command
	at      At
	created bool
	head    events.Head
	// me is the actor's membership, the zero value for one who never was in.
	me events.Member
}

func (s *scene) result(digest events.Digest) events.Result {
	if !named(s.c) {
		return refuse(s.c.Validate())
	}
	if r := s.repeat(digest); r != nil {
		return r
	}
	if err := s.c.Validate(); err != nil {
		return refuse(err)
	}
	op := operationOf(s.c.Op)
	if r := s.pass(op.gate()); r != nil {
		return r
	}
	return op.decide(s)
}

// pass gives nil, or what comes of a command that is stopped at the gate.
func (s *scene) pass(g gate) events.Result {
	s.me = memberOf(s.rows, s.c.Actor.User)
	switch {
	case g.opens && s.created:
		return s.exists()
	case g.opens:
		return nil
	case !s.created:
		return reject(events.CodeNoSuchSession)
	case s.head.Closed && !g.always && !(g.afterClose && s.me.In()):
		return reject(events.CodeSessionClosed)
	case len(g.kinds) > 0 && !slices.Contains(g.kinds, s.head.Kind):
		return reject(events.CodeWrongKind)
	case g.members && !s.me.In():
		return reject(events.CodeNotAMember)
	}
	return nil
}

// accept makes the next event of the timeline.
func (s *scene) accept(e events.Event) events.Result {
	return events.Accepted{Seq: s.head.Seq + 1, Event: e}
}

func reject(code events.Code) events.Result { return events.Rejected{Code: code} }

func refuse(err *events.Error) events.Result {
	return events.Rejected{Code: err.Code, Detail: cut(err.Detail, maxDetailBytes), Seq: err.Seq}
}

// answer says that the effect is there already, by the event of that seq (0 where
// none had it).
func answer(code events.Code, seq events.Seq) events.Result {
	return events.Answered{Code: code, Earlier: events.Earlier{Seq: seq}}
}
