package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/gateway/protocol"
)

// socket is a chat client's connection, no more than it takes to send and to tell
// acks from the rest: the generator shares the machine with what it measures.
type socket struct {
	ws *websocket.Conn
	// run makes client ids of this connection its own.
	run string
	// heard counts messages of sessions subscribed to.
	heard atomic.Int64
	ended chan struct{}

	mu      sync.Mutex // also keeps writes apart
	last    uint64
	pending map[uint64]sending
	frame   []byte
	err     error
}

type sending struct {
	meter *meter
	due   time.Time
}

// handshakeTimeout bounds connecting, and the answers to hello and subscribe.
const handshakeTimeout = 20 * time.Second

// dial connects and authenticates as user.
func dial(ctx context.Context, url, token, user string) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON}, ReadBufferSize: 4 << 10, WriteBufferSize: 1 << 10}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if resp != nil {
		resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("bench: connect: %w", err)
	}
	s := &socket{ws: ws, run: "bench-" + user + "-", ended: make(chan struct{}), pending: map[uint64]sending{}}
	hello := &clientv1.ClientFrame{Id: "hello", AsUser: user, Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{Token: token, Device: "bench"}}}
	if err := s.ask(hello); err != nil {
		ws.Close()
		return nil, err
	}
	return s, nil
}

// subscribe asks for a session's events from now on; before read only.
func (s *socket) subscribe(session string) error {
	return s.ask(&clientv1.ClientFrame{Id: "subscribe", Op: &clientv1.ClientFrame_Subscribe{Subscribe: &clientv1.Subscribe{Session: session}}})
}

// ask sends a frame and waits for its reply; before read only.
func (s *socket) ask(m *clientv1.ClientFrame) error {
	if err := s.ws.WriteMessage(websocket.TextMessage, protocol.AppendClientJSON(nil, m)); err != nil {
		return fmt.Errorf("bench: %s: %w", m.GetId(), err)
	}
	if err := s.ws.SetReadDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return fmt.Errorf("bench: %s: %w", m.GetId(), err)
	}
	for {
		_, b, err := s.ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("bench: %s: %w", m.GetId(), err)
		}
		reply, err := protocol.ParseServerJSON(b)
		switch {
		case err != nil:
			return fmt.Errorf("bench: %s: %w", m.GetId(), err)
		case reply.GetId() != m.GetId():
			continue // a notice
		case reply.GetError() != nil:
			return fmt.Errorf("bench: %s: %s: %s", m.GetId(), reply.GetError().GetCode(), reply.GetError().GetMessage())
		}
		return s.ws.SetReadDeadline(time.Time{})
	}
}

// send sends text to a session; m hears when the ack has come.
func (s *socket) send(session, text string, m *meter, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		m.fail(s.err)
		return
	}
	s.last++
	s.pending[s.last] = sending{m, due}
	id := strconv.FormatUint(s.last, 10)
	s.frame = protocol.AppendClientJSON(s.frame[:0], &clientv1.ClientFrame{
		Id: id, ClientId: s.run + id, Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: session, Text: text}},
	})
	if err := s.ws.WriteMessage(websocket.TextMessage, s.frame); err != nil {
		m.fail(fmt.Errorf("bench: send: %w", err))
	}
}

// read handles what comes until the connection ends.
func (s *socket) read() {
	defer close(s.ended)
	var b bytes.Buffer
	for {
		_, r, err := s.ws.NextReader()
		if err == nil {
			b.Reset()
			_, err = b.ReadFrom(r)
		}
		if err == nil {
			err = s.received(b.Bytes())
		}
		if err != nil {
			s.fail(fmt.Errorf("bench: connection: %w", err))
			return
		}
	}
}

// fail ends everything under way.
func (s *socket) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	for _, p := range s.pending {
		p.meter.fail(err)
	}
}

// received looks at the beginning of a frame, which tells what it is.
func (s *socket) received(frame []byte) error {
	if bytes.HasPrefix(frame, []byte(`{"event":`)) {
		if bytes.Contains(frame, []byte(`"sent":{`)) {
			s.heard.Add(1)
		}
		return nil
	}
	id, ok := ackID(frame)
	if !ok {
		m, err := protocol.ParseServerJSON(frame)
		switch {
		case err != nil:
			return err
		case m.GetId() == "": // a notice
			return nil
		case m.GetError() != nil:
			return fmt.Errorf("a send is refused: %s: %s", m.GetError().GetCode(), m.GetError().GetMessage())
		case m.GetAck() == nil:
			return fmt.Errorf("not an ack: %.200s", frame)
		}
		if id, err = strconv.ParseUint(m.GetId(), 10, 64); err != nil {
			return err
		}
	}
	s.mu.Lock()
	p, ok := s.pending[id]
	delete(s.pending, id)
	s.mu.Unlock()
	if !ok {
		return errors.New("a second ack of " + strconv.FormatUint(id, 10))
	}
	p.meter.done(p.due)
	return nil
}

// ackID reads the id of a frame that begins as acks do: {"id":"12","ack":{.
func ackID(frame []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(frame, []byte(`{"id":"`))
	if !ok {
		return 0, false
	}
	var id uint64
	for i, c := range rest {
		if c < '0' || c > '9' {
			return id, i > 0 && bytes.HasPrefix(rest[i:], []byte(`","ack":{`))
		}
		id = id*10 + uint64(c-'0')
	}
	return 0, false
}

// close ends the connection and waits for the reader.
func (s *socket) close() {
	s.ws.Close()
	<-s.ended
}
