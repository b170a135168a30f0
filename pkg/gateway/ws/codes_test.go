package ws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/gatewaytest"
	"annal/pkg/gateway/protocol"
	"annal/pkg/gateway/ws"
	"annal/pkg/limits"
)

// provocation provokes a code on a socket that speaks a subprotocol.
type provocation func(t *testing.T, codec protocol.Codec, want events.Code)

// asking provokes a code with a frame, in either subprotocol.
func asking(asJSON string, asProto []byte) provocation {
	return provoke(nil, func(_ *server, c *socket, _ string) *socket {
		if c.codec == protocol.ProtoCodec {
			c.write(websocket.BinaryMessage, asProto)
		} else {
			c.write(websocket.TextMessage, []byte(asJSON))
		}
		return c
	})
}

// plain is protobuf as everybody writes it.
func plain(m *clientv1.ClientFrame) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// provoke provokes a code: do gives the connection on which it is to come.
func provoke(change func(*gateway.Config), do func(s *server, c *socket, session string) *socket) provocation {
	return provokeWith(change, nil, do)
}

// searching provokes a code by a search, where there is an archive, which is slow.
func searching(frame string) provocation {
	return provokeWith(func(c *gateway.Config) { c.SearchTimeout = 100 * time.Millisecond }, func(w *gatewaytest.World, p *gateway.Ports) {
		cold := w.NewCold()
		cold.Slow.Store(true)
		p.Cold = cold
	}, func(_ *server, c *socket, _ string) *socket {
		c.say(frame)
		return c
	})
}

func provokeWith(
	change func(*gateway.Config), connect func(*gatewaytest.World, *gateway.Ports), do func(s *server, c *socket, session string) *socket,
) provocation {
	return func(t *testing.T, codec protocol.Codec, want events.Code) {
		s := serveWith(t, change, connect, ws.Options{})
		s.codec = codec
		c := s.hello("u1")
		got := do(s, c, c.direct())
		if want.Info().Close != 0 {
			got.wantClose(string(want), want.Info().Close, want)
			return
		}
		wantRefusal(t, got, want)
		if want == events.CodeHelloRequired {
			return
		}
		if f := got.ask(`{"id":"p","ping":{}}`); f.GetPong() == nil {
			t.Errorf("after %s: got %v, want a pong", want, f)
		}
	}
}

func wantRefusal(t *testing.T, c *socket, want events.Code) {
	t.Helper()
	for {
		f, closed := c.next()
		if closed != nil {
			t.Fatalf("closed with %v, want %s", closed, want)
		}
		if e := f.GetError(); e != nil {
			if e.GetCode() != string(want) || e.GetRetry() != string(want.Info().Retry) {
				t.Errorf("got %v, want %s", e, want)
			}
			return
		}
	}
}

func text(id, session string) string {
	return fmt.Sprintf(`{"id":%q,"client_id":%q,"send":{"session":%q,"text":"x"}}`, id, id, session)
}

