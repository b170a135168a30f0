package e2e

import (
	"fmt"
	"net"
	"testing"
	"time"

	"annal/pkg/gateway/protocol"
	"annal/pkg/gateway/ws"
	"annal/pkg/login"
)

const (
	// slowPace is how often the slow say a byte.
	slowPace = 500 * time.Millisecond
	// slowLeast is what all are given: who is cut before was not understood.
	slowLeast = 5 * time.Second
	// slowSlack is what a busy machine may be late.
	slowSlack = 8 * time.Second
)

// slowRequest is one that never ends: begin is said at once, then what follows a first answer if there is to be one, and a byte of more now
// and then.
type slowRequest struct {
	what, server, begin, then, more string
	// within is how long it may take a connection, at most.
	within time.Duration
}

func (g *siege) slowRequests() []slowRequest {
	upgrade := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", ws.Path, protocol.JSON)
	// Of hello's time, of writing the farewell, and of waiting for the peer's.
	const helloEnds, farewellEnds = 10 * time.Second, 12 * time.Second
	post := "POST " + login.PathToken + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	return []slowRequest{
		{"header bytes one by one", "login", "GET " + login.PathKeys + " HTTP/1.1\r\nHost: x\r\nX-Slow: ", "", "x", 10 * time.Second},
		{"header bytes one by one", "gateway", "GET " + ws.Path + " HTTP/1.1\r\nHost: x\r\nX-Slow: ", "", "x", 10 * time.Second},
		{"nothing at all", "login", "", "", "", 10 * time.Second},
		{"a body that never ends", "login", post + "Content-Length: 60000\r\n\r\ngrant_type=", "", "x", 30 * time.Second},
		{"chunks that never end", "login", post + "Transfer-Encoding: chunked\r\n\r\n", "", "1\r\nx\r\n", 30 * time.Second},
		{"an upgrade that never says hello", "gateway", upgrade, "", "", helloEnds + farewellEnds},
		// A masked text frame of 1,000 bytes.
		{"a frame that never ends", "gateway", upgrade, "\x81\xfe\x03\xe8\x00\x00\x00\x00", "x", helloEnds + farewellEnds},
	}
}

// slowly begins requests that never end, many of each, and gives the test that sees them cut while others are served.
func (g *siege) slowly(t *testing.T) func(t *testing.T) {
	t.Helper()
	const each = 20
	type cut struct {
		slowRequest
		after time.Duration
	}
	cuts, all := make(chan cut), g.slowRequests()
	began := time.Now()
	for _, r := range all {
		for range each {
			conn, err := net.Dial("tcp", addressOf(g.Roles[r.server]))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			go func() {
				r.drip(conn, r.within+slowSlack)
				select {
				case cuts <- cut{r, time.Since(began)}:
				case <-t.Context().Done():
				}
			}()
		}
	}
	return func(t *testing.T) {
		longest := map[string]time.Duration{}
		for n := 0; n < each*len(all); {
			select {
			case c := <-cuts:
				n++
				name := c.server + ": " + c.what
				longest[name] = max(longest[name], c.after)
				if c.after > c.within+slowSlack || c.after < slowLeast {
					t.Errorf("%s: cut after %v, want %v", name, c.after, c.within)
				}
			case <-time.After(time.Second):
				g.annSays(t)
			}
		}
		g.annSays(t)
		t.Log(longest)
	}
}

// drip says a byte now and then, until the connection has ended or its time is over.
func (r slowRequest) drip(conn net.Conn, within time.Duration) {
	deadline := time.Now().Add(within + time.Second)
	_ = conn.SetDeadline(deadline) // fails on a closed connection only, which the reading says
	ended, answered := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(ended)
		for b := make([]byte, 1024); ; {
			if _, err := conn.Read(b); err != nil {
				return
			}
			select {
			case answered <- struct{}{}:
			default: // of the first answer it is known
			}
		}
	}()
	tick := time.NewTicker(slowPace)
	defer tick.Stop()
	if _, err := conn.Write([]byte(r.begin)); err != nil {
		return
	}
	for said := r.then == ""; ; {
		select {
		case <-ended:
			return
		case <-answered:
			if said {
				continue
			}
			said = true
			if _, err := conn.Write([]byte(r.then)); err != nil {
				return
			}
		case <-tick.C:
			if !said {
				continue
			}
			if _, err := conn.Write([]byte(r.more)); err != nil {
				return
			}
		}
	}
}
