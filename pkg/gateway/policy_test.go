package gateway_test

import (
	"fmt"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// overrides lists what was heard of overrides.
func overrides(frames []*clientv1.ServerFrame) (out string) {
	for _, f := range frames {
		if m := f.GetEvent().GetOverridden(); m != nil {
			out += fmt.Sprintf("%d overrides %d with %q; ", f.GetEvent().GetSeq(), m.GetTarget(), m.GetText())
		}
	}
	return out
}

// invites lists what was heard of invites: with "all" of what belongs to them.
func invites(frames []*clientv1.ServerFrame) (out string) {
	for _, f := range frames {
		switch e := f.GetEvent().GetEvent().(type) {
		case *clientv1.Event_Invited:
			out += fmt.Sprintf("%d invites %d uses, %d bytes; ", f.GetEvent().GetSeq(), e.Invited.GetUses(), len(e.Invited.GetCodeSha256()))
		case *clientv1.Event_Uninvited:
			out += fmt.Sprintf("%d uninvites, %d bytes; ", f.GetEvent().GetSeq(), len(e.Uninvited.GetCodeSha256()))
		}
	}
	return out
}

// markers lists what was heard of read and delivery markers.
func markers(frames []*clientv1.ServerFrame) (out string) {
	for _, f := range frames {
		switch e := f.GetEvent().GetEvent().(type) {
		case *clientv1.Event_Read:
			out += fmt.Sprintf("%s read %d; ", f.GetEvent().GetUser(), e.Read.GetMarker())
		case *clientv1.Event_Delivered:
			out += fmt.Sprintf("%s got %d; ", f.GetEvent().GetUser(), e.Delivered.GetMarker())
		}
	}
	return out
}

func (b *bench) setPolicy(s events.SessionID, c events.PolicyChange) {
	b.does("u1", s, events.SetPolicy{Policy: c})
}

// TestHistoryIsShownAndHiddenAgain: what an open subscription may see follows the policy, on all
// gateways, and what its user saw in a stay before the present one is known all the time.
func TestHistoryIsShownAndHiddenAgain(t *testing.T) {
	run(t, nil, func(b *bench) {
		g2 := b.another("g2")
		defer g2.stop()
		s := b.group(nil, "u2")
		b.say(s, 2) // u2 sees it in the first stay
		b.remove(s, "u2")
		b.say(s, 4) // between the stays
		b.add(s, "u2")
		here, there := b.subscribed("u2", s), g2.subscribed("u2", s)
		for _, step := range []struct {
			history events.History
			shown   string
		}{{0, ""}, {events.HistoryAll, "new"}, {events.HistoryStay, ""}, {events.HistoryAll, "new"}} {
			if step.history != 0 {
				b.setPolicy(s, events.PolicyChange{History: step.history})
			}
			b.override(s, 2, "new")
			b.override(s, 4, "new")
			last := b.world.Timeline(s)
			seq := last[len(last)-1].Seq
			wanted := fmt.Sprintf("%d overrides 2 with \"new\"; %d overrides 4 with %q; ", seq-1, seq, step.shown)
			want(b, fmt.Sprintf("overrides with history %d here", step.history), overrides(here.take()), wanted)
			want(b, fmt.Sprintf("overrides with history %d there", step.history), overrides(there.take()), wanted)
		}
	})
}

// TestInvitesAreForWhoMayAdd: the others learn that there is one, and no more; as the policy says
// now.
func TestInvitesAreForWhoMayAdd(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		owner, member := b.subscribed("u1", s), b.subscribed("u2", s)
		b.does("u1", s, events.Invite{Code: events.Hash{1}, Uses: 5})
		b.does("u1", s, events.Uninvite{Code: events.Hash{1}})
		want(b, "the owner hears", invites(owner.take()), "2 invites 5 uses, 32 bytes; 3 uninvites, 32 bytes; ")
		want(b, "a member hears", invites(member.take()), "2 invites 0 uses, 0 bytes; 3 uninvites, 0 bytes; ")
		page := member.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory().GetEvents()
		if n := len(page[1].GetInvited().GetCodeSha256()) + len(page[2].GetUninvited().GetCodeSha256()); n != 0 {
			t.Errorf("history shows a member %d bytes of codes, want none", n)
		}
		b.setPolicy(s, events.PolicyChange{AddRole: events.RoleMember})
		b.does("u2", s, events.Invite{Code: events.Hash{2}})
		want(b, "a member who may add hears", invites(member.take()), "5 invites 0 uses, 32 bytes; ")
	})
}

