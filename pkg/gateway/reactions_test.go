package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// reacted is what events show of reactions.
func reacted(list []*clientv1.Event) string {
	out := ""
	for _, e := range list {
		m := e.GetSent()
		if m == nil {
			continue
		}
		out += fmt.Sprintf("%d to %d:", e.GetSeq(), m.GetReactionsTo())
		for _, r := range m.GetReactions() {
			out += fmt.Sprintf(" %s %d %t", r.GetEmoji(), r.GetCount(), r.GetMine())
		}
		out += "; "
	}
	return out
}

// Pages show what people have reacted with, to each reader which of it is theirs; live events, and
// those made up for to all at once, don't: what came of them follows.
func TestReactionsInPages(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3")
		live := b.hello("u3")
		live.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		live.take()
		b.say(s, 2)
		b.does("u2", s, events.React{Seq: 2, Emoji: "👍"}) // 3
		b.does("u3", s, events.React{Seq: 2, Emoji: "+"}) // 4
		history := func(c *client) string {
			return reacted(c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory().GetEvents())
		}
		preview := func(c *client) string {
			for _, st := range c.ask(`{"id":"s","sync":{}}`).GetSync().GetSessions() {
				if st.GetSession() == string(s) {
					return reacted([]*clientv1.Event{st.GetPreview()})
				}
			}
			return "no such session"
		}
		filled := func(c *client) string {
			var list []*clientv1.Event
			for _, f := range c.take() {
				list = append(list, f.GetEvent())
			}
			return reacted(list)
		}
		want(b, "live", filled(live), "2 to 0:; ")
		c, owner := b.hello("u2"), b.hello("u1")
		want(b, "history, who reacted", history(c), "2 to 4: + 1 false 👍 1 true; ")
		want(b, "history, who did not", history(owner), "2 to 4: + 1 false 👍 1 false; ")
		want(b, "forward", reacted(c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"after":"1"}}`, s)).GetHistory().GetEvents()), "2 to 4: + 1 false 👍 1 true; ")
		want(b, "preview, who reacted", preview(c), "2 to 4: + 1 false 👍 1 true; ")
		want(b, "preview, who did not", preview(owner), "2 to 4: + 1 false 👍 1 false; ")
		for _, sub := range []*client{c, owner} {
			sub.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"0"}}`, s))
		}
		synctest.Wait()
		want(b, "catching up, who reacted", filled(c), "2 to 4: + 1 false 👍 1 true; ")
		want(b, "catching up, who did not", filled(owner), "2 to 4: + 1 false 👍 1 false; ")

		b.remove(s, "u3")
		want(b, "history, who went", history(live), "2 to 0:; ")
		want(b, "preview, who went", preview(live), "2 to 0:; ")
		b.hides("u2", s, 2)
		want(b, "history, hidden from oneself", history(c), "2 to 0:; ")
		b.does("u1", s, events.Revoke{Seq: 2})
		want(b, "history, revoked", history(owner), "2 to 0:; ")
	})
}

// A gap that is made good for all subscribers shows no reactions, which follow.
func TestReactionsWhileHealing(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		c := b.hello("u2")
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		c.take()
		b.world.Do(events.Command{Session: s, Actor: events.Actor{User: "u1"}, ClientID: "a", Op: events.Send{Body: events.TextBody("unheard")}})
		b.does("u2", s, events.React{Seq: 2, Emoji: "👍"})
		synctest.Wait()
		var list []*clientv1.Event
		for _, f := range c.take() {
			list = append(list, f.GetEvent())
		}
		want(b, "while healing", reacted(list), "2 to 0:; ")
		wantSeqs := "[2 3]"
		var got []uint64
		for _, e := range list {
			got = append(got, e.GetSeq())
		}
		want(b, "what was heard", fmt.Sprint(got), wantSeqs)
	})
}
