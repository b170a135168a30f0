package ws_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
	"annal/pkg/gateway/ws"
)

func TestBadFramesLeaveTheConnection(t *testing.T) {
	s := serve(t, nil, ws.Options{})
	fresh := s.dial()
	c := s.hello("u1")
	session := c.direct()
	ask := func(conn *socket, what, frame string, want events.Code) {
		t.Helper()
		if got := conn.ask(frame).GetError(); got.GetCode() != string(want) || got.GetRetry() != string(want.Info().Retry) {
			t.Errorf("%s: got %v, want %s", what, got, want)
		}
	}
	ask(fresh, "before hello", `{"id":"1","ping":{}}`, events.CodeHelloRequired)
	text := func(text string) string {
		return fmt.Sprintf(`{"id":"1","client_id":"1","send":{"session":%q,"text":%q}}`, session, text)
	}
	for _, test := range []struct {
		what, frame string
		want        events.Code
	}{
		{"not JSON", `{"id":`, events.CodeMalformedFrame},
		{"empty", ``, events.CodeMalformedFrame},
		{"lone surrogate", `{"id":"1","client_id":"1","send":{"session":"s","text":"\ud800"}}`, events.CodeMalformedFrame},
		{"unknown op", `{"id":"1","dance":{}}`, events.CodeUnknownOp},
		{"no session", `{"id":"1","client_id":"1","send":{"text":"x"}}`, events.CodeMissingField},
		{"no client id", fmt.Sprintf(`{"id":"1","send":{"session":%q,"text":"x"}}`, session), events.CodeMissingField},
		{"2^53 as a number", fmt.Sprintf(`{"id":"1","client_id":"1","mark_read":{"session":%q,"seq":9007199254740992}}`, session), events.CodeInvalidField},
		{"negative", fmt.Sprintf(`{"id":"1","client_id":"1","mark_read":{"session":%q,"seq":-1}}`, session), events.CodeInvalidField},
		{"2^53 as a string, past the end", fmt.Sprintf(`{"id":"1","client_id":"m","mark_read":{"session":%q,"seq":"9007199254740993"}}`, session), events.CodeOutOfRange},
		{"over-long text", text(strings.Repeat("x", events.MaxTextBytes+1)), events.CodeTextTooLong},
		{"NUL", fmt.Sprintf(`{"id":"1","client_id":"nul","send":{"session":%q,"text":"a\u0000b"}}`, session), events.CodeInvalidText},
		{"unknown session", `{"id":"1","client_id":"1","send":{"session":"g_none","text":"x"}}`, events.CodeNoSuchSession},
		{"as another", fmt.Sprintf(`{"id":"1","client_id":"1","as_user":"u2","send":{"session":%q,"text":"x"}}`, session), events.CodeServiceTokenRequired},
	} {
		ask(c, test.what, test.frame, test.want)
	}
	if f := c.ask(text("the next valid text")); f.GetAck().GetSeq() != 2 {
		t.Errorf("after all that: got %v, want seq 2", f)
	}
}

// F14: hostile texts come back byte for byte.
func TestTextsSurvive(t *testing.T) { each(t, textsSurvive) }

func textsSurvive(t *testing.T, codec protocol.Codec) {
	s := serve(t, nil, ws.Options{})
	s.codec = codec
	c, peer := s.hello("u1"), s.hello("peer")
	session := c.direct()
	peer.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, session))
	for i, text := range []string{
		"👨‍👩‍👧‍👦🇨🇳👋🏽", "\u202eabc", "سلام hello", "\u200b\u2800", strings.Repeat("字", 21845) + "x", "\u2028</script>\x7f\x01",
	} {
		m := &clientv1.ClientFrame{Id: "t", ClientId: fmt.Sprint("t", i), Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: session, Text: text}}}
		if f := c.ask(string(protocol.AppendClientJSON(nil, m))); f.GetAck() == nil {
			t.Errorf("text %d: got %v", i, f)
		}
		for {
			f, closed := peer.next()
			if closed != nil {
				t.Fatalf("the peer was closed: %v", closed)
			}
			if sent := f.GetEvent().GetSent(); sent != nil {
				if sent.GetText() != text {
					t.Errorf("text %d arrived as %.60q, want %.60q", i, sent.GetText(), text)
				}
				break
			}
		}
	}
}

func TestBadBytesCloseTheirSocketOnly(t *testing.T) { each(t, badBytesClose) }

