package session

import "annal/pkg/events"

// remove puts people out: by an admin or the owner, anyone but oneself (that is
// leaving). The owner can be removed too, with the same succession as by leaving, so
// that no group depends on an owner who is gone (case F10).
type remove struct{ events.Remove }

func (remove) gate() gate { return gate{members: true, kinds: manyPeople} }

func (op remove) needs(needs []Need, rows Rows, c *events.Command) []Need {
	me := memberOf(rows, c.Actor.User)
	if !me.In() || me.Role < events.RoleAdmin || len(op.Users) > events.MaxBatchMembers {
		return needs
	}
	owner := false
	for _, u := range op.Users {
		needs = append(needs, Need{Key: events.MemberKey(u)})
		owner = owner || memberOf(rows, u).Role == events.RoleOwner
	}
	if !owner {
		return needs
	}
	needs = needHeirs(needs, len(op.Users))
	if heir := successor(rows, len(op.Users), op.names()); heir != "" {
		needs = append(needs, Need{Key: events.MemberKey(heir)})
	}
	return needs
}

func (op remove) decide(s *scene) events.Result {
	goes := op.names()
	if s.me.Role < events.RoleAdmin || goes(s.c.Actor.User) {
		return reject(events.CodeNotAllowed)
	}
	var e events.Removed
	owner := false
	seen := make(map[events.UserID]bool, len(op.Users))
	for _, u := range op.Users {
		m := memberOf(s.rows, u)
		switch {
		case seen[u]:
		case !m.In():
			e.Skipped = append(e.Skipped, events.Skipped{User: u, Code: events.CodeAlreadyOut})
		default:
			e.Users = append(e.Users, u)
			owner = owner || m.Role == events.RoleOwner
		}
		seen[u] = true
	}
	if len(e.Users) == 0 {
		return answer(events.CodeAlreadyOut, lastStay(memberOf(s.rows, op.Users[0])).To)
	}
	if owner {
		e.Promoted = successor(s.rows, len(op.Users), goes)
	}
	e.Closed = int(s.head.Members) == len(e.Users)
	return s.accept(e)
}

// names tells who is named.
func (op remove) names() func(events.UserID) bool {
	named := make(map[events.UserID]bool, len(op.Users))
	for _, u := range op.Users {
		named[u] = true
	}
	return func(u events.UserID) bool { return named[u] }
}

type removed struct{ events.Removed }

func (f removed) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	needs = needMembers(needs, f.Users)
	if f.Promoted != "" {
		needs = append(needs, Need{Key: events.MemberKey(f.Promoted)})
	}
	return needs
}

func (f removed) evolve(e *evolution) {
	for _, u := range f.Users {
		e.putOut(u)
	}
	e.setRole(f.Promoted, events.RoleOwner)
	e.head.Closed = f.Closed
}
