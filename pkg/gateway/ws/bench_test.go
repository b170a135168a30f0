package ws_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
	"annal/pkg/gateway/ws"
)

// BenchmarkFanOut is a text of 300 bytes to 1,000 connections of one session; receivers
// share the machine and read without looking.
func BenchmarkFanOut(b *testing.B) {
	const receivers = 1000
	s := serve(b, nil, ws.Options{})
	sender := s.hello("u1")
	session := events.SessionID(sender.direct())
	var bytes atomic.Int64
	var readers sync.WaitGroup
	for range receivers {
		c := s.hello("peer")
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, session))
		raw := c.NetConn()
		if err := raw.SetReadDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		readers.Go(func() { count(raw, &bytes) })
		defer func() { _ = raw.Close() }()
	}
	op := events.Send{Body: events.TextBody(strings.Repeat("x", 300))}
	before := bytes.Load()
	s.world.Must("u1", "first", session, op)
	each := waitQuiet(&bytes, before) / receivers
	start := bytes.Load()
	b.ResetTimer()
	for i := range b.N {
		s.world.Must("u1", fmt.Sprint("m", i), session, op)
		// Never further ahead than queues are long.
		for bytes.Load()-start < int64(i-1000)*each*receivers {
			runtime.Gosched()
		}
	}
	for bytes.Load()-start < int64(b.N)*each*receivers*99/100 {
		runtime.Gosched()
	}
	b.ReportMetric(float64(b.N)*receivers/b.Elapsed().Seconds(), "deliveries/s")
}

func count(r io.Reader, n *atomic.Int64) {
	buffer := make([]byte, 64<<10)
	for {
		k, err := r.Read(buffer)
		n.Add(int64(k))
		if err != nil {
			return
		}
	}
}

// waitQuiet waits until no more comes, and gives how much came since before.
func waitQuiet(n *atomic.Int64, before int64) int64 {
	for last := int64(-1); ; {
		now := n.Load()
		if now == last && now > before {
			return now - before
		}
		last = now
		<-time.After(200 * time.Millisecond)
	}
}

// BenchmarkIdle is what an idle connection keeps: after hello, subscribed to nothing.
func BenchmarkIdle(b *testing.B) {
	for codec := range protocol.Codecs {
		b.Run(codec.String(), func(b *testing.B) { idle(b, codec) })
	}
}

func idle(b *testing.B, codec protocol.Codec) {
	s := serve(b, func(c *gateway.Config) { c.Heartbeat, c.HeartbeatTimeout = time.Hour, 2*time.Hour }, ws.Options{})
	s.codec = codec
	s.hello("u1")
	const n = 2000
	token := s.token("u1", time.Hour)
	for b.Loop() {
		before := inUse()
		conns := make([]net.Conn, n)
		for i := range conns {
			conns[i] = rawHello(b, s, token)
		}
		b.ReportMetric(float64(inUse()-before)/n, "B/connection")
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// rawHello connects and says hello, then keeps nothing but the socket.
func rawHello(b *testing.B, s *server, token string) net.Conn {
	conn, _, err := (&websocket.Dialer{Subprotocols: []string{s.codec.String()}, ReadBufferSize: 512, WriteBufferSize: 512}).
		Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/v1/ws", http.Header{})
	if err != nil {
		b.Fatal(err)
	}
	c := &socket{t: b, Conn: conn, codec: s.codec}
	c.ask(`{"id":"h","hello":{"token":"` + token + `"}}`)
	return conn.NetConn()
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
