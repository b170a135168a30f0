package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
)

// page asks for a page of sync, and gives the sessions on it.
func (c *client) page(cursor string, limit int) (*clientv1.SyncPage, []string) {
	p := c.ask(fmt.Sprintf(`{"id":"y","sync":{"cursor":%q,"limit":%d}}`, cursor, limit)).GetSync()
	var ids []string
	for _, s := range p.GetSessions() {
		if s.GetKind() != 0 && s.GetName() != "" {
			ids = append(ids, s.GetName())
		}
	}
	return p, ids
}

// TestSyncByLastActivity: what happened last comes first, and what one is out of last, whatever goes on while a client
// pages: each session is told of once.
func TestSyncByLastActivity(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u2") // whose own session is the oldest
		var all []events.SessionID
		for i := range 9 {
			<-time.After(time.Second)
			create := events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup], Title: fmt.Sprint("g", i), Members: []events.NewMember{{User: "u2", Role: events.RoleMember}}}
			s := events.NewSessionID(create, "u1", fmt.Sprint("create", i))
			b.world.Must("u1", fmt.Sprint("create", i), s, create)
			all = append(all, s)
		}
		say := func(i int) {
			<-time.After(time.Second)
			b.world.Must("u1", fmt.Sprint("say", time.Now().UnixMilli()), all[i], events.Send{Body: events.TextBody("x")})
		}
		say(4)
		<-time.After(time.Second)
		b.remove(all[8], "u2") // what goes on there is not told, not even by the order
		say(8)
		say(0)
		p, got := c.page("", 3)
		if want := []string{"g0", "g4", "g7"}; !slices.Equal(got, want) || p.GetSessions()[0].GetLastTimeMs() <= p.GetSessions()[1].GetLastTimeMs() {
			t.Fatalf("first page %v of %v, want %v", got, p.GetSessions(), want)
		}
		say(1) // not told of yet, and the newest now
		say(0) // told of
		p2, second := c.page(p.GetNext(), 3)
		if want := []string{"g6", "g5", "g3"}; !slices.Equal(second, want) {
			t.Errorf("second page %v, want %v", second, want)
		}
		p3, third := c.page(p2.GetNext(), 4)
		if want := []string{"g2", "g1", "g8"}; !slices.Equal(third, want) {
			t.Errorf("third page %v, want %v", third, want)
		}
		for _, s := range p3.GetSessions() {
			switch {
			case s.GetName() == "g1" && s.GetSeq() != 2:
				t.Errorf("g1 is told of as it stood: %v", s)
			case s.GetName() == "g8" && (s.GetMember() || s.GetLastTimeMs() != 0):
				t.Errorf("g8 is told of to who is out: %v", s)
			}
		}
	})
}

// TestCursorsOfSync: one is good once, on its connection, for its user; a page that failed can be asked for again.
func TestCursorsOfSync(t *testing.T) {
	run(t, nil, func(b *bench) {
		var all []events.SessionID
		for i := range 4 {
			create := events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup], Title: fmt.Sprint("g", i)}
			all = append(all, events.NewSessionID(create, "u1", fmt.Sprint("create", i)))
			b.world.Must("u1", fmt.Sprint("create", i), all[i], create)
		}
		c := b.hello("u1")
		bad := func(what string, c *client, cursor string) {
			t.Helper()
			wantError(t, what, c.ask(fmt.Sprintf(`{"id":"y","sync":{"cursor":%q,"limit":1}}`, cursor)), events.CodeInvalidField)
		}
		p, _ := c.page("", 1)
		for _, cursor := range []string{"x", "1", "1-", "-1", "9-1", "1-2", "1-1-1", "g_x"} {
			bad(cursor, c, cursor)
		}
		bad("another connection", b.hello("u1"), p.GetNext())
		b.world.Rebuild(true)
		wantError(t, "while the view is built", c.ask(fmt.Sprintf(`{"id":"y","sync":{"cursor":%q,"limit":1}}`, p.GetNext())), events.CodeTryAgain)
		b.world.Rebuild(false)
		second, got := c.page(p.GetNext(), 1)
		if len(got) != 1 || second.GetNext() == "" {
			t.Fatalf("after that: %v", second)
		}
		bad("used", c, p.GetNext())
		service := b.connect()
		service.hello(auth.Identity{User: "u1", Service: "bot"})
		mine, _ := service.page("", 1)
		wantError(t, "of another user", service.ask(fmt.Sprintf(`{"id":"y","as_user":"u2","sync":{"cursor":%q,"limit":1}}`, mine.GetNext())), events.CodeInvalidField)
		if again, _ := service.page(mine.GetNext(), 1); len(again.GetSessions()) != 1 {
			t.Errorf("after another user asked with it: %v", again)
		}
		for range 4 {
			c.page("", 1)
		}
		bad("four syncs later", c, second.GetNext())
		third, _ := c.page("", 1)
		for _, s := range all {
			b.world.Lose(s)
		}
		for range 2 { // the cursor is still good: only what it leads to cannot be read
			wantError(t, "sessions that are lost", c.ask(fmt.Sprintf(`{"id":"y","sync":{"cursor":%q,"limit":1}}`, third.GetNext())), events.CodeTryAgain)
		}
	})
}
