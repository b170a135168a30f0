package session

import "annal/pkg/events"

func (m *model) contact(me *modelPerson, op events.Contact) string {
	mine, theirs := m.contacts == string(me.user), m.contacts != "yes" && m.contacts != "no" && m.contacts != string(me.user)
	to := m.contacts
	switch op.Step {
	case events.ContactAsk:
		switch {
		case m.contacts == "yes" || mine:
			return "NO_CHANGE"
		case m.here[0].blocks || m.here[1].blocks:
			return "BLOCKED"
		case theirs:
			to = "yes"
		case len(m.refusing) > 0 && m.refusing[0] != me.user:
			return "PRIVACY_REFUSED"
		default:
			to = string(me.user)
		}
	case events.ContactAccept, events.ContactRefuse:
		to = map[events.ContactStep]string{events.ContactAccept: "yes", events.ContactRefuse: "no"}[op.Step]
		switch {
		case op.Step == events.ContactAccept && m.contacts == "yes":
			return "NO_CHANGE"
		case !theirs:
			return "NOT_ASKED"
		}
	case events.ContactRemove:
		if to = "no"; m.contacts == "no" {
			return "NO_CHANGE"
		}
	default:
		if blocks := op.Step == events.ContactBlock; me.blocks == blocks {
			return "NO_CHANGE"
		}
		me.blocks = !me.blocks
	}
	m.contacts = to
	return m.happens("contact_changed", nil)
}
