package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
)

// group opens a group of u1, with others as members, and gives its id.
func (b *bench) group(change func(*events.Policy), others ...events.UserID) events.SessionID {
	create := events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup]}
	if change != nil {
		change(&create.Policy)
	}
	for _, u := range others {
		create.Members = append(create.Members, events.NewMember{User: u, Role: events.RoleMember})
	}
	s := events.NewSessionID(create, "u1", "create")
	b.world.Must("u1", "create", s, create)
	return s
}

// say sends texts as u1 until the head is seq.
func (b *bench) say(s events.SessionID, seq events.Seq) {
	for {
		timeline := b.world.Timeline(s)
		head := timeline[len(timeline)-1].Seq
		if head >= seq {
			return
		}
		b.world.Must("u1", fmt.Sprint("say", head), s, events.Send{Body: events.TextBody(fmt.Sprint("text ", head+1))})
	}
}

func (b *bench) add(s events.SessionID, u events.UserID) {
	b.world.Must("u1", fmt.Sprint("add", len(b.world.Timeline(s))), s, events.Add{Members: []events.NewMember{{User: u, Role: events.RoleMember}}})
}

func (b *bench) remove(s events.SessionID, u events.UserID) {
	b.world.Must("u1", fmt.Sprint("remove", len(b.world.Timeline(s))), s, events.Remove{Users: []events.UserID{u}})
}

func pageSeqs(p *clientv1.HistoryPage) []uint64 {
	var out []uint64
	for _, e := range p.GetEvents() {
		out = append(out, e.GetSeq())
	}
	return out
}

func span(first, last uint64) []uint64 {
	var out []uint64
	for s := first; s <= last; s++ {
		out = append(out, s)
	}
	return out
}

// F09: stays 2 to 20 and from 31 on.
func TestHistoryShowsStaysOnly(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.add(s, "u2")
		b.say(s, 19)
		b.remove(s, "u2")
		b.say(s, 30)
		b.add(s, "u2")
		b.say(s, 40)
		c := b.hello("u2")
		visible := append(span(2, 20), span(31, 40)...)
		var back []uint64
		var hidden []string
		note := func(p *clientv1.HistoryPage) {
			for _, r := range p.GetHidden() {
				if text := fmt.Sprint(r.GetFirst(), "-", r.GetLast()); !slices.Contains(hidden, text) {
					hidden = append(hidden, text)
				}
			}
		}
		before := ""
		for range 20 {
			p := c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"limit":4%s}}`, s, before)).GetHistory()
			note(p)
			back = append(pageSeqs(p), back...)
			before = fmt.Sprintf(`,"before":"%d"`, back[0])
			if !p.GetMore() {
				break
			}
		}
		if !slices.Equal(back, visible) || !slices.Equal(hidden, []string{"21-30"}) {
			t.Errorf("walking back: got %v hidden %v, want %v hidden 21-30", back, hidden, visible)
		}
		var forward []uint64
		hidden = nil
		after := uint64(1)
		for range 20 {
			p := c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"limit":4,"after":"%d"}}`, s, after)).GetHistory()
			note(p)
			forward = append(forward, pageSeqs(p)...)
			after = forward[len(forward)-1]
			if !p.GetMore() {
				break
			}
		}
		if !slices.Equal(forward, visible) || !slices.Equal(hidden, []string{"21-30"}) {
			t.Errorf("walking forward: got %v hidden %v, want %v hidden 21-30", forward, hidden, visible)
		}
	})
}

