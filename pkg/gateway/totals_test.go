package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"annal/pkg/events"
)

func TestTotals(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u2")
		total := func() string {
			m := c.ask(`{"id":"t","totals":{}}`).GetTotals()
			return fmt.Sprintf("%d, %d for me, in %d; muted %d, %d, %d", m.GetUnread(), m.GetMentions(), m.GetSessions(), m.GetMutedUnread(), m.GetMutedMentions(), m.GetMutedSessions())
		}
		want(b, "of nothing", total(), "0, 0 for me, in 0; muted 0, 0, 0")
		s := b.group(nil, "u2")
		look := events.Send{Body: events.TextBody("look"), Refs: events.Refs{Mentions: []events.UserID{"u2"}}}
		b.does("u1", s, look)
		b.does("u1", s, look)
		b.does("u1", s, events.Send{Body: events.TextBody("all"), Refs: events.Refs{MentionAll: true}})
		b.say(s, 5)
		b.does("u1", s, events.Revoke{Seq: 3})
		want(b, "of one group", total(), "3, 2 for me, in 1; muted 0, 0, 0")
		state := c.ask(`{"id":"s","sync":{}}`).GetSync().GetSessions()
		want(b, "in sync", fmt.Sprint(state[0].GetUnread(), state[0].GetMentions()), "3 2")

		self := events.NewSelfID("u2")
		set := func(change events.SettingsChange) {
			b.does("u2", self, events.SetSession{Session: s, Settings: change})
		}
		later := events.Millis(time.Now().Add(time.Hour).UnixMilli())
		set(events.SettingsChange{MuteUntil: &later})
		want(b, "while it is muted", total(), "0, 0 for me, in 0; muted 3, 2, 1")
		set(events.SettingsChange{MuteUntil: new(events.Millis(0)), Unread: new(true)})
		want(b, "after that", total(), "3, 2 for me, in 1; muted 0, 0, 0")
		b.read(s, "u2", 6)
		want(b, "read, and marked as unread", total(), "0, 0 for me, in 1; muted 0, 0, 0")
		set(events.SettingsChange{Hidden: new(true)})
		want(b, "hidden", total(), "0, 0 for me, in 0; muted 0, 0, 0")
	})
}
