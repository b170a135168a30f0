package client

import (
	"bufio"
	"context"
	"net"
	"sync"
)

// bufferedConn gathers the writes of many frames into one, since a system call each
// would cost more than all the rest. It writes through until it is told to gather.
type bufferedConn struct {
	net.Conn
	mu     sync.Mutex
	buf    *bufio.Writer
	gather bool
}

func dialBuffered(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &bufferedConn{Conn: conn, buf: bufio.NewWriterSize(conn, 32<<10)}, nil
}

// Write keeps b for the next flush, or writes it at once.
func (b *bufferedConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.gather {
		return b.Conn.Write(p)
	}
	return b.buf.Write(p)
}

// gathering says whether writes are gathered from now on.
func (b *bufferedConn) gathering(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gather = on
}

// flush writes out what was gathered.
func (b *bufferedConn) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Flush()
}
