package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
)

// socket is a connection's gateway.Transport. Reading goes through gorilla, in one
// goroutine for the connection's life. Writing does not: frames are put together and
// written many at a time by a goroutine that lives while there is something to write.
type socket struct {
	o       *Options
	conn    *websocket.Conn
	raw     net.Conn
	address string
	codec   protocol.Codec

	mu sync.Mutex
	// peer is the gateway's side of the connection.
	peer *gateway.Conn
	// queue is what is to be written; frames and bytes count it and what is being written.
	queue  [][]byte
	frames int
	bytes  int
	// writing says that the writer lives.
	writing bool
	ping    bool
	pong    []byte // nil: none is due
	// farewell is the close frame to write last; closing once there is one, or no need.
	farewell []byte
	closing  bool
	stalled  bool // a write was: what is sent from then on is dropped
	unread   bool // the reader has ended
	room     chan struct{}
}

var _ gateway.Transport = (*socket)(nil)

func newSocket(conn *websocket.Conn, o *Options, address string, codec protocol.Codec) *socket {
	return &socket{o: o, conn: conn, raw: conn.NetConn(), address: address, codec: codec}
}

// RemoteAddress implements gateway.Transport.
func (s *socket) RemoteAddress() string { return s.address }

// Codec implements gateway.Transport.
func (s *socket) Codec() protocol.Codec { return s.codec }

// opcode is what the subprotocol's frames come and go as.
func (s *socket) opcode() byte {
	if s.codec.Binary() {
		return opBinary
	}
	return opText
}

// Ping implements gateway.Transport.
func (s *socket) Ping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ping = true
	s.wake()
}

// Close implements gateway.Transport.
func (s *socket) Close(code events.Code) {
	status := code.Info().Close
	if status == 0 {
		// Of the codes that do not close, only that of a frame of the other kind comes here.
		status = websocket.CloseUnsupportedData
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if code == events.CodeTooSlow {
		s.forgetQueue()
	}
	s.finish(appendClose(nil, status, string(code)))
}

// finish writes farewell last. The lock is held.
func (s *socket) finish(farewell []byte) {
	if s.closing {
		return
	}
	s.closing, s.farewell = true, farewell
	// A write that stalls already gets its time anew: the farewell comes behind it.
	_ = s.raw.SetWriteDeadline(time.Now().Add(s.o.WriteTimeout)) // fails on a closed socket only
	// The reader ends then at the latest, and with it the connection.
	_ = s.raw.SetReadDeadline(time.Now().Add(s.o.WriteTimeout + s.o.CloseTimeout)) // fails on a closed socket only
	s.wake()
}

// serve reads until the connection ends.
func (s *socket) serve(gw *gateway.Gateway) {
	if tcp, ok := s.raw.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(s.o.SendBufferBytes) // fails on a closed socket only
	}
	c := gw.Connect(s)
	if c == nil {
		s.Close(events.CodeGoingAway)
		s.drain()
		return
	}
	s.mu.Lock()
	s.peer = c
	s.mu.Unlock()
	s.conn.SetPingHandler(func(data string) error {
		c.Heard()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pong = []byte(data)
		s.wake()
		return nil
	})
	s.conn.SetPongHandler(func(string) error {
		c.Heard()
		return nil
	})
	s.conn.SetCloseHandler(func(status int, _ string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if status == websocket.CloseNoStatusReceived {
			status = websocket.CloseNormalClosure
		}
		s.finish(appendClose(nil, status, ""))
		return nil
	})
	for s.readFrame(c) {
	}
	c.Gone()
	s.end()
}

// drain discards what comes until the peer has closed.
func (s *socket) drain() {
	for {
		if _, _, err := s.conn.NextReader(); err != nil {
			s.end()
			return
		}
	}
}

// buffers hold frames while they are handled, so that idle connections have none.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBuffer is the largest buffer that is kept for others.
const keepBuffer = 64 << 10

// readFrame handles one frame; false when the connection has ended.
func (s *socket) readFrame(c *gateway.Conn) bool {
	kind, r, err := s.conn.NextReader()
	if err != nil {
		return false
	}
	if s.isClosing() {
		return true // What comes now is discarded, until the peer closes too.
	}
	if kind != int(s.opcode()) {
		c.Fail(events.CodeMalformedFrame, "a text frame where binary ones are spoken, or the other way round")
		return true
	}
	b := buffers.Get().(*bytes.Buffer)
	defer func() {
		if b.Cap() <= keepBuffer {
			b.Reset()
			buffers.Put(b)
		}
	}()
	n, err := b.ReadFrom(io.LimitReader(r, int64(s.o.MaxFrameBytes)+1))
	switch {
	case err != nil:
		return false
	case n > int64(s.o.MaxFrameBytes):
		c.Fail(events.CodeFrameTooLarge, "")
	default:
		c.Receive(b.Bytes())
	}
	return true
}

func (s *socket) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// end closes the socket once the writer is done with it.
func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread, s.closing = true, true
	if !s.writing {
		s.shut()
	}
}

func (s *socket) shut() {
	// Nobody is left to hear of an error.
	if err := s.raw.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return
	}
}

// HasRoom implements gateway.Transport.
func (s *socket) HasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasRoom()
}

func (s *socket) hasRoom() bool {
	return 2*s.frames <= s.o.MaxQueueFrames && 2*s.bytes <= s.o.MaxQueueBytes
}

// WaitRoom implements gateway.Transport.
func (s *socket) WaitRoom(ctx context.Context) error {
	for {
		s.mu.Lock()
		if s.hasRoom() {
			s.mu.Unlock()
			return nil
		}
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
