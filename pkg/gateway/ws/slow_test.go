package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"annal/pkg/events"
	"annal/pkg/gateway/ws"
)

// closes counts the connections that the gateway ended for a code.
func (s *server) closes(code events.Code) float64 {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "annal_gateway_closes_total" && m.GetLabel()[0].GetValue() == string(code) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// F16: one that takes nothing for longer than a write may stall is closed with the code, though its queue is not full.
func TestAStalledWriteIsTooSlow(t *testing.T) {
	s := serve(t, nil, ws.Options{WriteTimeout: 2 * time.Second, SendBufferBytes: 4 << 10, MaxQueueBytes: 64 << 20})
	small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
		return errors.Join(err, set)
	}}
	dialer := websocket.Dialer{
		Subprotocols: []string{s.codec.String()},
		NetDialContext: func(ctx context.Context, kind, address string) (net.Conn, error) {
			return small.DialContext(ctx, kind, address)
		},
	}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	slow, sender := &socket{t: t, Conn: conn, codec: s.codec}, s.hello("u1")
	session := sender.direct()
	slow.ask(`{"id":"h","hello":{"token":"` + s.token("peer", time.Hour) + `"}}`)
	slow.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, session))
	for i := range 20 {
		s.world.Must("u1", fmt.Sprint("long", i), events.SessionID(session), events.Send{Body: events.TextBody(strings.Repeat("x", events.MaxTextBytes))})
	}
	for deadline := time.Now().Add(patience); s.closes(events.CodeTooSlow) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("it was not closed")
		}
		<-time.After(time.Millisecond)
	}
	slow.wantClose("stalled", events.CodeTooSlow.Info().Close, events.CodeTooSlow)
}