// TestRightsWhileNobodyIsLive: who alone is subscribed, and behind, passes by what changed and
// was not told; who comes then reads it.
func TestRightsWhileNobodyIsLive(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.Joining, p.AddRole = events.JoiningApproval, events.RoleMember }, "u2", "u3")
		b.does("u1", s, events.SetRole{User: "u3", Role: events.RoleAdmin})
		b.say(s, 10)
		behind := func(u events.UserID) *client {
			c := b.hello(u)
			c.room = make(chan struct{})
			c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
			return c
		}
		member, admin := behind("u2"), behind("u3")
		b.feed.Lose(func(_ events.SessionID, seq events.Seq) bool { return seq <= 12 })
		b.setPolicy(s, events.PolicyChange{AddRole: events.RoleAdmin})
		b.does("u1", s, events.SetRole{User: "u3", Role: events.RoleMember})
		b.say(s, 20)
		pass(time.Second) // all is told
		catchUp := func(c *client) {
			c.full.Store(false)
			close(c.room)
			pass(time.Second)
			c.take()
		}
		catchUp(admin)
		b.does("u8", s, events.Ask{Text: "may I?"})
		want(b, "who was an admin hears", asked(admin.take()), `21 u8 asks ""; `)
		admin.ask(fmt.Sprintf(`{"id":"u","unsubscribe":{"session":%q}}`, s))

		b.feed.Lose(func(_ events.SessionID, seq events.Seq) bool { return seq <= 22 })
		b.setPolicy(s, events.PolicyChange{AddRole: events.RoleMember})
		b.say(s, 23)
		pass(time.Second)
		late := b.subscribed("u3", s)
		b.does("u9", s, events.Ask{Text: "me too"})
		want(b, "who comes then hears", asked(late.take()), `24 u9 asks "me too"; `)
		catchUp(member)
	})
}

// TestRightsWithinABatch: what is told together is judged one after the other.
func TestRightsWithinABatch(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.Joining, p.AddRole = events.JoiningApproval, events.RoleMember }, "u2", "u3")
		b.does("u1", s, events.SetRole{User: "u3", Role: events.RoleAdmin})
		member, admin := b.subscribed("u2", s), b.subscribed("u3", s)
		var batch [][]byte
		for i, c := range []struct {
			user events.UserID
			op   events.Op
		}{
			{"u4", events.Ask{Text: "four"}},
			{"u1", events.SetPolicy{Policy: events.PolicyChange{AddRole: events.RoleAdmin}}},
			{"u5", events.Ask{Text: "five"}},
			{"u1", events.SetRole{User: "u3", Role: events.RoleMember}},
			{"u6", events.Ask{Text: "six"}},
		} {
			_, value := b.world.Do(events.Command{Session: s, Actor: events.Actor{User: c.user}, ClientID: fmt.Sprint("batch", i), Op: c.op})
			batch = append(batch, value)
		}
		b.feed.Batch(s, batch...)
		want(b, "a member hears", asked(member.take()), `3 u4 asks "four"; 5 u5 asks ""; 7 u6 asks ""; `)
		want(b, "an admin hears", asked(admin.take()), `3 u4 asks "four"; 5 u5 asks "five"; 7 u6 asks ""; `)
	})
}

