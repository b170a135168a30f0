package gateway_test

import (
	"fmt"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
)

// hides has a user hide messages of a session from themselves.
func (b *bench) hides(u events.UserID, s events.SessionID, seqs ...events.Seq) {
	self := events.NewSelfID(u)
	if len(b.world.Timeline(self)) == 0 {
		b.world.Must(u, "self", self, events.Create{Kind: events.KindSelf, Policy: gateway.DefaultPolicies()[events.KindSelf]})
	}
	op := events.Hide{Session: s}
	for _, seq := range seqs {
		op.Messages = append(op.Messages, events.Numbers{Seq: seq, Index: events.Index(seq - 1)}) // created is 1
	}
	b.world.Must(u, fmt.Sprint("hide", len(b.world.Timeline(self))), self, op)
}

// TestWhatSomebodyHid: to them the messages stand there and say nothing, wherever they come from; to others all is as it
// was.
func TestWhatSomebodyHid(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3")
		b.say(s, 9)
		b.world.Must("u1", "over", s, events.Override{Seq: 4, Body: events.TextBody("again")}) // 10
		b.hides("u2", s, 3, 4, 9)
		told := func(e *clientv1.Event) string {
			m := e.GetSent()
			if m.GetHidden() != (m.GetText() == "") {
				t.Errorf("%d is hidden: %v, and says %q", e.GetSeq(), m.GetHidden(), m.GetText())
			}
			return fmt.Sprint(e.GetSeq(), m.GetText(), e.GetOverridden().GetText())
		}
		for _, c := range []struct {
			user            events.UserID
			third, override string
			unread, preview uint64
		}{{"u2", "3", "10", 5, 8}, {"u3", "3text 3", "10again", 8, 9}} {
			client := b.hello(c.user)
			page := client.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory().GetEvents()
			if len(page) != 10 || told(page[2]) != c.third || fmt.Sprint(page[9].GetSeq(), page[9].GetOverridden().GetText()) != c.override {
				t.Errorf("%s's history: %v", c.user, page)
			}
			changes := client.ask(fmt.Sprintf(`{"id":"c","changes":{"session":%q,"after":"9"}}`, s)).GetChanges().GetEvents()
			if len(changes) != 1 || fmt.Sprint(changes[0].GetSeq(), changes[0].GetOverridden().GetText()) != c.override {
				t.Errorf("%s's changes: %v", c.user, changes)
			}
			for _, state := range client.ask(`{"id":"y","sync":{}}`).GetSync().GetSessions() {
				if state.GetSession() == string(s) && (state.GetUnread() != c.unread || state.GetPreview().GetSeq() != c.preview) {
					t.Errorf("%s has %d unread and is shown %d; want %d and %d", c.user, state.GetUnread(), state.GetPreview().GetSeq(), c.unread, c.preview)
				}
			}
			if n := client.ask(`{"id":"t","totals":{}}`).GetTotals().GetUnread(); n != c.unread {
				t.Errorf("%s has %d unread in all, want %d", c.user, n, c.unread)
			}
			client.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
			var filled []*clientv1.Event
			for _, f := range client.take() {
				if f.GetEvent() != nil {
					filled = append(filled, f.GetEvent())
				}
			}
			if len(filled) != 9 || told(filled[1]) != c.third || fmt.Sprint(filled[8].GetSeq(), filled[8].GetOverridden().GetText()) != c.override {
				t.Errorf("%s's events after 1: %v", c.user, filled)
			}
		}
	})
}
