package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
)

// signs has a service say something of a user's logins.
func (b *bench) signs(user events.UserID, op events.Op) {
	b.t.Helper()
	if o := b.decide(user, op); !isAccepted(o) {
		b.t.Fatalf("%s of %s: %+v", op.Name(), user, o.Result)
	}
}

// decide is signs, whatever comes of it.
func (b *bench) decide(user events.UserID, op events.Op) events.Outcome {
	b.t.Helper()
	c := events.Command{
		Session: events.NewSelfID(user), Actor: events.Actor{User: user, Service: "login"}, ClientID: fmt.Sprint("signs-", time.Now().UnixNano(), op), Op: op,
	}
	c.ClientID = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, c.ClientID)[:min(128, len(c.ClientID))]
	o, value := b.world.Do(c)
	b.world.Publish(o, value)
	return o
}

func isAccepted(o events.Outcome) bool {
	_, ok := o.Result.(events.Accepted)
	return ok
}

// self begins users' accounts.
func (b *bench) self(users ...events.UserID) {
	for _, u := range users {
		b.hello(u).leave()
	}
}

// signedIn is a connection of a new login on a device.
func (b *bench) signedIn(user events.UserID, login, device string) *client {
	b.t.Helper()
	b.signs(user, events.SignIn{Login: login, Device: device, Kind: "phone"})
	c := b.connect()
	if reply := b.helloOf(c, user, login, device); reply.code != "" {
		b.t.Fatalf("hello of %s: %s", login, reply.code)
	}
	return c
}

// greeting is what a hello was answered with, and the connection closed with, if it was.
type greeting struct{ code, closed events.Code }

func (b *bench) helloOf(c *client, user events.UserID, login, device string) greeting {
	b.t.Helper()
	return b.helloAs(c, auth.Identity{User: user, Login: login, Device: device}, "")
}

func (b *bench) helloAs(c *client, id auth.Identity, device string) greeting {
	b.t.Helper()
	reply := c.ask(`{"id":"h","hello":{"token":"` + b.token(id) + `","device":"` + device + `"}}`)
	return greeting{events.Code(reply.GetError().GetCode()), c.code()}
}

// What a connection hears was settled when it began: a token that is good for less, or of somebody else, takes no other's place.
func TestRenewalsAreForNoLess(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		whole := auth.Identity{User: "u1"}
		reads := auth.Identity{User: "u1", Client: "web", Scopes: []auth.Scope{auth.ScopeRead}}
		service := auth.Identity{User: "u1", Service: "bridge"}
		for _, c := range []struct {
			what    string
			had, is auth.Identity
			code    events.Code
		}{
			{"the same", whole, whole, ""}, {"more", reads, whole, ""}, {"less", whole, reads, events.CodeWrongLogin},
			{"a user's for a service's", service, whole, events.CodeWrongLogin}, {"a service's for a user's", whole, service, events.CodeWrongLogin},
		} {
			conn := b.connect()
			if got := b.helloAs(conn, c.had, ""); got.code != "" {
				t.Fatalf("%s: %+v", c.what, got)
			}
			if got := b.helloAs(conn, c.is, ""); got.code != c.code || got.closed != "" {
				t.Errorf("%s: %+v, want %q", c.what, got, c.code)
			}
		}
	})
}

// A hello that is refused while its user is told something holds nobody up.
func TestARefusedHelloWhileOthersAreTold(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		b.hello("u1")
		ended := auth.Identity{User: "u1", Login: "gone", Device: "d"}
		var telling sync.WaitGroup
		for i := range 200 {
			c := b.connect()
			telling.Go(func() {
				b.world.Must("u2", fmt.Sprint("group-", i), events.NewSessionID(events.Create{Kind: events.KindGroup}, "u2", fmt.Sprint("group-", i)),
					events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup], Members: []events.NewMember{{User: "u1", Role: events.RoleMember}}})
			})
			if got := b.helloAs(c, ended, ""); got.code != events.CodeLoginEnded {
				t.Fatalf("%+v", got)
			}
		}
		telling.Wait()
	})
}

