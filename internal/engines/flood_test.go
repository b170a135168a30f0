package engines

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/app"
	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

// outage is how long Kafka is away while clients send as fast as they can; beyond the gateway's 15 s for an answer,
// OUTCOME_UNKNOWN is seen too.
var outage = flag.Duration("outage", 6*time.Second, "how long Kafka is away under a flood")

// grows bounds what the heap may grow by in a flood of messages of floodText bytes, thousands of which come in a second.
const (
	grows     = 96 << 20
	floodText = 16 << 10
	flooders  = 4
)

// TestFloodWhileKafkaIsAway: clients that send as fast as they can while the log takes nothing are told BUSY, or after
// 15 s OUTCOME_UNKNOWN, by a gateway that still hears them and whose memory stays bounded. What was BUSY is not in the
// log, and what was unknown is there once when it is sent again.
func TestFloodWhileKafkaIsAway(t *testing.T) {
	kafka := kafkaCluster(t)
	w := start(t, on{kafka: kafka.ProxiedAddrs(), redis: devstack.RedisForTest(t).Addr()})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ack, err := w.connect("alice").Create(ctx, client.Create{Kind: logv1.Kind_KIND_GROUP})
	w.ok(err)
	session := ack.GetSession()
	for _, n := range kafka.Nodes {
		w.ok(n.Proxy().Refuse())
	}
	before := heap()
	var flooding sync.WaitGroup
	var sockets []*socket
	until := time.Now().Add(*outage)
	for i := range flooders {
		s := w.socket("alice", fmt.Sprint(i))
		sockets = append(sockets, s)
		flooding.Go(func() { s.flood(session, until) })
	}
	w.rises(`annal_gateway_refusals_total{code="BUSY"}`, 100)
	w.says("further ones are refused as BUSY")
	most := uint64(0)
	for time.Now().Before(until) {
		w.lasts(500 * time.Millisecond)
		most = max(most, heap())
		if n := w.metric("annal_gateway_commands_writing"); n < 1 || n*floodText > 8<<20 {
			t.Fatalf("%v commands of %d bytes are on their way into the log, want 1 at least and 8 MiB at most", n, floodText)
		}
	}
	flooding.Wait()
	t.Logf("the heap grew by %d MiB at most", (int64(most)-int64(before))>>20)
	if most > before+grows {
		t.Errorf("the heap grew from %d to %d MiB, by more than %d", before>>20, most>>20, grows>>20)
	}
	// Still heard, each of them, although the log takes nothing.
	for _, s := range sockets {
		s.pings(3 * time.Second)
	}
	for _, n := range kafka.Nodes {
		w.ok(n.Proxy().Accept())
	}
	w.says("commands are taken again")
	acked, again := map[string]bool{}, 0
	for _, s := range sockets {
		s.answered()
		again += s.resend(session, acked)
	}
	total := w.messages(session)
	t.Logf("%d frames refused as BUSY, %d of unknown outcome; %d sent again; %d messages acked, %d in the log",
		sum(sockets, events.CodeBusy), sum(sockets, events.CodeOutcomeUnknown), again, len(acked), total)
	if sum(sockets, events.CodeBusy) == 0 || *outage > 20*time.Second && sum(sockets, events.CodeOutcomeUnknown) == 0 {
		t.Error("a code that was to be seen was not")
	}
	if total != len(acked) {
		t.Errorf("the log has %d messages, want the %d that were acked", total, len(acked))
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func sum(sockets []*socket, code events.Code) (n int) {
	for _, s := range sockets {
		s.mu.Lock()
		n += s.refused[code]
		s.mu.Unlock()
	}
	return n
}

// messages counts a session's messages in the log.
func (w *world) messages(session string) int {
	w.Helper()
	o, err := app.Open(w.Context(), w.target)
	w.ok(err)
	defer o.Close()
	var report fold.Report
	sessions, err := fold.Log(w.Context(), o.Log, &report)
	w.ok(err)
	if report.Found > 0 {
		w.Errorf("%d problems in the log: %v", report.Found, report.Problems)
	}
	return int(sessions[events.SessionID(session)].Head.Index)
}

// socket is a client that sends without waiting.
type socket struct {
	w    *world
	name string
	ws   *websocket.Conn
	pong chan struct{}

	mu sync.Mutex
	// left are the frames without a final answer, which are few: those refused as BUSY are counted, and a sample kept.
	waiting map[string]bool
	acked   []string
	unknown []string
	busy    []string
	refused map[events.Code]int
	bad     error
}

func (w *world) socket(user, name string) *socket {
	w.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON}, HandshakeTimeout: patience}
	ws, resp, err := dialer.DialContext(w.Context(), w.at.WS, nil)
	w.ok(err)
	resp.Body.Close()
	s := &socket{w: w, name: name, ws: ws, pong: make(chan struct{}, 1), waiting: map[string]bool{}, refused: map[events.Code]int{}}
	s.write(fmt.Sprintf(`{"id":"hello","hello":{"token":%q}}`, w.token(user)))
	_, _, err = ws.ReadMessage()
	w.ok(err)
	var reading sync.WaitGroup
	reading.Go(s.read)
	w.Cleanup(func() {
		ws.Close()
		reading.Wait()
	})
	return s
}

