package session

import (
	"slices"

	"annal/pkg/events"
)

// letIn opens a stay, and answers the person's request if there is one. The marker starts
// at the joining event, so nothing older is unread; stays of before are kept, MaxStays in all.
func (e *evolution) letIn(u events.UserID, role events.Role) {
	if e.head.Asks > 0 {
		e.answerAsk(u)
	}
	e.stay(u, role, memberOf(e.rows, u))
}

// needLetIn adds what letIn reads.
func needLetIn(needs []Need, rows Rows, u events.UserID) []Need {
	needs = append(needs, Need{Key: events.MemberKey(u)})
	if h, _ := headOf(rows); h.Asks > 0 {
		needs = append(needs, Need{Key: events.AskKey(u)})
	}
	return needs
}

// answerAsk removes the person's request, if there is one.
func (e *evolution) answerAsk(u events.UserID) {
	if _, asked := rowOf[events.AskRow](e.rows, events.AskKey(u)); asked {
		e.remove(events.AskKey(u))
		e.head.Asks--
	}
}

// stay opens a stay of somebody whose row is m so far.
func (e *evolution) stay(u events.UserID, role events.Role, m events.Member) {
	kept := m.Stays[max(0, len(m.Stays)-(events.MaxStays-1)):]
	stays := make([]events.Stay, 0, len(kept)+1)
	m.Stays = append(append(stays, kept...), events.Stay{From: e.seq, FromIndex: e.head.Index})
	m.Role = role
	m.Marker, m.MarkerIndex = e.seq, e.head.Index
	e.head.Members++
	e.put(events.MemberKey(u), m)
	e.put(events.StandingKey(role, e.seq, u), events.Standing{})
}

// putOut ends a stay. Who is out has no role.
func (e *evolution) putOut(u events.UserID) {
	m := memberOf(e.rows, u)
	e.remove(standingOf(u, m))
	m.Stays = slices.Clone(m.Stays)
	last := &m.Stays[len(m.Stays)-1]
	last.To, last.ToIndex = e.seq, e.head.Index
	m.Role = 0
	e.head.Members--
	e.put(events.MemberKey(u), m)
}

// setRole gives a member, if there is one to give it to, another role.
func (e *evolution) setRole(u events.UserID, role events.Role) {
	if u == "" {
		return
	}
	m := memberOf(e.rows, u)
	e.remove(standingOf(u, m))
	m.Role = role
	e.put(events.MemberKey(u), m)
	e.put(standingOf(u, m), events.Standing{})
}

func standingOf(u events.UserID, m events.Member) events.Key {
	return events.StandingKey(m.Role, m.Stays[len(m.Stays)-1].From, u)
}

// needHeirs adds what successor looks at when that many people go.
func needHeirs(needs []Need, going int) []Need {
	return append(needs,
		Need{Key: events.StandingPrefix(events.RoleAdmin), First: going + 1},
		Need{Key: events.StandingPrefix(events.RoleMember), First: going + 1})
}

// successor is who becomes owner when the owner goes together with others: the
// longest-standing admin, else the longest-standing member; of several that came in
// by one event the first by user id. Empty when nobody is left.
func successor(rows Rows, going int, goes func(events.UserID) bool) events.UserID {
	for _, role := range []events.Role{events.RoleAdmin, events.RoleMember} {
		for _, k := range rows.First(events.StandingPrefix(role), going+1) {
			if u := events.StandingUser(k); !goes(u) {
				return u
			}
		}
	}
	return ""
}

// full says whether a session with that many members takes no more.
func full(h *events.Head, members uint32) bool { return members >= h.Policy.MemberLimit }
