package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/scenario"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

const (
	// dialTime bounds connecting.
	dialTime = 10 * time.Second
	// writeTime bounds a write: what a gateway does not take for so long is lost.
	writeTime = 10 * time.Second
	// maxFrame is the largest frame taken.
	maxFrame = 32 << 20
)

// conn is a WebSocket on which a device speaks.
type conn struct {
	ws *websocket.Conn
	// gone: nothing comes through, neither way.
	gone atomic.Bool

	write sync.Mutex
}

// closes tells codes by what connections are closed with.
var closes = func() map[int]events.Code {
	m := map[int]events.Code{}
	events.Codes(func(c events.Code, i events.CodeInfo) {
		if i.Close != 0 {
			m[i.Close] = c
		}
	})
	return m
}()

func dial(ctx context.Context, url string) (*conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON}, HandshakeTimeout: dialTime}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if resp != nil {
		resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("scenario: connect to %s: %w", url, err)
	}
	ws.SetReadLimit(maxFrame)
	c := &conn{ws: ws}
	ws.SetPingHandler(func(data string) error {
		if c.gone.Load() {
			return nil
		}
		err := ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTime))
		var network net.Error
		if errors.Is(err, websocket.ErrCloseSent) || errors.As(err, &network) {
			return nil // the next read tells
		}
		return err
	})
	return c, nil
}

// Say implements scenario.Conn.
func (c *conn) Say(m *clientv1.ClientFrame) {
	if err := c.text(protocol.AppendClientJSON(nil, m)); err != nil {
		c.Kill()
	}
}

// Raw implements scenario.Conn. That the gateway ends the connection while it is written is for
// Hear to tell.
func (c *conn) Raw(data []byte) error {
	_ = c.text(data)
	return nil
}

func (c *conn) text(data []byte) error {
	if c.gone.Load() {
		return nil
	}
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.TextMessage, data)
}

// Hear implements scenario.Conn.
func (c *conn) Hear(ctx context.Context) (*clientv1.ServerFrame, error) {
	stop := context.AfterFunc(ctx, c.Kill)
	defer stop()
	for {
		_, data, err := c.ws.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closes[closed.Code] != "":
			return nil, &scenario.ClosedError{Code: string(closes[closed.Code])}
		case err != nil:
			return nil, fmt.Errorf("scenario: %w", err)
		case c.gone.Load():
			continue
		}
		m, err := protocol.ParseServerJSON(data)
		if err != nil {
			return nil, fmt.Errorf("scenario: the gateway sent what cannot be read: %w", err)
		}
		return m, nil
	}
}

// Vanish implements scenario.Conn. That the gateway gives up is still heard.
func (c *conn) Vanish() { c.gone.Store(true) }

// Kill implements scenario.Conn.
func (c *conn) Kill() { c.ws.Close() }
