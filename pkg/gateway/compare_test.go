package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
)

// interval is a little more than the gateway takes to compare what it heard.
const interval = 16 * time.Second

// wait lets an interval pass in which clients live.
func wait(clients ...*client) {
	pass(interval)
	for _, c := range clients {
		c.conn.Heard()
	}
}

// marks are the markers among the frames, as "user marker".
func marks(frames []*clientv1.ServerFrame) []string {
	var out []string
	for _, f := range frames {
		if r := f.GetEvent().GetRead(); r != nil {
			out = append(out, fmt.Sprint(f.GetEvent().GetUser(), " ", r.GetMarker()))
		}
	}
	return out
}

func notices(frames []*clientv1.ServerFrame) (n int) {
	for _, f := range frames {
		if f.GetNotice() != nil {
			n++
		}
	}
	return n
}

func (b *bench) read(s events.SessionID, u events.UserID, marker events.Seq) {
	b.world.Must(u, fmt.Sprint("read", marker), s, events.MarkRead{Seq: marker})
}

// TestSilentLoss: what the feed loses without a word comes within the interval though
// nothing else happens in that session, and what was heard is not told again.
func TestSilentLoss(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3")
		c := b.hello("u1")
		// What was said shortly before somebody came may be told again.
		wait(c)
		c.take()
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		b.say(s, 4)
		b.read(s, "u2", 3)
		wait(c)
		if got := c.take(); !slices.Equal(seqs(got), span(2, 4)) || !slices.Equal(marks(got), []string{"u2 3"}) || notices(got) != 0 {
			t.Errorf("heard by the feed: got %v, want 2 to 4 and one marker", got)
		}
		b.feed.Deaf(true)
		b.say(s, 7)
		b.read(s, "u3", 5)
		b.read(s, "u2", 4)
		b.read(s, "u2", 6)
		b.feed.Deaf(false)
		if got := c.take(); len(got) != 0 {
			t.Errorf("lost by the feed: got %v, want nothing yet", got)
		}
		wait(c)
		got := c.take()
		slices.SortFunc(got, func(a, b *clientv1.ServerFrame) int { return int(a.GetEvent().GetSeq()) - int(b.GetEvent().GetSeq()) })
		read := marks(got)
		slices.Sort(read)
		read = slices.Compact(read)
		if !slices.Equal(seqs(got), span(5, 7)) || read[len(read)-1] != "u3 5" || !slices.Contains(read, "u2 6") || notices(got) != 0 {
			t.Errorf("after an interval: got %v, want 5 to 7 and the markers u2 6 and u3 5", got)
		}
		for range 2 {
			wait(c)
			if got := c.take(); len(got) != 0 {
				t.Errorf("when all is made good: got %v, want nothing", got)
			}
		}
	})
}

// TestSilentLossOfANotice: who is put into a session and does not hear of it is told to sync.
func TestSilentLossOfANotice(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u2")
		c.take()
		b.add(s, "u2")
		wait(c)
		if got := notices(c.take()); got != 1 {
			t.Errorf("%d notices of what was heard, want one", got)
		}
		b.feed.Deaf(true)
		b.remove(s, "u2")
		b.feed.Deaf(false)
		wait(c)
		got := c.take()
		if len(got) != 1 || got[0].GetNotice() == nil || got[0].GetNotice().GetSession() != "" {
			t.Errorf("after an interval: got %v, want a notice without a session", got)
		}
		wait(c)
		if got := c.take(); len(got) != 0 {
			t.Errorf("then: got %v, want nothing", got)
		}
	})
}

// TestLostForGood: what docs/protocol.md says that gateways don't make good.
func TestLostForGood(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.Joining = events.JoiningApproval }, "u2")
		b.say(s, 3)
		admin, asks := b.hello("u1"), b.hello("u3")
		admin.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		wait(admin, asks)
		admin.take()
		asks.take()
		change := func(message events.Seq) {
			b.world.Must("u2", fmt.Sprint("got", message), s, events.MarkDelivered{Seq: message})
			b.world.Must("u2", fmt.Sprint("report", message), s, events.Report{Seq: message, Reason: "rude"})
			b.world.Must("u3", fmt.Sprint("ask", message), s, events.Ask{})
			b.world.Must("u1", fmt.Sprint("refuse", message), s, events.Refuse{Users: []events.UserID{"u3"}})
			wait(admin, asks)
		}
		change(2)
		if got := admin.take(); !slices.Equal(seqs(got), span(4, 5)) || len(got) != 4 {
			t.Errorf("nothing lost: the admin got %v, want a marker, a report, a request and its answer", got)
		}
		if got := asks.take(); len(got) != 1 || !got[0].GetNotice().GetRefused() {
			t.Errorf("nothing lost: who asked got %v, want to be refused", got)
		}
		b.feed.Deaf(true)
		change(3)
		b.feed.Deaf(false)
		wait(admin, asks)
		if got := admin.take(); !slices.Equal(seqs(got), span(6, 7)) || len(got) != 2 {
			t.Errorf("all lost: the admin got %v, want the request and its answer alone", got)
		}
		if got := asks.take(); len(got) != 0 {
			t.Errorf("all lost: who asked got %v, want nothing", got)
		}
		members := admin.ask(fmt.Sprintf(`{"id":"m","members":{"session":%q}}`, s)).GetMembers().GetMembers()
		if len(members) != 2 || members[1].GetDelivered() != 3 {
			t.Errorf("members: got %v, want that u2 has got 3", members)
		}
	})
}

