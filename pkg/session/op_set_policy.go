package session

import "annal/pkg/events"

// setPolicy changes the policy: by the owner. It holds from this event on, for what was said
// before as well.
type setPolicy struct{ events.SetPolicy }

func (setPolicy) gate() gate { return gate{members: true, kinds: manyPeople} }

func (setPolicy) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (op setPolicy) decide(s *scene) events.Result {
	if s.me.Role < events.RoleOwner {
		return reject(events.CodeNotAllowed)
	}
	policy := op.Policy.Of(s.head.Policy)
	switch {
	case policy == s.head.Policy:
		return answer(events.CodeNoChange, 0)
	case policy.MemberLimit < s.head.Members:
		return reject(events.CodeSessionFull)
	}
	if err := policy.Validate(); err != nil {
		return refuse(err)
	}
	return s.accept(events.PolicySet{Policy: policy})
}

type policySet struct{ events.PolicySet }

func (policySet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f policySet) evolve(e *evolution) { e.head.Policy = f.Policy }
