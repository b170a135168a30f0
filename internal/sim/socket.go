package sim

import (
	"context"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
)

// queueBound is how many frames a socket holds for a client that does not take them.
const queueBound = 64

// socket is a client's connection to a life of a gateway.
type socket struct {
	w    *World
	user events.UserID
	// poke tells the client that something came.
	poke func()
	life *life
	conn *gateway.Conn

	mu sync.Mutex
	// out are frames for the client, in are the client's.
	out  []*clientv1.ServerFrame
	in   [][]byte
	wake chan struct{}
	// room is closed, and replaced, when the client takes frames.
	room chan struct{}
	// code is what the gateway closed it with; broken: the client is no longer there.
	code   events.Code
	broken bool
	over   chan struct{}
}

var _ gateway.Transport = (*socket)(nil)

// Codec implements gateway.Transport.
func (s *socket) Codec() protocol.Codec { return protocol.JSONCodec }

// dial connects; nil when the gateway takes nobody.
func (w *World) dial(user events.UserID, poke func(), l *life) *socket {
	s := &socket{w: w, user: user, poke: poke, life: l, wake: make(chan struct{}, 1), room: make(chan struct{}), over: make(chan struct{})}
	if s.conn = l.gw.Connect(s); s.conn == nil {
		return nil
	}
	w.running.Go(s.serve)
	return s
}

// serve hands the gateway the client's frames, one after the other.
func (s *socket) serve() {
	defer s.conn.Gone()
	for {
		s.mu.Lock()
		in := s.in
		s.in = nil
		s.mu.Unlock()
		for _, frame := range in {
			d := s.life.link.moment()
			if s.life.link.chance(s.life.link.odds.delay) {
				d = s.life.link.dice.between(time.Millisecond, 50*time.Millisecond)
			}
			_ = s.life.link.wait(context.Background(), d) // dead: the loop ends
			s.conn.Receive(frame)
		}
		select {
		case <-s.wake:
		case <-s.over:
			return
		case <-s.life.link.dead:
			return
		}
	}
}

// say sends a frame of the client's.
func (s *socket) say(frame *clientv1.ClientFrame) { s.sayRaw(protocol.AppendClientJSON(nil, frame)) }

// sayRaw sends bytes that may be no frame.
func (s *socket) sayRaw(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = append(s.in, data)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take gives the frames that came, and whether the connection has ended behind them.
func (s *socket) take() (frames []*clientv1.ServerFrame, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames = s.out
	s.out = nil
	close(s.room)
	s.room = make(chan struct{})
	return frames, s.code != "" || s.life.link.isDead()
}

// closedWith is the code with which the gateway closed it, empty if it did not.
func (s *socket) closedWith() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.code)
}

// hangUp is the client's end of it; the gateway hears of it later.
func (s *socket) hangUp(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
	if after <= 0 {
		// A timer that is due when it is made, in a synctest bubble, was seen to crash Go's
		// own runtime under the race detector.
		go s.end()
		return
	}
	time.AfterFunc(after, s.end)
}

func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !closed(s.over) {
		close(s.over)
	}
}

// Send implements gateway.Transport.
func (s *socket) Send(frame []byte) bool {
	m, err := protocol.ParseServerJSON(frame)
	if err != nil {
		s.w.violate("a gateway sends what cannot be read: %v", err)
		return true
	}
	if ack := m.GetAck(); ack != nil && !s.life.link.isDead() {
		s.w.checkReadable(ack)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.broken || s.life.link.isDead():
		return true
	case s.code != "":
		s.w.violate("%s: a frame after close with %s", s.user, s.code)
		return true
	case len(s.out) >= queueBound:
		return false
	}
	s.out = append(s.out, m)
	s.poke()
	return true
}

// HasRoom implements gateway.Transport.
func (s *socket) HasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken || len(s.out) <= queueBound/2
}

// WaitRoom implements gateway.Transport.
func (s *socket) WaitRoom(ctx context.Context) error {
	for !s.HasRoom() {
		s.mu.Lock()
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-s.over:
			return context.Canceled
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// Ping implements gateway.Transport; the client speaks often enough by itself.
func (s *socket) Ping() {}

// Close implements gateway.Transport.
func (s *socket) Close(code events.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == "" {
		s.code = code
	}
	if code == events.CodeTooSlow {
		s.out = nil
	}
	s.poke()
	time.AfterFunc(time.Millisecond, s.end)
}

// RemoteAddress implements gateway.Transport.
func (s *socket) RemoteAddress() string { return "192.0.2.7" }
