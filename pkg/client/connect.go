package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

var (
	errNoGateway = errors.New("client: the server does not speak our subprotocol")
	errSameToken = errors.New("client: the token has expired, and there is no other")
)

const (
	// helloWait is how long connecting and authenticating may take.
	helloWait = 10 * time.Second
	// maxReply is the largest frame taken from a server: a history page of long texts.
	maxReply = 32 << 20
)

// connect makes a connection and authenticates it.
func (c *Client) connect(ctx context.Context) (*conn, *clientv1.Welcome, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	token, err := c.opts.Token(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("client: token: %w", err)
	}
	url := c.opts.URL
	if c.opts.Locate != nil {
		if url, err = c.opts.Locate(ctx); err != nil {
			return nil, nil, c.judgeToken(token, fmt.Errorf("client: locate: %w", err))
		}
	}
	n, err := c.open(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	if c.opts.Reached != nil {
		c.opts.Reached()
	}
	n.token = token
	// The handshake's deadline is the context's; from here on reads need one too.
	stop := context.AfterFunc(ctx, func() { n.ws.Close() })
	welcome, err := n.hello(c.helloFrame(token))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		n.ws.Close()
		return nil, nil, c.judgeToken(token, err)
	}
	n.start(welcome)
	return n, welcome, nil
}

// open makes the WebSocket connection.
func (c *Client) open(ctx context.Context, url string) (*conn, error) {
	n := &conn{client: c, wake: make(chan struct{}, 1)}
	dialer := websocket.Dialer{
		Subprotocols: []string{c.opts.Codec.String()}, ReadBufferSize: 16 << 10, WriteBufferSize: 4 << 10,
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dialBuffered(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			n.raw = nc.(*bufferedConn)
			return nc, nil
		},
	}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if resp != nil {
		resp.Body.Close()
	}
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && resp != nil:
		return nil, &HandshakeError{Status: resp.StatusCode}
	case err != nil:
		return nil, fmt.Errorf("client: connect to %s: %w", url, err)
	case ws.Subprotocol() != c.opts.Codec.String():
		ws.Close()
		return nil, fmt.Errorf("%w: %s was asked for, it chose %q", errNoGateway, c.opts.Codec, ws.Subprotocol())
	}
	ws.SetReadLimit(maxReply)
	n.ws = ws
	return n, nil
}

func (c *Client) helloFrame(token string) *clientv1.ClientFrame {
	return &clientv1.ClientFrame{Id: "hello", AsUser: c.opts.AsUser, Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{
		Token: token, Device: c.opts.Device, ClientVersion: c.opts.Version, Kind: c.opts.Kind,
	}}}
}

// judgeToken makes an expired token fatal when it was offered and refused before.
func (c *Client) judgeToken(token string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != events.CodeTokenExpired {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expired == token {
		return fmt.Errorf("%w: %w", errSameToken, err)
	}
	c.expired = token
	return err
}

// hello authenticates and gives the welcome.
func (n *conn) hello(m *clientv1.ClientFrame) (*clientv1.Welcome, error) {
	frame, refusal := n.client.opts.Codec.AppendClient(nil, m)
	if refusal != nil {
		return nil, &Error{Code: refusal.Code, Retry: refusal.Code.Info().Retry}
	}
	if err := n.say(frame); err != nil {
		return nil, fmt.Errorf("client: hello: %w", err)
	}
	for {
		_, b, err := n.ws.ReadMessage()
		if err != nil {
			return nil, fmt.Errorf("client: hello: %w", closeError(err))
		}
		reply, err := n.client.opts.Codec.ParseServer(b)
		if err != nil {
			return nil, fmt.Errorf("client: hello: %w", err)
		}
		if e := reply.GetError(); e != nil {
			return nil, fmt.Errorf("client: hello: %w", errorFrom(e))
		}
		if w := reply.GetWelcome(); w != nil {
			return w, nil
		}
	}
}
