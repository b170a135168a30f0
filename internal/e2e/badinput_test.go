package e2e

import (
	"annal/internal/annaltest"

	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/protocol"
)

// raw is a socket on which anything can be said.
type raw struct {
	t  *testing.T
	ws *websocket.Conn
}

func rawSocket(t *testing.T, s *annaltest.Server) *raw {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{protocol.JSON}, HandshakeTimeout: annaltest.Patience}
	ws, resp, err := dialer.DialContext(t.Context(), s.At.WS, nil)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	resp.Body.Close()
	t.Cleanup(func() { ws.Close() })
	if err := ws.SetReadDeadline(time.Now().Add(annaltest.Patience)); err != nil {
		t.Fatal(err)
	}
	return &raw{t, ws}
}

func (r *raw) says(kind int, frame string) {
	r.t.Helper()
	if err := r.ws.WriteMessage(kind, []byte(frame)); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

// hears gives the next reply; events and notices are passed over.
func (r *raw) hears() (*clientv1.ServerFrame, error) {
	for {
		_, b, err := r.ws.ReadMessage()
		if err != nil {
			return nil, err
		}
		m, err := protocol.ParseServerJSON(b)
		if err != nil {
			return nil, err
		}
		if m.GetEvent() == nil && m.GetNotice() == nil {
			return m, nil
		}
	}
}

// refused says a frame and checks the code, whether to retry, and the id of the reply;
// the connection survives.
func (r *raw) refused(frame, id string, want events.Code) {
	r.t.Helper()
	r.says(websocket.TextMessage, frame)
	m, err := r.hears()
	if err != nil {
		r.t.Fatalf("%.100s: the connection ends: %v; want %s", frame, err, want)
	}
	e := m.GetError()
	if e.GetCode() != string(want) || m.GetId() != id || e.GetRetry() != string(want.Info().Retry) {
		r.t.Errorf("%.100s: got %v; want the error %s for id %q, retry %s", frame, m, want, id, want.Info().Retry)
	}
}

// closed reads until the connection ends and checks how: an error of the code may come
// before the close.
func (r *raw) closed(what string, want events.Code) {
	r.t.Helper()
	for {
		m, err := r.hears()
		var end *websocket.CloseError
		switch {
		case errors.As(err, &end):
			if end.Code != want.Info().Close || end.Text != string(want) {
				r.t.Errorf("%s: closed with %d %q; want %d %s", what, end.Code, end.Text, want.Info().Close, want)
			}
			return
		case err != nil:
			r.t.Errorf("%s: %v; want a close with %d", what, err, want.Info().Close)
			return
		case m.GetError() != nil && m.GetError().GetCode() != string(want):
			r.t.Errorf("%s: got %v; want the error %s", what, m, want)
		}
	}
}

func (r *raw) hello(token string) {
	r.t.Helper()
	r.says(websocket.TextMessage, fmt.Sprintf(`{"id":"h","hello":{"token":%q}}`, token))
}

func (r *raw) welcomed(token string) {
	r.t.Helper()
	r.hello(token)
	if m, err := r.hears(); err != nil || m.GetWelcome() == nil {
		r.t.Fatalf("hello: %v, %v; want a welcome", m, err)
	}
}

// acked says a command and gives its ack.
func (r *raw) acked(frame string) *clientv1.Ack {
	r.t.Helper()
	r.says(websocket.TextMessage, frame)
	m, err := r.hears()
	if err != nil || m.GetAck() == nil {
		r.t.Fatalf("%.100s: %v, %v; want an ack", frame, m, err)
	}
	return m.GetAck()
}

func TestBadInput(t *testing.T) {
	s := dev(t, "embedded")
	content, err := os.ReadFile(filepath.Join(s.At.Data, "dev-key.json"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := auth.ParseKey(content)
	if err != nil {
		t.Fatal(err)
	}
	token := func(key auth.Key, lasts time.Duration) string {
		t.Helper()
		token, err := auth.Issue(key, auth.Identity{User: "alice", Expires: time.Now().Add(lasts)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := token(key, time.Hour)
	t.Run("the connection survives", func(t *testing.T) { survives(t, s, good) })
	t.Run("tokens", func(t *testing.T) {
		foreign, err := auth.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			token string
			want  events.Code
		}{
			"no token at all":     {"hello", events.CodeBadToken},
			"another's signature": {token(foreign, time.Hour), events.CodeBadToken},
			"expired":             {token(key, -time.Second), events.CodeTokenExpired},
		} {
			r := rawSocket(t, s)
			r.hello(c.token)
			r.closed(what, c.want)
		}
		r := rawSocket(t, s)
		r.welcomed(token(key, 3*time.Second))
		r.closed("a token that expires on a live connection", events.CodeTokenExpired)
	})
	t.Run("frames that end the connection", func(t *testing.T) {
		for what, c := range map[string]struct {
			frame string
			want  events.Code
		}{
			"invalid UTF-8":   {"{\"id\":\"1\",\"send\":{\"session\":\"x\",\"text\":\"\xff\"},\"client_id\":\"c\"}", events.CodeInvalidUTF8},
			"more than 1 MiB": {`{"id":"1","send":{"session":"x","text":"` + strings.Repeat("x", 1<<20) + `"},"client_id":"c"}`, events.CodeFrameTooLarge},
		} {
			r := rawSocket(t, s)
			r.welcomed(good)
			r.says(websocket.TextMessage, c.frame)
			r.closed(what, c.want)
		}
	})
	t.Run("no subprotocol", func(t *testing.T) {
		_, resp, err := websocket.DefaultDialer.DialContext(t.Context(), s.At.WS, nil)
		if resp == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("an upgrade without the subprotocol: %v, %v; want the status 400", resp, err)
		}
	})
}

// survives says what is refused, one after the other on one connection.
func survives(t *testing.T, s *annaltest.Server, token string) {
	r := rawSocket(t, s)
	r.refused(`{"id":"1","ping":{}}`, "1", events.CodeHelloRequired)
	r.refused(`hello?`, "", events.CodeMalformedFrame)
	r.welcomed(token)
	session := r.acked(`{"id":"2","create":{"kind":"KIND_DIRECT","members":[{"user":"bob"}]},"client_id":"c"}`).GetSession()
	send := func(id, text string) string {
		return fmt.Sprintf(`{"id":%q,"send":{"session":%q,"text":"%s"},"client_id":%q}`, id, session, text, "c"+id)
	}
	read := func(id, seq string) string {
		return fmt.Sprintf(`{"id":%q,"mark_read":{"session":%q,"seq":%s},"client_id":%q}`, id, session, seq, "c"+id)
	}
	r.refused(`{"id":"3","ping":{}`, "3", events.CodeMalformedFrame)
	r.refused(`{"id":"4","ping":{}}{}`, "4", events.CodeMalformedFrame)
	r.refused(`{"id":"5","dance":{}}`, "5", events.CodeUnknownOp)
	r.refused(`{"id":"6"}`, "6", events.CodeUnknownOp)
	r.refused(fmt.Sprintf(`{"id":"7","send":{"session":%q},"client_id":"c7"}`, session), "7", events.CodeMissingField)
	r.refused(fmt.Sprintf(`{"id":"8","send":{"session":%q,"text":"x"}}`, session), "8", events.CodeMissingField)
	r.refused(`{"id":"9","ping":{"x":1}}`, "9", events.CodeInvalidField)
	r.refused(send("10", strings.Repeat("x", events.MaxTextBytes+1)), "10", events.CodeTextTooLong)
	r.refused(send("11", `a\u0000b`), "11", events.CodeInvalidText)
	r.refused(send("12", "a\x00b"), "12", events.CodeMalformedFrame)
	r.refused(send("13", ""), "13", events.CodeInvalidText)
	r.refused(send("14", `\ud800`), "14", events.CodeMalformedFrame)
	r.refused(`{"id":"15","send":{"session":"d_nowhere","text":"x"},"client_id":"c15"}`, "15", events.CodeNoSuchSession)
	r.refused(`{"id":"16","history":{"session":"d_nowhere"}}`, "16", events.CodeNoSuchSession)
	r.refused(read("17", "9007199254740992"), "17", events.CodeInvalidField)
	r.refused(read("18", `"9007199254740992"`), "18", events.CodeOutOfRange)
	r.refused(read("19", `"18446744073709551616"`), "19", events.CodeInvalidField)
	r.refused(read("20", "1e3"), "20", events.CodeInvalidField)
	r.refused(`{"id":"21","ping":{},"as_user":"bob"}`, "21", events.CodeServiceTokenRequired)
	r.refused(fmt.Sprintf(`{"id":"22","send":{"session":%q,"text":"x"},"client_id":"c22","origin_time_ms":"1"}`, session), "22", events.CodeServiceTokenRequired)

	// Nothing of it took effect, and the connection is as good as before.
	if ack := r.acked(send("23", strings.Repeat("x", events.MaxTextBytes))); ack.GetSeq() != 2 || ack.GetAnswered() != "" {
		t.Errorf("a good send is acked as %v, want seq 2", ack)
	}
	r.refused(send("23", "another text"), "23", events.CodeClientIDConflict)
	if ack := r.acked(read("24", `2`)); ack.GetAnswered() != string(events.CodeAlreadyRead) {
		t.Errorf("reading one's own message is acked as %v, want %s", ack, events.CodeAlreadyRead)
	}
}
