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
	"annal/pkg/gateway/auth"
)

// direct opens a session of u1 and u2 and gives its id.
func direct(t *testing.T, c *client) string {
	t.Helper()
	ack := c.ask(`{"id":"d","client_id":"d","create":{"kind":"KIND_DIRECT","members":[{"user":"u2","role":"ROLE_MEMBER"}]}}`).GetAck()
	if ack == nil {
		t.Fatal("no direct session")
	}
	return ack.GetSession()
}

// send is a frame that says something.
func send(id, session, text string) string {
	return fmt.Sprintf(`{"id":%q,"client_id":%q,"send":{"session":%q,"text":%q}}`, id, id, session, text)
}

func wantError(t *testing.T, what string, got *clientv1.ServerFrame, code events.Code) *clientv1.Error {
	t.Helper()
	e := got.GetError()
	if e.GetCode() != string(code) {
		t.Errorf("%s: got %v, want %s", what, got, code)
	}
	if e.GetRetry() != string(code.Info().Retry) {
		t.Errorf("%s: retry is %q, want %q", what, e.GetRetry(), code.Info().Retry)
	}
	return e
}

func TestARepeatGetsTheSameAnswer(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		first := c.ask(send("m1", s, "hello")).GetAck()
		again := c.ask(send("m1", s, "hello")).GetAck()
		if first.GetSeq() != 2 || first.GetIndex() != 1 || first.GetAnswered() != "" {
			t.Errorf("first send: got %v, want seq 2, index 1", first)
		}
		if again.GetSeq() != first.GetSeq() || again.GetMessageId() != first.GetMessageId() || again.GetIndex() != first.GetIndex() ||
			again.GetTimeMs() != first.GetTimeMs() || again.GetAnswered() != string(events.CodeDuplicate) {
			t.Errorf("resend: got %v, want %v answered DUPLICATE", again, first)
		}
		conflict := wantError(t, "another text", c.ask(send("m1", s, "goodbye")), events.CodeClientIDConflict)
		if conflict.GetSeq() != first.GetSeq() {
			t.Errorf("conflict names seq %d, want %d", conflict.GetSeq(), first.GetSeq())
		}
		revoke := func(id string, seq int) string {
			return fmt.Sprintf(`{"id":%q,"client_id":%q,"revoke":{"session":%q,"seq":"%d"}}`, id, id, s, seq)
		}
		rejected := wantError(t, "revoke of nothing", c.ask(revoke("r1", 99)), events.CodeNoSuchMessage)
		repeated := wantError(t, "revoke of nothing, repeated", c.ask(revoke("r1", 99)), events.CodeNoSuchMessage)
		if rejected.GetDuplicate() || !repeated.GetDuplicate() || repeated.GetSeq() != rejected.GetSeq() {
			t.Errorf("rejection %v and its repeat %v", rejected, repeated)
		}
		c.ask(revoke("r2", 2))
		answered := c.ask(revoke("r3", 2)).GetAck()
		same := c.ask(revoke("r3", 2)).GetAck()
		if answered.GetAnswered() != string(events.CodeAlreadyRevoked) || same.GetAnswered() != answered.GetAnswered() || same.GetSeq() != answered.GetSeq() {
			t.Errorf("second revoke: got %v, then %v", answered, same)
		}
	})
}

func TestCommandsCarryWhereTheyComeFrom(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		c.ask(send("m1", s, "hello"))
		commands := b.world.Commands()
		got := commands[len(commands)-1]
		if got.Actor != (events.Actor{User: "u1"}) || got.Client.Device != "phone" || got.Client.Version != "1" ||
			got.Client.Address.Plain != "192.0.2.7" || got.ReplyTo.Instance != "g1" || got.ReplyTo.Request == 0 {
			t.Errorf("command in the log: %+v", got)
		}
		if self := commands[0]; self.ClientID != "self" || self.Session != events.NewSelfID("u1") {
			t.Errorf("first command is %+v, want create self", self)
		}
		before := len(commands)
		b.hello("u1")
		if after := b.world.Commands(); len(after) != before {
			t.Errorf("the second hello appended %+v, want nothing: the self session is there", after[before:])
		}
	})
}

func TestCreateIsCompletedWithDefaults(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		ack := c.ask(`{"id":"g","client_id":"g","create":{"kind":"KIND_GROUP","members":[{"user":"u2"}],"policy":{"member_limit":7,"history":"HISTORY_ALL"}}}`).GetAck()
		p, err := b.world.Person(t.Context(), events.SessionID(ack.GetSession()), "u2")
		if err != nil {
			t.Fatalf("create was answered with %v, then %v", ack, err)
		}
		want := gateway.DefaultPolicies()[events.KindGroup]
		want.MemberLimit, want.History = 7, events.HistoryAll
		if p.Head.Policy != want || p.Member.Role != events.RoleMember {
			t.Errorf("policy %+v, role %d; want %+v, %d", p.Head.Policy, p.Member.Role, want, events.RoleMember)
		}
	})
}

func TestServiceTokens(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		for _, frame := range []string{
			fmt.Sprintf(`{"id":"1","client_id":"1","as_user":"u2","send":{"session":%q,"text":"x"}}`, s),
			fmt.Sprintf(`{"id":"2","client_id":"2","origin_time_ms":"5","send":{"session":%q,"text":"x"}}`, s),
			`{"id":"3","client_id":"3","create":{"kind":"KIND_GROUP","base":"41"}}`,
		} {
			wantError(t, frame, c.ask(frame), events.CodeServiceTokenRequired)
		}
		bridge := b.connect()
		bridge.hello(auth.Identity{User: "bridge", Service: "irc"})
		if ack := bridge.ask(fmt.Sprintf(`{"id":"4","client_id":"4","as_user":"u2","origin_time_ms":"5","send":{"session":%q,"text":"x"}}`, s)).GetAck(); ack.GetSeq() != 2 {
			t.Errorf("send as u2: got %v", ack)
		}
		commands := b.world.Commands()
		if got := commands[len(commands)-1]; got.Actor != (events.Actor{User: "u2", Service: "irc"}) || got.Origin != 5 {
			t.Errorf("command in the log: %+v", got)
		}
		if ack := bridge.ask(`{"id":"5","client_id":"5","create":{"kind":"KIND_GROUP","base":"41"}}`).GetAck(); ack.GetSeq() != 42 {
			t.Errorf("create with base 41: got %v, want seq 42", ack)
		}
	})
}