func badBytesClose(t *testing.T, codec protocol.Codec) {
	s := serve(t, nil, ws.Options{})
	s.codec = codec
	peer := s.hello("peer")
	session := s.hello("u1").direct()
	commands := len(s.world.Commands())
	right, wrong := websocket.TextMessage, websocket.BinaryMessage
	if codec == protocol.ProtoCodec {
		right, wrong = wrong, right
	}
	frame := func(text string) []byte {
		// A codec writes no such text, but one as long.
		m := &clientv1.ClientFrame{Id: "1", ClientId: "1", Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: session, Text: strings.Repeat("%", len(text))}}}
		b, err := codec.AppendClient(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Replace(b, []byte(strings.Repeat("%", len(text))), []byte(text), 1)
	}
	for _, test := range []struct {
		what   string
		kind   int
		data   []byte
		status int
		code   events.Code
	}{
		{"C3 28", right, frame("\xc3\x28"), websocket.CloseInvalidFramePayloadData, events.CodeInvalidUTF8},
		{"ED A0 80", right, frame("\xed\xa0\x80"), websocket.CloseInvalidFramePayloadData, events.CodeInvalidUTF8},
		{"a frame of the other kind", wrong, frame("x"), websocket.CloseUnsupportedData, events.CodeMalformedFrame},
		{"over 1 MiB", right, frame(strings.Repeat("x", 1<<20)), websocket.CloseMessageTooBig, events.CodeFrameTooLarge},
	} {
		c := s.hello("u1")
		c.write(test.kind, test.data)
		c.wantClose(test.what, test.status, test.code)
	}
	if got := s.world.Commands(); len(got) != commands {
		t.Errorf("%d commands were appended", len(got)-commands)
	}
	if f := peer.ask(`{"id":"p","ping":{}}`); f.GetPong() == nil {
		t.Errorf("the peer: got %v, want a pong", f)
	}
}

// TestTheCodeArrivesWhateverIsUnread: closing a socket with something unread resets
// it, which can take the close frame from the peer.
func TestTheCodeArrivesWhateverIsUnread(t *testing.T) {
	s := serve(t, nil, ws.Options{})
	for range 20 {
		c := s.hello("u1")
		c.write(websocket.TextMessage, []byte("\xc3\x28"))
		for range 50 {
			c.write(websocket.TextMessage, []byte(`{"id":"1","ping":{}}`+strings.Repeat(" ", 10_000)))
		}
		c.wantClose("bad bytes, then more", websocket.CloseInvalidFramePayloadData, events.CodeInvalidUTF8)
	}
}

func TestAFrameOf1MiBPasses(t *testing.T) {
	s := serve(t, nil, ws.Options{})
	c := s.hello("u1")
	frame := `{"id":"1","ping":{}}`
	if f := c.ask(frame + strings.Repeat(" ", 1<<20-len(frame))); f.GetPong() == nil {
		t.Errorf("got %v, want a pong", f)
	}
}

func TestTokensClose(t *testing.T) {
	s := serve(t, nil, ws.Options{})
	for _, test := range []struct {
		token  string
		status int
		code   events.Code
	}{
		{"nonsense", 4001, events.CodeBadToken},
		{s.token("u1", -time.Minute), 4002, events.CodeTokenExpired},
	} {
		c := s.dial()
		c.write(websocket.TextMessage, []byte(`{"id":"1","hello":{"token":"`+test.token+`"}}`))
		c.wantClose(test.token, test.status, test.code)
	}
}

func TestTimeoutsClose(t *testing.T) {
	s := serve(t, func(c *gateway.Config) {
		c.HelloTimeout, c.Heartbeat, c.HeartbeatTimeout = 100*time.Millisecond, 10*time.Second, 20*time.Second
	}, ws.Options{})
	s.dial().wantClose("no hello", 4003, events.CodeHelloTimeout)
	s = serve(t, func(c *gateway.Config) { c.Heartbeat, c.HeartbeatTimeout = 100*time.Millisecond, 300*time.Millisecond }, ws.Options{})
	c := s.hello("u1")
	c.SetPingHandler(func(string) error { return nil })
	c.wantClose("no pong", 4005, events.CodeHeartbeatTimeout)
}

func TestPongsAreLife(t *testing.T) {
	s := serve(t, func(c *gateway.Config) { c.Heartbeat, c.HeartbeatTimeout = time.Second, 3*time.Second }, ws.Options{})
	c := s.hello("u1")
	pings := make(chan struct{}, 100)
	c.SetPingHandler(func(data string) error {
		pings <- struct{}{}
		return c.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	go func() {
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				close(pings)
				return
			}
		}
	}()
	for range 3 {
		select {
		case _, ok := <-pings:
			if !ok {
				t.Fatal("a client that answers pings was closed")
			}
		case <-time.After(patience):
			t.Fatal("no ping came")
		}
	}
}

func TestStopSaysSo(t *testing.T) {
	s := serve(t, nil, ws.Options{})
	c := s.hello("u1")
	go s.stop()
	c.wantClose("stop", 4006, events.CodeGoingAway)
	s.stop()
	if _, response, err := (&websocket.Dialer{Subprotocols: []string{protocol.JSON}}).Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/v1/ws", nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a stopped gateway answered %v, %v; want 503", response, err)
	}
}

