package session

import "annal/pkg/events"

// audit says that somebody looks at what was. It is for services alone, whoever is in and
// whether the session is closed or not; nobody in it is told, so it takes no seq.
type audit struct{ events.Audit }

func (audit) gate() gate { return gate{always: true} }

func (audit) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (op audit) decide(s *scene) events.Result {
	if s.c.Actor.Service == "" {
		return reject(events.CodeNotAllowed)
	}
	if op.Seq > s.head.Seq {
		return events.Rejected{Code: events.CodeOutOfRange, Seq: s.head.Seq}
	}
	return events.Accepted{Event: events.Audited(op.Audit)}
}

// audited is for auditors: no rule looks at it.
type audited struct{}

func (audited) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (audited) evolve(*evolution) {}
