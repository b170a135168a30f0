package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

// idler is a chat client that has come, knows its sessions and listens. It keeps little:
// there are very many.
type idler struct {
	ws    *websocket.Conn
	codec protocol.Codec
	// writing keeps what it says apart from what it answers.
	writing sync.Mutex
	beats   *atomic.Int64
}

// writeWait bounds one write of an idler.
const writeWait = 10 * time.Second

// perAddress is how many connections come from one address of this machine: a port each,
// and the kernel has some 28,000 of them for an address.
const perAddress = 5000

// idleBuffers are lent to who writes.
var idleBuffers sync.Pool

// come connects the i-th idler as its user, has its sessions listed, and subscribes to all of
// them. beats counts what keeps the connection alive.
func come(ctx context.Context, url string, codec protocol.Codec, i int, token string, sessions int, beats *atomic.Int64) (*idler, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i/perAddress))}}
	dialer := websocket.Dialer{
		Subprotocols: []string{codec.String()}, NetDialContext: from.DialContext,
		ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: &idleBuffers,
	}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if resp != nil {
		resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("bench: connect: %w", err)
	}
	id := &idler{ws: ws, codec: codec, beats: beats}
	if err := id.settleIn(token, sessions); err != nil {
		ws.Close()
		return nil, err
	}
	return id, nil
}

func (id *idler) settleIn(token string, sessions int) error {
	// Each of what is asked may take its time.
	if err := id.ws.SetReadDeadline(time.Now().Add(4 * handshakeTimeout)); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	_, err := id.ask(&clientv1.ClientFrame{Id: "hello", Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{Token: token, Device: "bench"}}})
	if err != nil {
		return err
	}
	synced, err := id.ask(&clientv1.ClientFrame{Id: "sync", Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{}}})
	if err != nil {
		return err
	}
	subscribed := 0
	for _, s := range synced.GetSync().GetSessions() {
		if s.GetMembers() < 2 {
			continue // its own
		}
		after := s.GetSeq()
		_, err := id.ask(&clientv1.ClientFrame{
			Id: "subscribe", Op: &clientv1.ClientFrame_Subscribe{Subscribe: &clientv1.Subscribe{Session: s.GetSession(), After: &after}},
		})
		if err != nil {
			return err
		}
		subscribed++
	}
	if subscribed != sessions {
		return fmt.Errorf("bench: sync lists %d sessions, want %d", subscribed, sessions)
	}
	return id.ws.SetReadDeadline(time.Time{})
}

// say writes a frame.
func (id *idler) say(m *clientv1.ClientFrame) error {
	frame, refusal := id.codec.AppendClient(nil, m)
	if refusal != nil {
		return refusal
	}
	kind := websocket.TextMessage
	if id.codec.Binary() {
		kind = websocket.BinaryMessage
	}
	id.writing.Lock()
	defer id.writing.Unlock()
	if err := id.ws.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return id.ws.WriteMessage(kind, frame)
}

// ask says a frame and waits for its reply, before listen only. It says it again, within the
// handshake's time, when the gateway says "later", as clients do.
func (id *idler) ask(m *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	until := time.Now().Add(handshakeTimeout)
	for {
		reply, err := id.askOnce(m)
		refusal := reply.GetError()
		switch {
		case err != nil:
			return nil, fmt.Errorf("bench: %s: %w", m.GetId(), err)
		case refusal == nil:
			return reply, nil
		case refusal.GetRetry() != string(events.RetryLater) || time.Now().After(until):
			return nil, fmt.Errorf("bench: %s: %s: %s", m.GetId(), refusal.GetCode(), refusal.GetMessage())
		}
		<-time.After(time.Duration(refusal.GetRetryAfterMs()) * time.Millisecond)
	}
}

func (id *idler) askOnce(m *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	if err := id.say(m); err != nil {
		return nil, err
	}
	for {
		_, b, err := id.ws.ReadMessage()
		if err != nil {
			return nil, err
		}
		reply, err := id.codec.ParseServer(b)
		if err != nil {
			return nil, err
		}
		if reply.GetId() == m.GetId() {
			return reply, nil
		}
		// A notice: its own session was made.
	}
}

// listen answers the gateway's pings and takes its pongs, until the connection ends.
func (id *idler) listen() error {
	answer := id.ws.PingHandler()
	id.ws.SetPingHandler(func(data string) error {
		id.beats.Add(1)
		return answer(data)
	})
	var b bytes.Buffer
	for {
		_, r, err := id.ws.NextReader()
		if err != nil {
			return fmt.Errorf("bench: an idle connection has ended: %w", err)
		}
		b.Reset()
		if _, err := b.ReadFrom(r); err != nil {
			return fmt.Errorf("bench: an idle connection has ended: %w", err)
		}
		m, err := id.codec.ParseServer(b.Bytes())
		if err != nil {
			return fmt.Errorf("bench: an idle connection: %w", err)
		}
		if m.GetPong() != nil {
			id.beats.Add(1)
		}
	}
}

// beat says that it is there, as clients do that are silent.
func (id *idler) beat() error {
	return id.say(&clientv1.ClientFrame{Id: "p", Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}})
}
