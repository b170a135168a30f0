package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// network is a way to the broker that can be broken.
type network struct {
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	isolated bool
	// lose is how many answers to produce requests are yet to be lost.
	lose int
}

var errIsolated = errors.New("isolated by the test")

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	isolated := n.isolated
	n.mu.Unlock()
	if isolated {
		return nil, errIsolated
	}
	conn, err := new(net.Dialer).DialContext(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[conn] = struct{}{}
	return &lossyConn{Conn: conn, network: n}, nil
}

// lossyConn is a connection whose answers may be lost.
type lossyConn struct {
	net.Conn
	network *network
	// produced: the last request was to write records.
	produced atomic.Bool
}

const produceKey = 0

// Write sees one whole request: its size in 4 bytes, then its key in 2.
func (c *lossyConn) Write(b []byte) (int, error) {
	if len(b) >= 6 {
		c.produced.Store(binary.BigEndian.Uint16(b[4:]) == produceKey)
	}
	return c.Conn.Write(b)
}

func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.produced.Load() && c.network.losesOne() {
		return 0, errors.Join(errLost, c.Close())
	}
	return n, err
}

var errLost = errors.New("answer lost by the test")

func (n *network) losesOne() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose--
	return n.lose >= 0
}

func (n *network) LoseAnswers(count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose = count
}

func (n *network) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.conns {
		_ = conn.Close() // the client's own reading and writing tells it
	}
	clear(n.conns)
}

func (n *network) Isolate() {
	n.mu.Lock()
	n.isolated = true
	n.mu.Unlock()
	n.Cut()
}

func (n *network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isolated = false
}
