package session

import "annal/pkg/events"

// target finds the message that a command is about. What is no message and what the
// actor may not see are the same: no such message.
func (s *scene) target(seq events.Seq) (events.Message, bool) {
	m, ok := rowOf[events.Message](s.rows, events.MessageKey(seq))
	return m, ok && s.sees(seq)
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