// F18 c.
func TestASignOutEndsItsConnections(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1", "u2")
		a, gone, u2 := b.signedIn("u1", "la", "a"), b.signedIn("u1", "lb", "b"), b.hello("u2")
		service := b.connect()
		if got := b.helloAs(service, auth.Identity{User: "u1", Service: "bridge"}, ""); got.code != "" {
			t.Fatal(got.code)
		}
		s := direct(t, b.hello("u1"))
		for _, c := range []*client{a, gone} {
			c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
			c.take()
		}
		if ack := a.ask(`{"id":"o","client_id":"o","sign_out":{"devices":["b"]}}`).GetAck(); ack.GetSeq() == 0 {
			t.Fatal("the sign-out was not accepted")
		}
		if code := gone.code(); code != events.CodeLoginEnded {
			t.Errorf("at once: closed with %q, want LOGIN_ENDED", code)
		}
		commands := len(b.world.Commands())
		gone.ask(send("late", s, "x"))
		u2.ask(send("m", s, "x"))
		if got := len(b.world.Commands()); got != commands+1 {
			t.Errorf("%d commands are in the log, want %d: one was sent after the login ended", got, commands+1)
		}
		if got := seqs(a.take()); !slices.Equal(got, []uint64{2}) || a.code() != "" || service.code() != "" {
			t.Errorf("the other device was given %v; closed with %q, a service with %q", got, a.code(), service.code())
		}
		if got := b.helloOf(b.connect(), "u1", "lb", "b"); got != (greeting{events.CodeLoginEnded, events.CodeLoginEnded}) {
			t.Errorf("coming again: %+v", got)
		}
	})
}

// A program that a user let do less hears no less of its login's end.
func TestALoginEndsWhateverItsScopes(t *testing.T) {
	for _, scopes := range [][]auth.Scope{{}, {auth.ScopeRead}, {auth.ScopeWrite}} {
		run(t, nil, func(b *bench) {
			b.self("u1", "u2")
			b.signs("u1", events.SignIn{Login: "l", Device: "d", Kind: "phone"})
			c := b.connect()
			b.helloAs(c, auth.Identity{User: "u1", Login: "l", Device: "d", Client: "web", Scopes: scopes}, "")
			c.take()
			b.hello("u2").ask(`{"id":"g","client_id":"g","create":{"kind":"KIND_GROUP","members":[{"user":"u1","role":"ROLE_MEMBER"}]}}`)
			if told := len(c.take()) > 0; told != slices.Contains(scopes, auth.ScopeRead) {
				b.t.Errorf("with %q it was told of a group: %v", scopes, told)
			}
			b.signs("u1", events.SignOut{All: true, Reason: events.SignOutLogout})
			if code := c.code(); code != events.CodeLoginEnded {
				b.t.Errorf("with %q it was closed with %q", scopes, code)
			}
		})
	}
}

// Who signs themselves out hears that it is done, and then goes; what others say meanwhile is not theirs any more.
func TestSigningOneselfOut(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1", "u2")
		c := b.signedIn("u1", "l1", "a")
		s := direct(t, b.hello("u1"))
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
		if ack := c.ask(`{"id":"o","client_id":"o","sign_out":{"all":true}}`).GetAck(); ack.GetSeq() == 0 {
			t.Error("the sign-out was not answered")
		}
		if code := c.code(); code != events.CodeLoginEnded {
			t.Errorf("closed with %q, want LOGIN_ENDED", code)
		}
		// One who waits for an answer that does not come goes within two seconds.
		d := b.signedIn("u1", "l2", "a")
		d.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
		d.take()
		resume := b.world.Stall()
		d.ask(send("m", s, "never answered"))
		o, value := b.world.Do(events.Command{Session: events.SessionID(s), Actor: events.Actor{User: "u2"}, ClientID: "secret", Op: events.Send{Body: events.TextBody("x")}})
		b.signs("u1", events.SignOut{All: true, Reason: events.SignOutAdmin})
		b.world.Publish(o, value)
		if got := d.take(); len(got) > 0 {
			t.Errorf("after the login ended it was told %v", got)
		}
		pass(2 * time.Second)
		if code := d.code(); code != events.CodeLoginEnded {
			t.Errorf("after 2 s: closed with %q, want LOGIN_ENDED", code)
		}
		resume()
	})
}

