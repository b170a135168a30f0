package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protojson"

	clientv1 "annal/gen/annal/client/v1"
)

const (
	dialWait = 4 * time.Second
	// writeWait is how long a gateway that reads nothing is borne with.
	writeWait = 4 * time.Second
	pingEvery = 2 * time.Second
	// silence after which a connection is given up: a stopped gateway keeps it open.
	silence = 6 * time.Second
)

// Where names a gateway's WebSocket URL at this moment.
type Where func() (string, error)

// socket is one authenticated connection.
type socket struct {
	ws    *websocket.Conn
	mu    sync.Mutex // keeps writes apart
	heard atomic.Int64
}

var toJSON = protojson.MarshalOptions{UseProtoNames: true}

// dial connects and authenticates as user, with a service's token.
func dial(ctx context.Context, where Where, token, user, device string) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	url, err := where()
	if err != nil {
		return nil, err
	}
	dialer := websocket.Dialer{Subprotocols: []string{"annal.v1.json"}}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if resp != nil {
		resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("load: connect: %w", err)
	}
	s := &socket{ws: ws}
	hello := &clientv1.ClientFrame{Id: "hello", AsUser: user, Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{
		Token: token, Device: device, ClientVersion: "chaos",
	}}}
	if err := s.greet(hello); err != nil {
		ws.Close()
		return nil, err
	}
	return s, nil
}

func (s *socket) greet(hello *clientv1.ClientFrame) error {
	if err := s.write(hello); err != nil {
		return err
	}
	if err := s.ws.SetReadDeadline(time.Now().Add(dialWait)); err != nil {
		return fmt.Errorf("load: hello: %w", err)
	}
	for {
		m, err := s.read()
		if err != nil {
			return err
		}
		if m.GetWelcome() != nil {
			return s.ws.SetReadDeadline(time.Time{})
		}
		if e := m.GetError(); e != nil {
			return fmt.Errorf("load: hello: %s", e.GetCode())
		}
	}
}

func (s *socket) write(m *clientv1.ClientFrame) error {
	b, err := toJSON.Marshal(m)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ws.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := s.ws.WriteMessage(websocket.TextMessage, b); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

func (s *socket) read() (*clientv1.ServerFrame, error) {
	_, b, err := s.ws.ReadMessage()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	s.heard.Store(time.Now().UnixNano())
	m := new(clientv1.ServerFrame)
	if err := protojson.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("load: a frame that is none: %w", err)
	}
	return m, nil
}

// serve gives every frame to each, until the connection ends, falls silent, or ctx ends.
func (s *socket) serve(ctx context.Context, each func(*clientv1.ServerFrame)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { s.ws.Close() })()
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() { s.beat(ctx) })
	for {
		m, err := s.read()
		if err != nil {
			return err
		}
		each(m)
	}
}

// beat closes a connection on which nothing is heard though it is asked to answer.
func (s *socket) beat(ctx context.Context) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		quiet := time.Since(time.Unix(0, s.heard.Load()))
		if quiet > silence || s.write(&clientv1.ClientFrame{Id: "ping", Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}}) != nil {
			s.ws.Close()
			return
		}
	}
}