// F08, and what the policy "all" shows.
func TestHistoryEndsWithTheStay(t *testing.T) {
	for _, history := range []events.History{events.HistoryStay, events.HistoryAll} {
		run(t, nil, func(b *bench) {
			s := b.group(func(p *events.Policy) { p.History = history })
			b.say(s, 5)
			b.add(s, "u2")
			b.say(s, 9)
			b.remove(s, "u2")
			b.say(s, 15)
			c, stranger := b.hello("u2"), b.hello("u9")
			first := uint64(6)
			if history == events.HistoryAll {
				first = 1
			}
			p := c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory()
			if got := pageSeqs(p); !slices.Equal(got, span(first, 10)) || p.GetMore() {
				t.Errorf("history %d: a former member sees %v, more %v; want %v", history, got, p.GetMore(), span(first, 10))
			}
			wantError(t, "above the stay", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"after":"10"}}`, s)), events.CodeNotAMember)
			wantError(t, "subscribe", c.ask(fmt.Sprintf(`{"id":"h","subscribe":{"session":%q}}`, s)), events.CodeNotAMember)
			wantError(t, "members", c.ask(fmt.Sprintf(`{"id":"h","members":{"session":%q}}`, s)), events.CodeNotAMember)
			wantError(t, "a stranger", stranger.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)), events.CodeNotAMember)
		})
	}
}

func TestHistoryMeetsTheWindowsEnd(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.say(s, 20)
		b.world.Trim(s, 11)
		c := b.hello("u1")
		p := c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory()
		if got := pageSeqs(p); !slices.Equal(got, span(11, 20)) || !p.GetMore() || !p.GetWindowEnd() {
			t.Errorf("newest page: %v, more %v, window_end %v; want 11 to 20, true, true", got, p.GetMore(), p.GetWindowEnd())
		}
		p = c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"limit":5}}`, s)).GetHistory()
		if got := pageSeqs(p); !slices.Equal(got, span(16, 20)) || !p.GetMore() || p.GetWindowEnd() {
			t.Errorf("a page within: %v, more %v, window_end %v; want 16 to 20, true, false", got, p.GetMore(), p.GetWindowEnd())
		}
		p = c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"after":"3"}}`, s)).GetHistory()
		if !p.GetWindowEnd() || len(p.GetEvents()) > 0 && p.GetEvents()[0].GetSeq() > 4 {
			t.Errorf("forward from below the window: %v; want window_end and no events across the hole", p)
		}
		sub := c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"3"}}`, s)).GetSubscribed()
		if got := seqs(c.take()); sub.GetFrom() != 10 || sub.GetHead() != 20 || !slices.Equal(got, span(11, 20)) {
			t.Errorf("subscribe after 3: %v and events %v; want from 10, head 20, 11 to 20", sub, got)
		}
	})
}

// F04: no version of a revoked message is shown.
func TestPagesShowNoRevokedText(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		b.say(s, 5)
		b.world.Must("u1", "o", s, events.Override{Seq: 3, Body: events.TextBody("text changed")})
		b.world.Must("u1", "o2", s, events.Override{Seq: 4, Body: events.TextBody("kept")})
		b.world.Must("u1", "r", s, events.Revoke{Seq: 3})
		b.world.Must("u1", "d", s, events.Delete{Seq: 5})
		c := b.hello("u2")
		page := c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory().GetEvents()
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
		live := []*clientv1.Event{nil}
		for _, f := range c.take() {
			if e := f.GetEvent(); e != nil {
				live = append(live, e)
			}
		}
		for what, got := range map[string][]*clientv1.Event{"history": page, "subscription": live} {
			if len(got) != 9 {
				t.Fatalf("%s has %d events, want 9: %v", what, len(got), got)
			}
			if e := got[2].GetSent(); e.GetText() != "" || e.GetRevoked() != 8 {
				t.Errorf("%s: revoked message is %v", what, e)
			}
			if e := got[3].GetSent(); e.GetText() != "kept" || e.GetOverridden() != 7 {
				t.Errorf("%s: overridden message is %v", what, e)
			}
			if e := got[4].GetSent(); e.GetText() != "" || e.GetDeleted() != 9 {
				t.Errorf("%s: deleted message is %v", what, e)
			}
			if e := got[5].GetOverridden(); e.GetText() != "" || e.GetTarget() != 3 {
				t.Errorf("%s: override of the revoked message is %v", what, e)
			}
			if e := got[6].GetOverridden(); e.GetText() != "kept" {
				t.Errorf("%s: override of the other message is %v", what, e)
			}
		}
	})
}

