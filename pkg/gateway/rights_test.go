package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// does has a user do something, and everybody hear of it.
func (b *bench) does(u events.UserID, s events.SessionID, op events.Op) {
	b.world.Must(u, fmt.Sprint(op.Name(), len(b.world.Commands())), s, op)
	synctest.Wait()
}

// asked is what was heard of requests, and reported of reports.
func asked(frames []*clientv1.ServerFrame) (out string) {
	for _, f := range frames {
		if m := f.GetEvent().GetAsked(); m != nil {
			out += fmt.Sprintf("%d %s asks %q; ", f.GetEvent().GetSeq(), f.GetEvent().GetUser(), m.GetText())
		}
	}
	return out
}

func reported(frames []*clientv1.ServerFrame) (out string) {
	for _, f := range frames {
		if m := f.GetEvent().GetReported(); m != nil {
			out += fmt.Sprintf("%s reports %d: %s; ", f.GetEvent().GetUser(), m.GetTarget(), m.GetReason())
		}
	}
	return out
}

func (b *bench) subscribed(u events.UserID, s events.SessionID) *client {
	b.t.Helper()
	c := b.hello(u)
	c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
	c.take()
	return c
}

// A role that changes changes what one may see from that event on, on connections that are open.
func TestRightsFollowRoles(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.Joining, p.AddRole = events.JoiningApproval, events.RoleAdmin }, "u2", "u3")
		owner, member := b.subscribed("u1", s), b.subscribed("u2", s)
		b.say(s, 2)
		hears := func(what string, c *client, of func([]*clientv1.ServerFrame) string, wanted string) {
			b.t.Helper()
			want(b, what, of(c.take()), wanted)
		}
		b.does("u8", s, events.Ask{Text: "may I?"})
		hears("a request, the owner", owner, asked, `3 u8 asks "may I?"; `)
		hears("a request, a member", member, asked, `3 u8 asks ""; `)
		b.does("u3", s, events.Report{Seq: 2, Reason: "rude"})
		hears("a report, the owner", owner, reported, "u3 reports 2: rude; ")
		hears("a report, a member", member, reported, "")
		page := member.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory().GetEvents()
		want(b, "a request in history, a member", page[2].GetAsked().GetText(), "")

		b.does("u1", s, events.SetRole{User: "u2", Role: events.RoleOwner})
		b.does("u9", s, events.Ask{Text: "me too"})
		hears("a request, the owner", member, asked, `5 u9 asks "me too"; `)
		b.does("u2", s, events.SetRole{User: "u1", Role: events.RoleMember})
		owner.take()
		b.does("u7", s, events.Ask{Text: "hello?"})
		hears("a request, who was the owner", owner, asked, `7 u7 asks ""; `)
	})
}