// TestRightsThatChangeWhileTheyAreRead: what is read may be older than what the others have
// heard of; the events between change it.
func TestRightsThatChangeWhileTheyAreRead(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.Joining = events.JoiningApproval }, "u2")
		b.does("u1", s, events.SetRole{User: "u2", Role: events.RoleAdmin})
		owner := b.subscribed("u1", s)
		late := b.hello("u2")
		b.world.Lag(time.Second)
		late.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		b.does("u1", s, events.SetRole{User: "u2", Role: events.RoleMember})
		pass(2 * time.Second)
		b.world.Lag(0)
		b.does("u8", s, events.Ask{Text: "may I?"})
		want(b, "the owner hears", asked(owner.take()), `4 u8 asks "may I?"; `)
		want(b, "who was an admin hears", asked(late.take()), `4 u8 asks ""; `)
	})
}

// TestDeliveryMarkersAreShownLikeReadOnes: up to as many members as the policy says now; to one's
// own devices always.
func TestDeliveryMarkersAreShownLikeReadOnes(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		other, own := b.subscribed("u1", s), b.subscribed("u2", s)
		b.say(s, 5)
		b.does("u2", s, events.MarkDelivered{Seq: 3})
		want(b, "another hears", markers(other.take()), "u2 got 3; ")
		want(b, "an own device hears", markers(own.take()), "u2 got 3; ")
		none := uint32(0)
		b.setPolicy(s, events.PolicyChange{ReceiptsLimit: &none})
		b.does("u2", s, events.MarkDelivered{Seq: 4})
		b.does("u2", s, events.MarkRead{Seq: 5})
		want(b, "another hears where no receipts are shown", markers(other.take()), "")
		want(b, "an own device hears", markers(own.take()), "u2 got 4; u2 read 5; ")
	})
}

// TestADismissedSessionIsStillHeard: its subscriptions stay until their users leave.
func TestADismissedSessionIsStillHeard(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3")
		c := b.subscribed("u2", s)
		b.does("u1", s, events.Dismiss{})
		frames := c.take()
		if len(frames) != 1 || frames[0].GetEvent().GetDismissed() == nil {
			t.Errorf("got %v, want that it was dismissed and no more", frames)
		}
		reply := c.ask(fmt.Sprintf(`{"id":"1","client_id":"late","send":{"session":%q,"text":"late"}}`, s))
		want(b, "a send afterwards", reply.GetError().GetCode(), string(events.CodeSessionClosed))
		b.does("u3", s, events.Leave{})
		want(b, "leaving afterwards", fmt.Sprint(seqs(c.take())), "[3]")
	})
}

// TestTypingOfWhoMayNotWrite: it is answered, and nobody hears of it; for those who are
// subscribed and for those who are not.
func TestTypingOfWhoMayNotWrite(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		owner, member, stranger := b.subscribed("u1", s), b.subscribed("u2", s), b.hello("u2")
		both := func(what string, wanted ...string) {
			b.t.Helper()
			for _, c := range []*client{member, stranger} {
				pass(3 * time.Second)
				c.types(s)
				owner.wantTypers(what, wanted...)
			}
			for _, c := range []*client{owner, member, stranger} {
				c.conn.Heard()
			}
		}
		both("of a member", "u2")
		soon := func() events.Millis { return events.Millis(time.Now().Add(20 * time.Second).UnixMilli()) }
		b.does("u1", s, events.Mute{Users: []events.UserID{"u2"}, Until: soon()})
		both("of who is muted")
		pass(20 * time.Second)
		both("of who was muted", "u2")
		b.does("u1", s, events.Mute{Until: soon()})
		both("while all are muted")
		b.does("u1", s, events.Mute{})
		both("while nobody is muted any more", "u2")
	})
}

func TestTypingToWhoBlocks(t *testing.T) {
	run(t, nil, func(b *bench) {
		u1, u2 := b.hello("u1"), b.hello("u2")
		s := events.SessionID(direct(t, u1))
		u1.subscribe(s)
		u2.subscribe(s)
		for _, step := range []struct {
			step   events.ContactStep
			typers []string
		}{{events.ContactBlock, nil}, {events.ContactUnblock, []string{"u1"}}} {
			b.does("u2", s, events.Contact{Step: step.step})
			pass(3 * time.Second)
			u2.take()
			u1.types(s)
			u2.wantTypers(fmt.Sprintf("after step %d", step.step), step.typers...)
		}
	})
}
