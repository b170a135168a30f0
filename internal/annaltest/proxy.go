package annaltest

import (
	"net"
	"sync"
	"testing"
)

// Proxy forwards TCP connections to an address, until it is told not to. What it does to them, neither end is told.
type Proxy struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu     sync.Mutex
	open   []net.Conn
	closed bool
	// Gates are closed channels while bytes may pass.
	toServer, toClient chan struct{}
}

// NewProxy listens until the test ends.
func NewProxy(t *testing.T, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, to: to, toServer: opened(), toClient: opened()}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close() // accept ends by it
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Cut()
		p.Pass()
		p.running.Wait()
	})
	return p
}

func opened() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// Addr is where it listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// HoldAnswers forwards nothing more to clients; what they say still arrives.
func (p *Proxy) HoldAnswers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toClient = make(chan struct{})
}

// Hold forwards nothing more in either direction. All sockets stay open: no end hears of it.
func (p *Proxy) Hold() {
	p.HoldAnswers()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toServer = make(chan struct{})
}

// Pass forwards again.
func (p *Proxy) Pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, gate := range []chan struct{}{p.toServer, p.toClient} {
		select {
		case <-gate:
		default:
			close(gate)
		}
	}
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		_ = c.Close() // both ends are as good as gone
	}
	p.open = nil
}

func (p *Proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close() // the client sees that nobody is there
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, in, out)
		closed := p.closed
		p.mu.Unlock()
		if closed {
			p.Cut()
		}
		p.running.Go(func() { p.forward(out, in, &p.toServer) })
		p.running.Go(func() { p.forward(in, out, &p.toClient) })
	}
}

// forward copies until either end is closed, then closes the other.
func (p *Proxy) forward(to, from net.Conn, gate *chan struct{}) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		passing := *gate
		p.mu.Unlock()
		<-passing
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}