func TestAnotherSignInReplaces(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		old, other := b.signedIn("u1", "l1", "a"), b.signedIn("u1", "l2", "b")
		b.signs("u1", events.SignIn{Login: "l3", Device: "a", Kind: "phone"})
		if code := old.code(); code != events.CodeLoginReplaced || other.code() != "" {
			t.Errorf("closed with %q, want LOGIN_REPLACED; another device with %q", code, other.code())
		}
		if got := b.helloOf(b.connect(), "u1", "l1", "a"); got.code != events.CodeLoginReplaced {
			t.Errorf("coming again: %+v", got)
		}
		b.signs("u1", events.SignIn{Login: "l4", Device: "c", Kind: "phone", Most: 1})
		if code := other.code(); code != events.CodeLoginReplaced {
			t.Errorf("one too many: closed with %q, want LOGIN_REPLACED", code)
		}
	})
}

// F18 d.
func TestABanEndsAll(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		conns := []*client{b.signedIn("u1", "l1", "a"), b.signedIn("u1", "l2", "b"), b.hello("u1")}
		service := b.connect()
		b.helloAs(service, auth.Identity{User: "u1", Service: "bridge"}, "")
		b.signs("u1", events.Ban{Reason: "spam"})
		for i, c := range conns {
			if code := c.code(); code != events.CodeAccountBanned {
				t.Errorf("connection %d: closed with %q, want ACCOUNT_BANNED", i, code)
			}
		}
		if code := service.code(); code != "" {
			t.Errorf("a service: closed with %q", code)
		}
		for _, id := range []auth.Identity{{User: "u1", Login: "l1", Device: "a"}, {User: "u1"}} {
			if got := b.helloAs(b.connect(), id, ""); got != (greeting{events.CodeAccountBanned, events.CodeAccountBanned}) {
				t.Errorf("%+v: %+v, want ACCOUNT_BANNED", id, got)
			}
		}
		b.signs("u1", events.Unban{})
		if got := b.helloAs(b.connect(), auth.Identity{User: "u1"}, ""); got.code != "" {
			t.Errorf("unbanned: %+v", got)
		}
		if got := b.helloOf(b.connect(), "u1", "l1", "a"); got.code != events.CodeLoginEnded {
			t.Errorf("a login of before the ban: %+v, want LOGIN_ENDED", got)
		}
	})
}

func TestAClosedAccountHasNoConnections(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		c, other := b.signedIn("u1", "l1", "a"), b.hello("u1")
		if ack := c.ask(`{"id":"c","client_id":"c","close_account":{}}`).GetAck(); ack.GetSeq() == 0 {
			t.Error("closing was not answered")
		}
		if c.code() != events.CodeAccountClosed || other.code() != events.CodeAccountClosed {
			t.Errorf("closed with %q and %q, want ACCOUNT_CLOSED", c.code(), other.code())
		}
		if got := b.helloAs(b.connect(), auth.Identity{User: "u1"}, ""); got.code != events.CodeAccountClosed {
			t.Errorf("coming again: %+v", got)
		}
	})
}

// What the feed loses is found by what was noted, and after a longer silence by looking at all.
func TestALostEndIsFound(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1", "u2")
		pass(20 * time.Second) // its places are known
		noted := b.signedIn("u1", "l1", "a")
		b.feed.Deaf(true)
		b.signs("u1", events.SignOut{All: true, Reason: events.SignOutPassword})
		b.feed.Deaf(false)
		if code := noted.code(); code != "" {
			t.Fatalf("closed with %q at once, though nothing was heard", code)
		}
		for range 2 {
			pass(8 * time.Second)
			noted.conn.Heard()
		}
		if code := noted.code(); code != events.CodeLoginEnded {
			t.Errorf("after 16 s: closed with %q, want LOGIN_ENDED", code)
		}
		banned := b.hello("u2")
		b.feed.Deaf(true)
		b.signs("u2", events.Ban{})
		b.feed.Deaf(false)
		b.world.Rebuild(true)
		b.feed.Resubscribe()
		pass(time.Second)
		if code := banned.code(); code != "" {
			t.Errorf("closed with %q while nobody knows", code)
		}
		b.world.Rebuild(false)
		pass(5 * time.Second)
		if code := banned.code(); code != events.CodeAccountBanned {
			t.Errorf("closed with %q, want ACCOUNT_BANNED", code)
		}
	})
}