func TestHandshake(t *testing.T) {
	s := serve(t, nil, ws.Options{Origins: []string{"https://chat.example"}})
	url := "ws" + strings.TrimPrefix(s.http.URL, "http") + "/v1/ws"
	for _, test := range []struct {
		what         string
		subprotocols []string
		origin       string
		status       int
		chosen       string
	}{
		{"no subprotocol", nil, "", http.StatusBadRequest, ""},
		{"unknown subprotocol", []string{"soap"}, "", http.StatusBadRequest, ""},
		{"foreign origin", []string{protocol.JSON}, "https://evil.example", http.StatusForbidden, ""},
		{"own origin", []string{protocol.JSON}, "https://chat.example", http.StatusSwitchingProtocols, protocol.JSON},
		{"no origin: not a browser", []string{protocol.JSON}, "", http.StatusSwitchingProtocols, protocol.JSON},
		{"protobuf", []string{"soap", protocol.Proto}, "", http.StatusSwitchingProtocols, protocol.Proto},
		{"either, protobuf first", []string{protocol.Proto, protocol.JSON}, "", http.StatusSwitchingProtocols, protocol.Proto},
		{"either, JSON first", []string{protocol.JSON, protocol.Proto}, "", http.StatusSwitchingProtocols, protocol.JSON},
	} {
		header := http.Header{}
		if test.origin != "" {
			header.Set("Origin", test.origin)
		}
		dialer := websocket.Dialer{Subprotocols: test.subprotocols}
		conn, response, err := dialer.Dial(url, header)
		if response == nil || response.StatusCode != test.status {
			t.Errorf("%s: got %v, %v; want %d", test.what, response, err, test.status)
		}
		if conn != nil {
			if got := conn.Subprotocol(); got != test.chosen {
				t.Errorf("%s: %q was chosen, want %q", test.what, got, test.chosen)
			}
			_ = conn.Close()
		}
	}
}

// A gateway that is full takes nobody until somebody has left, and is ready all the same.
func TestAFullGateway(t *testing.T) {
	s := serve(t, func(c *gateway.Config) { c.MaxConnections = 2 }, ws.Options{})
	first := s.dial()
	s.dial()
	url := "ws" + strings.TrimPrefix(s.http.URL, "http") + "/v1/ws"
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON}}
	_, response, err := dialer.Dial(url, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("a third connection: %v, %v", response, err)
	}
	if err := s.gw.Ready(); err != nil {
		t.Errorf("it is not ready: %v", err)
	}
	_ = first.Close()
	deadline := time.After(10 * time.Second)
	for s.gw.Open() != nil {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("nobody else is welcome after one has left")
		}
	}
	s.dial()
}

// F16: one that does not read is closed with TOO_SLOW; what it was sent before is in
// order, and its neighbour hears everything.
func TestASlowReaderIsClosed(t *testing.T) { each(t, slowReaderIsClosed) }

func slowReaderIsClosed(t *testing.T, codec protocol.Codec) {
	s := serve(t, nil, ws.Options{})
	s.codec = codec
	slow, sender := s.dial(), s.hello("u1")
	slow.littleRoom()
	session := sender.direct()
	slow.ask(`{"id":"h","hello":{"token":"` + s.token("peer", time.Hour) + `"}}`)
	slow.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, session))
	sender.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, session))
	text := strings.Repeat("x", 60_000)
	const texts = 100
	heard := map[uint64]bool{}
	for i := range texts {
		sender.say(fmt.Sprintf(`{"id":"m","client_id":"m%d","send":{"session":%q,"text":%q}}`, i, session, text))
		for acked := false; !acked; {
			f, closed := sender.next()
			if closed != nil {
				t.Fatalf("the neighbour was closed: %v", closed)
			}
			heard[f.GetEvent().GetSeq()] = true
			acked = f.GetAck() != nil
		}
	}
	next := uint64(2)
	for {
		f, closed := slow.next()
		if closed != nil {
			if closed.Code != 4004 || closed.Text != string(events.CodeTooSlow) {
				t.Errorf("closed with %v, want 4004 TOO_SLOW", closed)
			}
			break
		}
		if e := f.GetEvent(); e.GetSeq() > 0 {
			if e.GetSeq() != next {
				t.Fatalf("the slow one saw seq %d, want %d", e.GetSeq(), next)
			}
			next++
		}
	}
	for len(heard) < texts+1 {
		f, closed := sender.next()
		if closed != nil {
			t.Fatalf("the neighbour was closed: %v", closed)
		}
		heard[f.GetEvent().GetSeq()] = true
	}
	t.Logf("closed after %d of %d texts", next-2, texts)
}
