package cases

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/gateway/protocol"
)

// socket is one connection, on which a test says and hears frame by frame: pkg/client would make good what a case is about.
type socket struct {
	t   *testing.T
	ws  *websocket.Conn
	ids int
	// events are what came while something else was waited for.
	events []*clientv1.Event
}

// dial connects to a gateway's WebSocket URL, or to what stands before it.
func dial(t *testing.T, url string) *socket {
	t.Helper()
	return open(t, &websocket.Dialer{Subprotocols: []string{protocol.Proto}, HandshakeTimeout: annaltest.Patience, ReadBufferSize: 16 << 10}, url)
}

func open(t *testing.T, dialer *websocket.Dialer, url string) *socket {
	t.Helper()
	ws, resp, err := dialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	_ = resp.Body.Close() // of an upgrade it is empty
	// gorilla's own answer to a ping fails a connection whose pong is a second late.
	ws.SetPingHandler(func(data string) error {
		return ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(annaltest.Patience))
	})
	t.Cleanup(func() { _ = ws.Close() })
	return &socket{t: t, ws: ws}
}

// through is a gateway's URL with a proxy in its place.
func through(url string, p *annaltest.Proxy) string {
	path := url[strings.LastIndex(url, "/v1/"):]
	return "ws://" + p.Addr() + path
}

// address is the host:port of a gateway's URL.
func address(url string) string {
	rest := strings.TrimPrefix(url, "ws://")
	return rest[:strings.Index(rest, "/")]
}

// hello authenticates as a device of the token's user.
func (s *socket) hello(token, device string) *socket {
	s.t.Helper()
	return s.helloAs(token, "", device)
}

// helloAs authenticates as a device of a user that a service token acts for.
func (s *socket) helloAs(token, user, device string) *socket {
	s.t.Helper()
	m := s.ask(&clientv1.ClientFrame{AsUser: user, Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{Token: token, Device: device}}})
	if m.GetWelcome() == nil {
		s.t.Fatalf("hello of %s: got %v, want a welcome", device, m)
	}
	return s
}

// subscribe asks for a session's events above after.
func (s *socket) subscribe(session string, after uint64) {
	s.t.Helper()
	m := s.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Subscribe{Subscribe: &clientv1.Subscribe{Session: session, After: &after}}})
	if m.GetSubscribed().GetFrom() != after {
		s.t.Fatalf("subscribe above %d: got %v", after, m)
	}
}

// say sends a frame and gives the id its reply will have.
func (s *socket) say(m *clientv1.ClientFrame) string {
	s.t.Helper()
	if err := s.write(m); err != nil {
		s.t.Fatalf("write: %v", err)
	}
	return m.GetId()
}

// write is say where the connection may have ended.
func (s *socket) write(m *clientv1.ClientFrame) error {
	s.t.Helper()
	s.ids++
	m.Id = fmt.Sprint(s.ids)
	b, refused := protocol.ProtoCodec.AppendClient(nil, m)
	if refused != nil {
		s.t.Fatalf("%v: %v", m, refused)
	}
	return s.ws.WriteMessage(websocket.BinaryMessage, b)
}

// hear gives the next frame, or how the connection ended.
func (s *socket) hear(within time.Duration) (*clientv1.ServerFrame, error) {
	s.t.Helper()
	if err := s.ws.SetReadDeadline(time.Now().Add(within)); err != nil {
		s.t.Fatal(err)
	}
	_, b, err := s.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	m, err := protocol.ProtoCodec.ParseServer(b)
	if err != nil {
		s.t.Fatalf("the gateway sent %q: %v", b, err)
	}
	return m, nil
}

// ask says a frame and gives its reply; events that come before are kept.
func (s *socket) ask(m *clientv1.ClientFrame) *clientv1.ServerFrame {
	s.t.Helper()
	id := s.say(m)
	for {
		reply, err := s.hear(annaltest.Patience)
		switch {
		case err != nil:
			s.t.Fatalf("%.200v: %v; want a reply", m, err)
		case reply.GetEvent() != nil:
			s.events = append(s.events, reply.GetEvent())
		case reply.GetId() == id:
			return reply
		}
	}
}

// acked sends a command under a client id and gives its ack.
func (s *socket) acked(clientID string, op client.Op, opts ...client.CommandOption) *clientv1.Ack {
	s.t.Helper()
	m := s.ask(client.Frame(op, append(opts, client.ClientID(clientID))...))
	if m.GetAck() == nil {
		s.t.Fatalf("%s: got %v, want an ack", clientID, m)
	}
	return m.GetAck()
}

// history gives all events of a session above after, page by page.
func (s *socket) history(session string, after uint64) []*clientv1.Event {
	s.t.Helper()
	var out []*clientv1.Event
	for {
		page := s.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{Session: session, After: &after, Limit: 200}}}).GetHistory()
		if page == nil {
			s.t.Fatalf("no page of %s above %d", session, after)
		}
		if out = append(out, page.GetEvents()...); !page.GetMore() || len(page.GetEvents()) == 0 {
			return out
		}
		after = out[len(out)-1].GetSeq()
	}
}

// state gives the user's state of a session, from sync.
func (s *socket) state(session string) *clientv1.SessionState {
	s.t.Helper()
	m := s.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{}}})
	for _, state := range m.GetSync().GetSessions() {
		if state.GetSession() == session {
			return state
		}
	}
	s.t.Fatalf("%s is not in %v", session, m)
	return nil
}

// event gives the next event that has a seq.
func (s *socket) event() *clientv1.Event {
	s.t.Helper()
	for {
		for len(s.events) > 0 {
			e := s.events[0]
			s.events = s.events[1:]
			if e.GetSeq() != 0 {
				return e
			}
		}
		m, err := s.hear(annaltest.Patience)
		if err != nil {
			s.t.Fatalf("waiting for an event: %v", err)
		}
		if m.GetError() != nil {
			s.t.Fatalf("waiting for an event: %v", m)
		}
		if e := m.GetEvent(); e != nil {
			s.events = append(s.events, e)
		}
	}
}

// texts gives the next n events, which must be messages with seqs one above the other, the first above after.
func (s *socket) texts(after uint64, n int) []string {
	s.t.Helper()
	var out []string
	for i := range n {
		e := s.event()
		if want := after + uint64(i) + 1; e.GetSeq() != want || e.GetSent() == nil {
			s.t.Fatalf("got %v; want a message with seq %d", e, want)
		}
		out = append(out, e.GetSent().GetText())
	}
	return out
}

// closed reads what still comes, events aside, and gives the close frame; nil when the connection broke off without one.
func (s *socket) closed(within time.Duration) *websocket.CloseError {
	s.t.Helper()
	for deadline := time.Now().Add(within); ; {
		m, err := s.hear(time.Until(deadline))
		var end *websocket.CloseError
		var network net.Error
		switch {
		case errors.As(err, &end) && end.Code != websocket.CloseAbnormalClosure: // which is no frame's
			return end
		case errors.As(err, &network) && network.Timeout():
			s.t.Fatalf("the connection stands after %v", within)
		case err != nil:
			return nil
		case m.GetEvent() != nil:
			s.events = append(s.events, m.GetEvent())
		}
	}
}