func TestTokensOfLogins(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		c := b.signedIn("u1", "l1", "a")
		b.signs("u1", events.SignIn{Login: "l2", Device: "b", Kind: "web", Client: "an app"})
		l1, l2 := auth.Identity{User: "u1", Login: "l1", Device: "a"}, auth.Identity{User: "u1", Login: "l2", Device: "b"}
		for what, of := range map[string]struct {
			c      *client
			id     auth.Identity
			device string
			want   events.Code
		}{
			"renewal":                         {c, l1, "a", ""},
			"renewal by another login":        {c, l2, "", events.CodeWrongLogin},
			"renewal on another device":       {c, l1, "b", events.CodeWrongLogin},
			"renewal by a token of no login":  {c, auth.Identity{User: "u1"}, "x", ""},
			"another device than the token's": {b.connect(), l1, "b", events.CodeWrongLogin},
			"a login that never was":          {b.connect(), auth.Identity{User: "u1", Login: "l9", Device: "c"}, "", events.CodeLoginEnded},
			"another device's login":          {b.connect(), auth.Identity{User: "u1", Login: "l1", Device: "c"}, "", events.CodeLoginEnded},
			"a login of who never was here":   {b.connect(), auth.Identity{User: "u7", Login: "l1", Device: "c"}, "", events.CodeLoginEnded},
		} {
			if what == "renewal by a token of no login" {
				continue // afterwards
			}
			if got := b.helloAs(of.c, of.id, of.device); got.code != of.want {
				t.Errorf("%s: %+v, want %q", what, got, of.want)
			}
		}
		want := `logins:{login:"l1" device:"a" kind:"phone" this} logins:{login:"l2" device:"b" kind:"web" client:"an app"}`
		var told []string
		for _, l := range c.ask(`{"id":"l","logins":{}}`).GetLogins().GetLogins() {
			one := fmt.Sprintf("login:%q device:%q kind:%q", l.GetLogin(), l.GetDevice(), l.GetKind())
			if l.GetClient() != "" {
				one += fmt.Sprintf(" client:%q", l.GetClient())
			}
			if l.GetThis() {
				one += " this"
			}
			if l.GetSinceMs() == 0 {
				t.Error("nothing says since when")
			}
			told = append(told, "logins:{"+one+"}")
		}
		if got := strings.Join(told, " "); got != want {
			t.Errorf("logins: %s, want %s", got, want)
		}
		if got := b.helloAs(c, auth.Identity{User: "u1"}, "x"); got.code != "" {
			t.Errorf("renewal by a token of no login: %+v", got)
		}
		// A login that cannot be looked at may have ended.
		b.world.Rebuild(true)
		late := b.connect()
		if got := b.helloAs(late, l1, ""); got != (greeting{code: events.CodeTryAgain}) {
			t.Errorf("while the view is rebuilt: %+v, want TRY_AGAIN", got)
		}
		wantError(t, "behind a hello that was not taken", late.ask(`{"id":"p","ping":{}}`), events.CodeHelloRequired)
		if got := b.helloAs(b.connect(), auth.Identity{User: "u1"}, ""); got.code != "" {
			t.Errorf("no login, while the view is rebuilt: %+v", got)
		}
		b.world.Rebuild(false)
		if got := b.helloAs(late, l1, ""); got.code != "" {
			t.Errorf("once more: %+v", got)
		}
	})
}