func TestWhatIsInvalidNeverReachesTheLog(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		before := len(b.world.Commands())
		for what, test := range map[string]struct {
			frame string
			code  events.Code
		}{
			"a byte too long":   {send("1", s, strings.Repeat("x", events.MaxTextBytes+1)), events.CodeTextTooLong},
			"bad client id":     {send("a b", s, "x"), events.CodeInvalidArgument},
			"direct with three": {`{"id":"1","client_id":"1","create":{"kind":"KIND_DIRECT","members":[{"user":"u2"},{"user":"u3"}]}}`, events.CodeInvalidArgument},
		} {
			wantError(t, what, c.ask(test.frame), test.code)
		}
		if after := b.world.Commands(); len(after) != before {
			t.Errorf("%d commands were appended: %+v", len(after)-before, after[before:])
		}
		if ack := c.ask(send("2", s, strings.Repeat("x", events.MaxTextBytes))).GetAck(); ack.GetSeq() != 2 {
			t.Errorf("the longest text: got %v", ack)
		}
	})
}

func TestARepeatedInvalidTextIsKnown(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		for what, frame := range map[string]string{
			"NUL":   fmt.Sprintf(`{"id":"1","client_id":"1","send":{"session":%q,"text":"a\u0000b"}}`, s),
			"empty": send("2", s, ""),
		} {
			if e := wantError(t, what, c.ask(frame), events.CodeInvalidText); e.GetDuplicate() {
				t.Errorf("%s: got %v, want no repeat", what, e)
			}
			if e := wantError(t, what+" again", c.ask(frame), events.CodeInvalidText); !e.GetDuplicate() {
				t.Errorf("%s again: got %v, want a repeat", what, e)
			}
		}
	})
}

func TestTooMuchInFlightIsBusy(t *testing.T) {
	run(t, func(c *gateway.Config) { c.MaxInFlightConnection, c.MaxInFlight = 2, 3 }, func(b *bench) {
		c, d := b.hello("u1"), b.hello("u2")
		s := direct(t, c)
		resume := b.world.Stall()
		for _, id := range []string{"1", "2"} {
			if f := c.ask(send(id, s, "x")); f != nil {
				t.Errorf("send %s: got %v, want nothing yet", id, f)
			}
		}
		busy := wantError(t, "third on the connection", c.ask(send("3", s, "x")), events.CodeBusy)
		if busy.GetRetryAfterMs() <= 0 {
			t.Errorf("BUSY names no retry_after_ms: %v", busy)
		}
		d.ask(send("1", s, "x"))
		wantError(t, "fourth on the gateway", d.ask(send("2", s, "x")), events.CodeBusy)
		resume()
		synctest.Wait()
		if ack := c.ask(send("3", s, "x")).GetAck(); ack.GetSeq() != 5 {
			t.Errorf("once it is quiet: got %v, want seq 5", ack)
		}
	})
}

func TestAnAnswerThatDoesNotComeIsUnknown(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		resume := b.world.Stall()
		c.ask(send("1", s, "x"))
		for range 2 * int(gateway.DefaultConfig().AnswerTimeout/time.Second) {
			pass(time.Second)
			c.ask(`{"id":"p","ping":{}}`)
		}
		var got *clientv1.ServerFrame
		for _, f := range c.all() {
			if f.GetId() == "1" {
				got = f
			}
		}
		wantError(t, "no answer", got, events.CodeOutcomeUnknown)
		resume()
		synctest.Wait()
		if ack := c.ask(send("1", s, "x")).GetAck(); ack.GetSeq() != 2 || ack.GetAnswered() != string(events.CodeDuplicate) {
			t.Errorf("resend: got %v, want seq 2 answered DUPLICATE", ack)
		}
	})
}

func TestCommandsKeepTheirOrder(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		s := direct(t, c)
		for i := range 50 {
			c.conn.Receive([]byte(send(fmt.Sprint("m", i), s, fmt.Sprint(i))))
		}
		synctest.Wait()
		for i, e := range b.world.Timeline(events.SessionID(s))[1:] {
			if want := fmt.Sprint("m", i); e.Outcome.ClientID != want {
				t.Fatalf("seq %d is %s, want %s", e.Seq, e.Outcome.ClientID, want)
			}
		}
	})
}

// TestRefusedPersonByPerson: a batch that had an effect on nobody tells why of each, as one does that had.
func TestRefusedPersonByPerson(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.MemberLimit = 2 }, "u2")
		c := b.hello("u1")
		e := c.ask(fmt.Sprintf(`{"id":"a","client_id":"a","add":{"session":%q,"members":[{"user":"u2"},{"user":"u3"}]}}`, s)).GetError()
		var got []string
		for _, skipped := range e.GetSkipped() {
			got = append(got, skipped.GetUser()+" "+skipped.GetCode())
		}
		if want := []string{"u2 ALREADY_MEMBER", "u3 SESSION_FULL"}; e.GetCode() != "SESSION_FULL" || !slices.Equal(got, want) {
			t.Errorf("got %v, want SESSION_FULL with %v", e, want)
		}
	})
}