// F07 a.
func TestSync(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		b.say(s, 8)
		b.world.Must("u2", "m", s, events.MarkRead{Seq: 3})
		state := func() *clientv1.SessionState {
			for _, st := range b.hello("u2").ask(`{"id":"y","sync":{}}`).GetSync().GetSessions() {
				if st.GetSession() == string(s) {
					return st
				}
			}
			return nil
		}
		for _, step := range []struct {
			revoke          []events.Seq
			unread, preview uint64
		}{{nil, 5, 8}, {[]events.Seq{5, 8}, 3, 7}, {[]events.Seq{2}, 3, 7}, {[]events.Seq{4, 6, 7}, 0, 3}, {[]events.Seq{3}, 0, 0}} {
			for _, seq := range step.revoke {
				b.world.Must("u1", fmt.Sprint("revoke", seq), s, events.Revoke{Seq: seq})
			}
			if got := state(); got.GetUnread() != step.unread || got.GetPreview().GetSeq() != step.preview || !got.GetMember() || got.GetMarker() != 3 {
				t.Errorf("after revoking %v: %v; want unread %d, preview %d", step.revoke, got, step.unread, step.preview)
			}
		}
		b.remove(s, "u2")
		b.say(s, 30)
		if got := state(); got.GetMember() || got.GetSeq() >= 30 {
			t.Errorf("a former member sees %v; want no activity after leaving", got)
		}
	})
}

func TestPagesOfLists(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3", "u4", "u5")
		c := b.hello("u1")
		var members []string
		for next := ""; ; {
			p := c.ask(fmt.Sprintf(`{"id":"m","members":{"session":%q,"limit":2,"cursor":%q}}`, s, next)).GetMembers()
			for _, m := range p.GetMembers() {
				members = append(members, m.GetUser())
			}
			if p.GetTotal() != 5 {
				t.Errorf("total is %d, want 5", p.GetTotal())
			}
			if next = p.GetNext(); next == "" {
				break
			}
		}
		if got := strings.Join(members, " "); got != "u1 u2 u3 u4 u5" {
			t.Errorf("members: %s", got)
		}
		direct(t, c)
		for _, op := range []string{"sync", "sessions"} {
			var got []string
			for next := ""; ; {
				reply := c.ask(fmt.Sprintf(`{"id":"m",%q:{"limit":1,"cursor":%q}}`, op, next))
				got = append(got, reply.GetSessions().GetSessions()...)
				for _, st := range reply.GetSync().GetSessions() {
					got = append(got, st.GetSession())
				}
				next = reply.GetSessions().GetNext() + reply.GetSync().GetNext()
				if next == "" {
					break
				}
			}
			if len(got) != 3 || !slices.IsSorted(got) {
				t.Errorf("%s: got %v, want three sessions, each once", op, got)
			}
		}
	})
}

func TestReadsOfWhatIsNotThere(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u1")
		frames := func(s string) []string {
			return []string{
				fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, s),
				fmt.Sprintf(`{"id":"1","history":{"session":%q}}`, s),
				fmt.Sprintf(`{"id":"1","members":{"session":%q}}`, s),
			}
		}
		for _, f := range frames("g_unknown") {
			wantError(t, f, c.ask(f), events.CodeNoSuchSession)
		}
		b.world.Rebuild(true)
		for _, f := range append(frames(string(s)), `{"id":"1","sync":{}}`, `{"id":"1","sessions":{}}`) {
			wantError(t, f, c.ask(f), events.CodeTryAgain)
		}
		b.world.Rebuild(false)
		for _, f := range []string{
			fmt.Sprintf(`{"id":"1","history":{"session":%q,"limit":201}}`, s),
			fmt.Sprintf(`{"id":"1","history":{"session":%q,"before":"5","after":"1"}}`, s),
			fmt.Sprintf(`{"id":"1","members":{"session":%q,"limit":1001}}`, s),
			fmt.Sprintf(`{"id":"1","subscribe":{"session":%q,"after":"99"}}`, s),
		} {
			wantError(t, f, c.ask(f), events.CodeInvalidField)
		}
	})
}

