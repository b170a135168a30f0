package devstack

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy is a way to an engine that can be broken: it listens on loopback and passes on what comes, both ways. All its
// methods may be called while connections are open.
type Proxy struct {
	ports   ports
	addr    string
	running sync.WaitGroup

	mu sync.Mutex
	to string
	// listener is nil while connections are refused.
	listener net.Listener
	open     map[*proxied]struct{}
	delay    time.Duration
	// stalled is closed, and replaced by nil, when a stall is over.
	stalled chan struct{}
	// lose is how many answers are yet to be lost: to produce requests, or to insertions.
	lose, lost int
	insertions bool
}

// StartProxy starts one that leads to host:port to. Nothing needs to listen there yet.
func StartProxy(to string) (*Proxy, error) {
	p := &Proxy{to: to, open: map[*proxied]struct{}{}}
	port, err := p.ports.choose()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", hostport(port))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("devstack: proxy: %w", err), p.ports.release())
	}
	p.addr, p.listener = l.Addr().String(), l
	p.running.Go(func() { p.accept(l) })
	return p, nil
}

// Addr is where it listens, host:port.
func (p *Proxy) Addr() string { return p.addr }

// Redirect ends all connections and leads new ones to another address.
func (p *Proxy) Redirect(to string) {
	p.mu.Lock()
	p.to = to
	p.mu.Unlock()
	p.Cut()
}

// Refuse ends all connections, and has new ones refused as if nobody listened, until Accept.
func (p *Proxy) Refuse() error {
	p.mu.Lock()
	l := p.listener
	p.listener = nil
	p.mu.Unlock()
	if l == nil {
		return nil
	}
	err := l.Close()
	p.Cut()
	if err != nil {
		return fmt.Errorf("devstack: proxy: %w", err)
	}
	return nil
}

// Accept ends what Refuse began.
func (p *Proxy) Accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("devstack: proxy: %w", err)
	}
	p.listener = l
	p.running.Go(func() { p.accept(l) })
	return nil
}

// Cut ends the connections that are open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.end()
	}
}

// Stall keeps connections open and lets nothing through, until Flow.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// Flow ends what Stall began; what was held up arrives.
func (p *Proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}

// Delay has everything arrive d later, one piece of up to 32 KiB after the other. 0 ends it.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// LoseProduceAnswers loses the next n answers of a Kafka broker to requests to write: the broker has done what was
// asked, and the connection ends before it can say so.
func (p *Proxy) LoseProduceAnswers(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.lost, p.insertions = n, 0, false
}

// LoseInsertAnswers loses the next n answers of a ClickHouse server to an INSERT over HTTP: it has stored the rows, and the
// connection ends before it can say so.
func (p *Proxy) LoseInsertAnswers(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.lost, p.insertions = n, 0, true
}

// Lost is how many answers were lost since LoseProduceAnswers or LoseInsertAnswers.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Close ends the connections and stops listening. A second Close does nothing.
func (p *Proxy) Close() error {
	err := errors.Join(p.Refuse(), p.ports.release())
	p.running.Wait()
	return err
}

func (p *Proxy) accept(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.pass(in) })
	}
}

// pass connects through and copies until either side ends.
func (p *Proxy) pass(in net.Conn) {
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	out, err := net.DialTimeout("tcp", to, time.Second)
	if err != nil {
		in.Close()
		return
	}
	c := &proxied{in: in, out: out, done: make(chan struct{})}
	p.mu.Lock()
	if p.listener == nil || p.to != to {
		c.end()
	}
	p.open[c] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		p.copy(c, out, in, func(b []byte) bool {
			c.inserts.see(b)
			return c.requests.see(b)
		})
	})
	both.Go(func() {
		p.copy(c, in, out, func(b []byte) bool {
			produced, inserted := c.requests.answersProduce(b), c.inserts.answersInsert()
			return produced && p.losesOne(false) || inserted && p.losesOne(true)
		})
	})
	both.Wait()
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
}

// proxied is one connection through the proxy.
type proxied struct {
	in, out  net.Conn
	requests produces
	inserts  inserts
	once     sync.Once
	done     chan struct{}
}

func (c *proxied) end() {
	c.once.Do(func() {
		close(c.done)
		c.in.Close()
		c.out.Close()
	})
}

// copy passes on what src says, unless cut says that the connection is to end instead.
func (p *Proxy) copy(c *proxied, dst io.Writer, src io.Reader, cut func([]byte) bool) {
	defer c.end()
	piece := make([]byte, 32<<10)
	for {
		n, err := src.Read(piece)
		if n > 0 {
			if !p.hold(c) || cut(piece[:n]) {
				return
			}
			if _, err := dst.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold holds a piece up for as long as it must be; false when the connection ended meanwhile.
func (p *Proxy) hold(c *proxied) bool {
	p.mu.Lock()
	delay, stalled := p.delay, p.stalled
	p.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-c.done:
			return false
		}
	}
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.done:
			return false
		}
	}
	return true
}

func (p *Proxy) losesOne(insertion bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.insertions != insertion || p.lost >= p.lose {
		return false
	}
	p.lost++
	return true
}

// closeAll closes proxies that are there.
func closeAll(proxies ...*Proxy) error {
	var errs []error
	for _, p := range proxies {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}