// provocations has a way to every code that a gateway gives of its own.
var provocations = map[events.Code]provocation{
	events.CodeMalformedFrame: asking(`{"id":"1",`, []byte{0x0a, 9, '1'}),
	events.CodeUnknownOp:      asking(`{"id":"1","dance":{}}`, protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), nil)),
	events.CodeMissingField: asking(`{"id":"1","subscribe":{}}`, plain(&clientv1.ClientFrame{
		Id: "1", Op: &clientv1.ClientFrame_Subscribe{Subscribe: &clientv1.Subscribe{}},
	})),
	events.CodeInvalidField: asking(`{"id":"1","client_id":"1","mark_read":{"session":"s","seq":9007199254740992}}`, plain(&clientv1.ClientFrame{
		Id: "1", Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{Limit: protocol.MaxPage + 1}},
	})),
	events.CodeInvalidCursor: searching(`{"id":"1","search":{"text":"ab","cursor":"AAAA"}}`),
	events.CodeQueryTooLong:  searching(`{"id":"1","search":{"text":"` + strings.Repeat("x", 201) + `"}}`),
	events.CodeSearchTimeout: searching(`{"id":"1","search":{"text":"ab"}}`),
	events.CodeNoArchive: provoke(nil, func(_ *server, c *socket, _ string) *socket {
		c.say(`{"id":"1","search":{"text":"ab"}}`)
		return c
	}),
	events.CodeServiceTokenRequired: provoke(nil, func(_ *server, c *socket, session string) *socket {
		c.say(fmt.Sprintf(`{"id":"1","client_id":"1","as_user":"u2","leave":{"session":%q}}`, session))
		return c
	}),
	events.CodeScopeRequired: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.helloAs(auth.Identity{User: "u1", Service: "reader", Scopes: []auth.Scope{auth.ScopeRead}})
		c.say(`{"id":"1","client_id":"1","ban":{}}`)
		return c
	}),
	events.CodeWrongLogin: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.signIn("l1", "phone")
		c.say(`{"id":"1","hello":{"token":"` + s.tokenOf(auth.Identity{User: "u1", Login: "l2", Device: "phone"}) + `"}}`)
		return c
	}),
	events.CodeLoginEnded: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.signIn("l1", "phone")
		s.world.Must("u1", "out", events.NewSelfID("u1"), events.SignOut{All: true, Reason: events.SignOutLogout})
		return c
	}),
	events.CodeLoginReplaced: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.signIn("l1", "phone")
		s.signIn("l2", "phone")
		return c
	}),
	events.CodeAccountBanned: provoke(nil, func(s *server, c *socket, _ string) *socket {
		s.service().ask(`{"id":"1","client_id":"1","ban":{"reason":"spam"}}`)
		return c
	}),
	events.CodeAccountClosed: provoke(nil, func(s *server, c *socket, _ string) *socket {
		s.world.Must("u1", "close", events.NewSelfID("u1"), events.CloseAccount{})
		return c
	}),
	events.CodeHelloRequired: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.dial()
		c.say(`{"id":"1","ping":{}}`)
		return c
	}),
	events.CodeTooManySubscriptions: provoke(func(c *gateway.Config) { c.MaxSubscriptions = 1 }, func(_ *server, c *socket, session string) *socket {
		c.ask(fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, session))
		c.say(`{"id":"1","subscribe":{"session":"g_other"}}`)
		return c
	}),
	events.CodeWrongUser: provoke(nil, func(s *server, c *socket, _ string) *socket {
		c.say(`{"id":"1","hello":{"token":"` + s.token("u2", time.Hour) + `"}}`)
		return c
	}),
	events.CodeBusy: provoke(func(c *gateway.Config) { c.MaxInFlightConnection = 1 }, func(s *server, c *socket, session string) *socket {
		s.t.Cleanup(s.world.Stall())
		c.say(text("1", session))
		c.say(text("2", session))
		return c
	}),
	events.CodeTryAgain: provoke(nil, func(s *server, c *socket, session string) *socket {
		s.world.Rebuild(true)
		c.say(fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, session))
		return c
	}),
	events.CodeOutcomeUnknown: provoke(func(c *gateway.Config) { c.AnswerTimeout = 500 * time.Millisecond }, func(s *server, c *socket, session string) *socket {
		s.t.Cleanup(s.world.Stall())
		c.say(text("1", session))
		return c
	}),
	events.CodeRateLimited: provokeWith(nil, func(_ *gatewaytest.World, p *gateway.Ports) {
		once := limits.Table{{Scope: limits.User, Class: limits.Write}: {Burst: 1, Each: time.Hour}}
		p.Limits = limits.New(once, limits.NewMemory(time.Now), time.Now, p.Logger, limits.NewMetrics(prometheus.NewRegistry()))
	}, func(_ *server, c *socket, session string) *socket {
		c.say(text("1", session))
		return c
	}),
	events.CodeFrameTooLarge: asking(strings.Repeat(" ", 1<<20+1), make([]byte, 1<<20+1)),
	events.CodeInvalidUTF8:   asking("{\"id\":\"\xc3\x28\"}", []byte{0x0a, 2, 0xc3, 0x28}),
	events.CodeBadToken: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.dial()
		c.say(`{"id":"1","hello":{"token":"x"}}`)
		return c
	}),
	events.CodeTokenExpired: provoke(nil, func(s *server, _ *socket, _ string) *socket {
		c := s.dial()
		token, err := auth.Issue(s.key, auth.Identity{User: "u1", Expires: time.Now().Add(2 * time.Second)}, time.Now())
		if err != nil {
			s.t.Fatal(err)
		}
		c.ask(`{"id":"1","hello":{"token":"` + token + `"}}`)
		return c
	}),
	events.CodeHelloTimeout: provoke(func(c *gateway.Config) { c.HelloTimeout = 500 * time.Millisecond }, func(s *server, _ *socket, _ string) *socket {
		return s.dial()
	}),
	events.CodeHeartbeatTimeout: provoke(func(c *gateway.Config) {
		c.Heartbeat, c.HeartbeatTimeout = 500*time.Millisecond, time.Second
	}, func(_ *server, c *socket, _ string) *socket {
		c.SetPingHandler(func(string) error { return nil })
		return c
	}),
	events.CodeGoingAway: provoke(nil, func(s *server, c *socket, _ string) *socket {
		go s.stop()
		return c
	}),
	events.CodeTooSlow: provoke(nil, func(s *server, c *socket, session string) *socket {
		c.ask(fmt.Sprintf(`{"id":"1","subscribe":{"session":%q}}`, session))
		long := events.Send{Body: events.TextBody(strings.Repeat("x", events.MaxTextBytes))}
		for i := range 400 {
			s.world.Must("u1", fmt.Sprint("long", i), events.SessionID(session), long)
		}
		return c
	}),
}

// TestEveryCode: each code of the table that gateways give comes over a socket, with
// its close code or its retry, and refusals leave the connection.
func TestEveryCode(t *testing.T) {
	events.Codes(func(code events.Code, info events.CodeInfo) {
		if info.Kind != events.KindRefused && info.Close == 0 {
			return
		}
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			if provocations[code] == nil {
				t.Fatalf("%s is in schemas/errors.yaml, but nothing here provokes it", code)
			}
			for codec := range protocol.Codecs {
				t.Run(codec.String(), func(t *testing.T) {
					t.Parallel()
					provocations[code](t, codec, code)
				})
			}
		})
	})
}
