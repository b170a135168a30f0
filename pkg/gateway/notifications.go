package gateway

import (
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// notificationsOf takes a number that is too large for a kind or a minute as the largest, which no rule lets pass.
func notificationsOf(m *logv1.Notifications) events.Notifications {
	n := events.Notifications{
		Content:    events.ShownContent(least(m.GetContent(), 1<<8-1)),
		Messages:   events.NotifiedMessages(least(m.GetMessages(), 1<<8-1)),
		Active:     events.WhileActive(least(m.GetActive(), 1<<8-1)),
		PauseUntil: events.Millis(m.GetPauseUntilMs()),
	}
	if r := m.GetRest(); r != nil {
		n.Rest = events.Rest{From: uint16(least(r.GetFrom(), 1<<16-1)), To: uint16(least(r.GetTo(), 1<<16-1)), Zone: r.GetZone()}
	}
	return n
}

// least gives n, or most when that is less or n below 0.
func least[N ~int32 | ~uint32](n, most N) N {
	if n < 0 {
		return most
	}
	return min(n, most)
}

func clientNotifications(n events.Notifications) *logv1.Notifications {
	m := &logv1.Notifications{
		Content: logv1.ShownContent(n.Content), Messages: logv1.NotifiedMessages(n.Messages), Active: logv1.WhileActive(n.Active),
		PauseUntilMs: int64(n.PauseUntil),
	}
	if r := n.Rest; r != (events.Rest{}) {
		m.Rest = &logv1.Rest{From: uint32(r.From), To: uint32(r.To), Zone: r.Zone}
	}
	return m
}