// TestAwayTooLong: when changes reach no longer back, all heads are compared, however
// long it takes to read them.
func TestAwayTooLong(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u1")
		c.take()
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		b.feed.Deaf(true)
		b.say(s, 5)
		b.feed.Deaf(false)
		b.world.Forget()
		b.world.Rebuild(true)
		wait(c)
		if got := c.take(); len(seqs(got)) != 0 || notices(got) != 1 {
			t.Errorf("while the view is rebuilt: got %v, want a notice alone", got)
		}
		b.world.Rebuild(false)
		wait(c)
		if got := c.take(); !slices.Equal(seqs(got), span(2, 5)) {
			t.Errorf("then: got %v, want 2 to 5", got)
		}
	})
}

// TestWholeAgain: who read an older copy of the view gets what it lacked once the view is
// whole again, though nothing else happens in that session.
func TestWholeAgain(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.say(s, 5)
		c := b.hello("u1")
		wait(c)
		b.world.FailOver(s, 2)
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		b.feed.Resubscribe()
		wait(c)
		c.take()
		b.world.Replay()
		wait(c)
		if got := c.take(); !slices.Equal(seqs(got), span(3, 5)) || notices(got) != 1 {
			t.Errorf("when the view is whole again: got %v, want 3 to 5 and a notice", got)
		}
		wait(c)
		if got := c.take(); len(got) != 0 {
			t.Errorf("when all is made good: got %v, want nothing", got)
		}
	})
}

// TestComparesWhoIsComing: heads are compared for those, too, whose subscription was only
// being read when the heads could not be.
func TestComparesWhoIsComing(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.say(s, 5)
		c := b.hello("u1")
		wait(c)
		c.take()
		b.world.FailOver(s, 2)
		b.world.Lag(4 * time.Second)
		time.AfterFunc(time.Second, func() {
			b.world.FailOver(s, 0)
			b.world.Rebuild(true)
			b.feed.Resubscribe()
		})
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		if got := c.take(); len(seqs(got)) != 0 || notices(got) != 1 {
			t.Errorf("before heads can be read: got %v, want no event", got)
		}
		b.world.Rebuild(false)
		pass(6 * time.Second)
		if got := c.take(); !slices.Equal(seqs(got), span(3, 5)) {
			t.Errorf("then: got %v, want 3 to 5", got)
		}
	})
}

// TestComparesManySessions: more than one read takes.
func TestComparesManySessions(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		c.take()
		b.feed.Deaf(true)
		const n = 600
		for i := range n {
			create := events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup]}
			id := fmt.Sprint("create", i)
			s := events.NewSessionID(create, "u1", id)
			b.world.Must("u1", id, s, create)
			c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
			b.world.Must("u1", "say", s, events.Send{Body: events.TextBody("hello")})
		}
		b.feed.Deaf(false)
		c.take()
		b.feed.Resubscribe()
		pass(time.Second)
		if got := seqs(c.take()); len(got) != n {
			t.Errorf("%d events after all heads were compared, want %d", len(got), n)
		}
	})
}

// Notices may have been missed: everybody syncs, and not all at once.
func TestUsersAreToldOneByOne(t *testing.T) {
	run(t, nil, func(b *bench) {
		const n = 100
		var clients []*client
		for i := range n {
			clients = append(clients, b.hello(events.UserID(fmt.Sprint("u", i))))
		}
		told := func() (told int) {
			for _, c := range clients {
				for _, f := range c.take() {
					if m := f.GetNotice(); m != nil && m.GetSession() == "" {
						told++
					}
				}
			}
			return told
		}
		pass(time.Second)
		told()
		b.gw.Resubscribed()
		pass(40 * time.Millisecond)
		if some := told(); some < 30 || some > 50 {
			b.t.Errorf("after 40 ms %d of %d are told, want one each ms", some, n)
		}
		pass(80 * time.Millisecond)
		if rest := told(); rest < 50 || rest > 70 {
			b.t.Errorf("in the end %d more are told, want the rest", rest)
		}
	})
}
