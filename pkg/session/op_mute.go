package session

import "annal/pkg/events"

// mute keeps people from writing until a log time: by an admin, those of lower roles. It
// outlasts a stay, so that nobody gets out of it by leaving and coming again. Without users
// it is about everybody below admin. A time that has passed ends it.
type mute struct{ events.Mute }

func (mute) gate() gate { return gate{members: true, kinds: manyPeople} }

func (op mute) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	if len(op.Users) > events.MaxBatchMembers {
		return needs
	}
	return needMembers(needs, op.Users)
}

func (op mute) decide(s *scene) events.Result {
	if s.me.Role < events.RoleAdmin {
		return reject(events.CodeNotAllowed)
	}
	e := events.Muted{Until: op.Until}
	if e.Until <= s.at.Time {
		e.Until = 0
	}
	if len(op.Users) == 0 {
		if s.mutedUntil(s.head.MutedUntil) == e.Until {
			return answer(events.CodeNoChange, 0)
		}
		return s.accept(e)
	}
	for u := range once(op.Users) {
		m := memberOf(s.rows, u)
		switch {
		case !m.In():
			e.Skipped = append(e.Skipped, events.Skipped{User: u, Code: events.CodeNoSuchMember})
		case m.Role >= s.me.Role:
			e.Skipped = append(e.Skipped, events.Skipped{User: u, Code: events.CodeNotAllowed})
		case s.mutedUntil(m.MutedUntil) == e.Until:
			e.Skipped = append(e.Skipped, events.Skipped{User: u, Code: events.CodeNoChange})
		default:
			e.Users = append(e.Users, u)
		}
	}
	if len(e.Users) == 0 {
		return nobodyLeft(e.Skipped)
	}
	return s.accept(e)
}

// mutedUntil is 0 for a time that has passed.
func (s *scene) mutedUntil(t events.Millis) events.Millis {
	if t <= s.at.Time {
		return 0
	}
	return t
}

// nobodyLeft is what comes of a batch that all were passed over of: the first reason that is
// a refusal, or else that nothing changed.
func nobodyLeft(skipped []events.Skipped) events.Result {
	for _, one := range skipped {
		if one.Code.Info().Kind == events.KindRejected {
			return events.Rejected{Code: one.Code, Skipped: skipped}
		}
	}
	return answer(skipped[0].Code, 0)
}

type muted struct{ events.Muted }

func (f muted) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needMembers(needs, f.Users)
}

func (f muted) evolve(e *evolution) {
	if len(f.Users) == 0 {
		e.head.MutedUntil = f.Until
	}
	for _, u := range f.Users {
		m := memberOf(e.rows, u)
		m.MutedUntil = f.Until
		e.put(events.MemberKey(u), m)
	}
}
