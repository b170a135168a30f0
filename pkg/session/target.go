package session

import (
	"iter"

	"annal/pkg/events"
)

// target finds the message that a command is about. What is no message and what the
// actor may not see are the same: no such message.
func (s *scene) target(seq events.Seq) (events.Message, bool) {
	m, ok := rowOf[events.Message](s.rows, events.MessageKey(seq))
	return m, ok && s.sees(seq)
}

// shown finds a message that the actor may see and that nothing hides, or says why there is
// none.
func (s *scene) shown(seq events.Seq) (events.Message, events.Code) {
	m, ok := s.target(seq)
	switch {
	case !ok:
		return m, events.CodeNoSuchMessage
	case m.Deleted != 0:
		return m, events.CodeMessageDeleted
	case m.Revoked != 0:
		return m, events.CodeMessageRevoked
	}
	return m, ""
}

// sees says whether the actor, who is a member, may see what has that seq.
func (s *scene) sees(seq events.Seq) bool {
	if s.head.Policy.History == events.HistoryAll {
		return true
	}
	for _, stay := range s.me.Stays {
		if stay.From <= seq && (stay.To == 0 || seq <= stay.To) {
			return true
		}
	}
	return false
}

// mayWithdraw says by which right the actor may revoke or delete a message: admins
// and the owner always, the sender within the revoke window. The window's last ms is
// inside. Empty when the actor may.
func (s *scene) mayWithdraw(m events.Message) events.Code {
	switch {
	case s.me.Role >= events.RoleAdmin:
		return ""
	case m.Sender != s.c.Actor.User:
		return events.CodeNotAllowed
	case s.at.Time-m.Time > s.head.Policy.RevokeWindow:
		return events.CodeRevokeWindowOver
	}
	return ""
}

// rejectTarget is a rejection that names the message in question.
func rejectTarget(code events.Code, seq events.Seq) events.Result {
	return events.Rejected{Code: code, Seq: seq}
}

// once gives each of a list once, in order.
func once[T comparable](all []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		seen := make(map[T]bool, len(all))
		for _, one := range all {
			if seen[one] {
				continue
			}
			seen[one] = true
			if !yield(one) {
				return
			}
		}
	}
}

func needMembers(needs []Need, users []events.UserID) []Need {
	for _, u := range users {
		needs = append(needs, Need{Key: events.MemberKey(u)})
	}
	return needs
}

func needMessage(needs []Need, seq events.Seq) []Need {
	return append(needs, Need{Key: events.MessageKey(seq)})
}

// changeMessage writes a message's row with a change.
func (e *evolution) changeMessage(seq events.Seq, change func(*events.Message)) {
	m, _ := rowOf[events.Message](e.rows, events.MessageKey(seq))
	change(&m)
	e.put(events.MessageKey(seq), m)
}

// lastStay gives a member's newest stay, the zero value for one who never was in.
func lastStay(m events.Member) events.Stay {
	if len(m.Stays) == 0 {
		return events.Stay{}
	}
	return m.Stays[len(m.Stays)-1]
}