func (s *socket) write(frame string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		s.bad = errors.Join(s.bad, err)
	}
}

func (s *socket) say(session, id string) {
	s.mu.Lock()
	s.waiting[id] = true
	s.mu.Unlock()
	s.write(fmt.Sprintf(`{"id":%q,"client_id":%q,"send":{"session":%q,"text":%q}}`, id, id, session, strings.Repeat("x", floodText)))
}

// flood says one thing after the other, without waiting for answers.
func (s *socket) flood(session string, until time.Time) {
	for i := 0; time.Now().Before(until); i++ {
		s.say(session, fmt.Sprintf("%s-%d", s.name, i))
	}
}

// sampleOf is how many of those refused as BUSY are sent again.
const sampleOf = 50

func (s *socket) read() {
	for {
		_, b, err := s.ws.ReadMessage()
		if err != nil {
			return
		}
		m, bad := protocol.ParseServerJSON(b)
		if bad != nil {
			err = bad
		}
		s.mu.Lock()
		switch id := m.GetId(); {
		case err != nil:
			s.bad = errors.Join(s.bad, err)
		case m.GetPong() != nil:
			s.pong <- struct{}{}
		case m.GetAck() != nil:
			s.acked = append(s.acked, id)
			delete(s.waiting, id)
		case m.GetError() != nil:
			code := events.Code(m.GetError().GetCode())
			s.refused[code]++
			delete(s.waiting, id)
			switch code {
			case events.CodeBusy:
				if len(s.busy) < sampleOf {
					s.busy = append(s.busy, id)
				}
				if m.GetError().GetRetryAfterMs() <= 0 {
					s.bad = errors.Join(s.bad, fmt.Errorf("%s is BUSY and not told when to come again", id))
				}
			case events.CodeOutcomeUnknown:
				s.unknown = append(s.unknown, id)
			default:
				s.bad = errors.Join(s.bad, fmt.Errorf("%s was refused as %s", id, code))
			}
		}
		s.mu.Unlock()
	}
}

// pings wants a pong within that time.
func (s *socket) pings(within time.Duration) {
	s.w.Helper()
	s.write(`{"id":"ping","ping":{}}`)
	select {
	case <-s.pong:
	case <-time.After(within):
		s.w.Errorf("connection %s is not heard: no pong within %v", s.name, within)
	}
}

// answered waits until every frame has an answer.
func (s *socket) answered() {
	s.w.Helper()
	s.w.until("an answer to everything", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bad != nil {
			s.w.Fatal(s.bad)
		}
		if len(s.waiting) > 0 {
			return fmt.Errorf("%d frames of connection %s have no answer", len(s.waiting), s.name)
		}
		return nil
	})
}

// resend sends what was unknown and a sample of what was BUSY again, until all is acked, and adds to acked what is.
func (s *socket) resend(session string, acked map[string]bool) (n int) {
	s.w.Helper()
	for {
		s.mu.Lock()
		again := append(s.unknown, s.busy...)
		s.unknown, s.busy = nil, nil
		s.mu.Unlock()
		if len(again) == 0 {
			break
		}
		for _, id := range again {
			s.say(session, id)
		}
		n += len(again)
		s.answered()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.acked {
		if acked[id] {
			s.w.Errorf("%s was acked twice", id)
		}
		acked[id] = true
	}
	return n
}