// What is said in the moment in which a token expires does not reach whoever has it, though the gateway looks at deadlines only later.
func TestNothingIsDeliveredAfterExpiry(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1")
		other := b.hello("u1")
		s := direct(t, other)
		pass(400 * time.Millisecond)
		o := b.another("g2")
		c := o.connect()
		end := time.Now().Truncate(time.Second).Add(10 * time.Second) // exp has whole seconds
		c.hello(auth.Identity{User: "u2", Expires: end})
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"1"}}`, s))
		c.take()
		pass(time.Until(end))
		if code := c.code(); code != "" {
			t.Fatalf("closed with %q too early for this test", code)
		}
		other.ask(send("m", s, "x"))
		if got := c.take(); len(got) > 0 || c.code() != events.CodeTokenExpired {
			t.Errorf("in the moment of expiry it was told %v; closed with %q", got, c.code())
		}
		o.stop()
	})
}

func TestScopes(t *testing.T) {
	run(t, nil, func(b *bench) {
		b.self("u1", "u2")
		s := direct(t, b.hello("u1"))
		frames := map[auth.Scope][]string{
			auth.ScopeRead:  {`{"id":"1","sync":{}}`, `{"id":"1","logins":{}}`, `{"id":"1","as_user":"u2","sessions":{}}`, fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, s)},
			auth.ScopeWrite: {send("1", s, "x"), fmt.Sprintf(`{"id":"1","typing":{"session":%q}}`, s), `{"id":"1","client_id":"sd","set_device":{"device":"d","push":{"token":"t"}}}`},
			auth.ScopeAccounts: {
				`{"id":"1","client_id":"a1","sign_up":{"method":"open"}}`, `{"id":"1","client_id":"a2","sign_in":{"login":"l","device":"d","kind":"web"}}`,
				`{"id":"1","client_id":"a3","sign_out":{"all":true,"reason":"admin"}}`, `{"id":"1","client_id":"a4","ban":{"reason":"x"}}`,
				`{"id":"1","client_id":"a5","unban":{}}`,
			},
		}
		written := func(scope auth.Scope) int {
			before := len(b.world.Commands())
			c := b.connect()
			if got := b.helloAs(c, auth.Identity{User: "u1", Service: "svc", Scopes: []auth.Scope{scope}}, ""); got.code != "" {
				t.Fatalf("%s: %+v", scope, got)
			}
			for needed, all := range frames {
				for _, frame := range all {
					if code := c.ask(frame).GetError().GetCode(); (code == string(events.CodeScopeRequired)) != (needed != scope) || code != "" && needed == scope {
						t.Errorf("with %s %s: %q", scope, frame, code)
					}
				}
			}
			c.leave()
			return len(b.world.Commands()) - before
		}
		for scope, want := range map[auth.Scope]int{auth.ScopeRead: 0, auth.ScopeImport: 0, auth.ScopeWrite: 2, auth.ScopeAccounts: 5} {
			if got := written(scope); got != want {
				t.Errorf("with %s %d commands came into the log, want %d", scope, got, want)
			}
		}
		for scopes, want := range map[string]events.Code{"write": events.CodeScopeRequired, "write import": ""} {
			c := b.connect()
			var of []auth.Scope
			for _, name := range strings.Fields(scopes) {
				of = append(of, auth.Scope(name))
			}
			b.helloAs(c, auth.Identity{User: "u1", Service: "svc", Scopes: of}, "")
			for _, frame := range []string{
				fmt.Sprintf(`{"id":"1","client_id":"i%d","origin_time_ms":"5","send":{"session":%q,"text":"x"}}`, len(of), s),
				fmt.Sprintf(`{"id":"1","client_id":"b%d","create":{"kind":"KIND_GROUP","base":"5"}}`, len(of)),
			} {
				if code := c.ask(frame).GetError().GetCode(); code != string(want) {
					t.Errorf("with %s %s: %q, want %q", scopes, frame, code, want)
				}
			}
		}
		// A user is not one.
		user := b.hello("u1")
		commands := len(b.world.Commands())
		for _, frame := range append(frames[auth.ScopeAccounts], `{"id":"1","client_id":"r","sign_out":{"all":true,"reason":"replaced"}}`) {
			wantError(t, frame, user.ask(frame), events.CodeServiceTokenRequired)
		}
		if got := len(b.world.Commands()); got != commands {
			t.Error("a user's command for services came into the log")
		}
		// Nor is a program that a user signed in with, and lets read alone.
		reader := b.connect()
		b.helloAs(reader, auth.Identity{User: "u1", Client: "web", Scopes: []auth.Scope{auth.ScopeRead}}, "")
		for _, frame := range frames[auth.ScopeWrite] {
			wantError(t, frame, reader.ask(frame), events.CodeScopeRequired)
		}
		if code := reader.ask(`{"id":"1","sync":{}}`).GetError().GetCode(); code != "" {
			t.Errorf("a program that may read is refused to: %s", code)
		}
		// A service that may not read hears no notices either.
		deaf := b.connect()
		b.helloAs(deaf, auth.Identity{User: "u1", Service: "svc", Scopes: []auth.Scope{auth.ScopeWrite}}, "")
		deaf.take()
		b.hello("u2").ask(`{"id":"g","client_id":"g","create":{"kind":"KIND_GROUP","members":[{"user":"u1","role":"ROLE_MEMBER"}]}}`)
		if got := deaf.take(); len(got) > 0 {
			t.Errorf("a service that may not read was told %v", got)
		}
	})
}
