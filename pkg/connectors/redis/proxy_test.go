package redis_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy forwards connections until they are cut.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	to       string
	open     []net.Conn
	down     bool
}

func startProxy(t testing.TB, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to}
	var running sync.WaitGroup
	running.Go(func() { p.accept(&running) })
	t.Cleanup(func() {
		_ = l.Close() // accept ends by it
		p.cut()
		running.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept(running *sync.WaitGroup) {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.DialTimeout("tcp", p.target(), time.Second)
		if err != nil {
			in.Close()
			continue
		}
		p.mu.Lock()
		down := p.down
		if !down {
			p.open = append(p.open, in, out)
		}
		p.mu.Unlock()
		if down {
			in.Close()
			out.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			running.Go(func() {
				_, _ = io.Copy(way[1], way[0]) // ends when either side is closed
				in.Close()
				out.Close()
			})
		}
	}
}

func (p *proxy) target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.to
}

// redirect cuts all connections, and leads new ones elsewhere.
func (p *proxy) redirect(to string) {
	p.mu.Lock()
	p.to = to
	p.mu.Unlock()
	p.cut()
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

// outage cuts all connections, and lets no new ones live until it is over.
func (p *proxy) outage(on bool) {
	p.mu.Lock()
	p.down = on
	p.mu.Unlock()
	if on {
		p.cut()
	}
}
