package cases

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"annal/internal/annaltest"
	"annal/pkg/gateway/protocol"
)

// paced is a connection that reads slowly, or not at all, from slow on until hurry.
type paced struct {
	net.Conn
	// bytes may be read per second: 0 reads nothing.
	bytes       int
	slow, hurry <-chan struct{}
}

// Read waits as the pace says.
func (p *paced) Read(b []byte) (int, error) {
	select {
	case <-p.slow:
	default:
		return p.Conn.Read(b)
	}
	if p.bytes == 0 {
		<-p.hurry
		return p.Conn.Read(b)
	}
	second := time.NewTimer(time.Second)
	defer second.Stop()
	select {
	case <-second.C:
		return p.Conn.Read(b[:min(len(b), p.bytes)])
	case <-p.hurry:
		return p.Conn.Read(b)
	}
}

// smallWindow makes the kernel take little for a socket that nobody reads.
const smallWindow = 4 << 10

// dialPaced connects a client that will be slow.
func dialPaced(t *testing.T, url string, bytes int, slow, hurry <-chan struct{}) *socket {
	t.Helper()
	network := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) {
			set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallWindow)
		})
		return errors.Join(err, set)
	}}
	dialer := websocket.Dialer{
		Subprotocols: []string{protocol.Proto}, HandshakeTimeout: annaltest.Patience,
		NetDialContext: func(ctx context.Context, kind, address string) (net.Conn, error) {
			c, err := network.DialContext(ctx, kind, address)
			if err != nil {
				return nil, err
			}
			return &paced{Conn: c, bytes: bytes, slow: slow, hurry: hurry}, nil
		},
	}
	return open(t, &dialer, url)
}