func TestTooManySubscriptions(t *testing.T) {
	run(t, func(c *gateway.Config) { c.MaxSubscriptions = 1 }, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u1")
		d := direct(t, c)
		for range 2 {
			if f := c.ask(fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, s)); f.GetSubscribed() == nil {
				t.Errorf("subscribe: got %v", f)
			}
		}
		wantError(t, "a second session", c.ask(fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, d)), events.CodeTooManySubscriptions)
		c.ask(fmt.Sprintf(`{"id":"1","unsubscribe":{"session":%q}}`, s))
		if f := c.ask(fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, d)); f.GetSubscribed() == nil {
			t.Errorf("after unsubscribing: got %v", f)
		}
	})
}

func TestMarkersGoToAllWhereReceiptsAreShown(t *testing.T) {
	for limit, want := range map[uint32]int{2: 1, 1: 0} {
		run(t, nil, func(b *bench) {
			s := b.group(func(p *events.Policy) { p.ReceiptsLimit = limit }, "u2")
			b.say(s, 3)
			own, other := b.hello("u2"), b.hello("u1")
			for _, c := range []*client{own, other} {
				c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
				c.take()
			}
			b.world.Must("u2", "read", s, events.MarkRead{Seq: 3})
			synctest.Wait()
			count := func(c *client) (n int) {
				for _, f := range c.take() {
					if f.GetEvent().GetRead().GetMarker() == 3 {
						n++
					}
				}
				return n
			}
			if a, b := count(own), count(other); a != 1 || b != want {
				t.Errorf("receipts up to %d members: own device heard %d, the other member %d; want 1, %d", limit, a, b, want)
			}
			page := other.ask(fmt.Sprintf(`{"id":"m","members":{"session":%q}}`, s)).GetMembers().GetMembers()
			if shown := page[1].GetMarker() == 3; shown != (want == 1) {
				t.Errorf("receipts up to %d members: members page is %v", limit, page)
			}
		})
	}
}

func TestNotices(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u2")
		s := b.group(nil)
		c.take()
		b.add(s, "u2")
		b.remove(s, "u2")
		var got []string
		for _, f := range c.take() {
			if n := f.GetNotice(); n.GetSession() == string(s) {
				got = append(got, fmt.Sprint(n.GetSeq(), n.GetMember()))
			}
		}
		if want := []string{"2 true", "3 false"}; !slices.Equal(got, want) {
			t.Errorf("notices: got %v, want %v", got, want)
		}
	})
}

// TestSyncOfALostSession: a session that is listed, and gone before it is read, is one of a
// view that is not whole.
func TestSyncOfALostSession(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.say(s, 3)
		c := b.hello("u1")
		b.world.Lag(2 * time.Second)
		time.AfterFunc(time.Second, func() { b.world.Lose(s) })
		reply := c.ask(`{"id":"sync","sync":{}}`)
		if code := reply.GetError().GetCode(); code != string(events.CodeTryAgain) {
			t.Errorf("got %v, want %s", reply, events.CodeTryAgain)
		}
	})
}

// TestSyncWhileASessionComes: a list is written a moment before the session is; whoever asks in between waits for it.
func TestSyncWhileASessionComes(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		c := b.hello("u1")
		for _, ask := range []string{`{"id":"sync","sync":{}}`, `{"id":"totals","totals":{}}`} {
			time.AfterFunc(50*time.Millisecond, b.world.Hold(s))
			if reply := c.ask(ask); reply.GetSync() == nil && reply.GetTotals() == nil {
				t.Errorf("%s while a session comes: got %v", ask, reply)
			}
			release := b.world.Hold(s)
			if reply := c.ask(ask); reply.GetError().GetCode() != string(events.CodeTryAgain) {
				t.Errorf("%s while a session does not come: got %v, want %s", ask, reply, events.CodeTryAgain)
			}
			release()
		}
	})
}

// TestSyncBeforeComingIn: a list is written a moment before the user is in; nothing is shown to them of the session then.
func TestSyncBeforeComingIn(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.say(s, 3)
		b.world.List(s, "u2")
		reply := b.hello("u2").ask(`{"id":"sync","sync":{}}`)
		if reply.GetSync() == nil {
			t.Fatalf("got %v, want a page", reply)
		}
		for _, st := range reply.GetSync().GetSessions() {
			if st.GetSession() == string(s) {
				t.Errorf("the user was shown %v before they came in", st)
			}
		}
	})
}
