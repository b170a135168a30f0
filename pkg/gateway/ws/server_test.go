package ws_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protojson"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/gatewaytest"
	"annal/pkg/gateway/protocol"
	"annal/pkg/gateway/ws"
)

// patience bounds every wait for a socket.
const patience = 20 * time.Second

type server struct {
	t     testing.TB
	world *gatewaytest.World
	key   auth.Key
	http  *httptest.Server
	gw    *gateway.Gateway
	// metrics are the gateway's.
	metrics *prometheus.Registry
	// codec is what sockets dialled from now on speak.
	codec protocol.Codec
	// stop ends the gateway alone.
	stop func()
}

func serve(t testing.TB, change func(*gateway.Config), o ws.Options) *server {
	t.Helper()
	return serveWith(t, change, nil, o)
}

// serveWith changes the ports as well.
func serveWith(t testing.TB, change func(*gateway.Config), connect func(*gatewaytest.World, *gateway.Ports), o ws.Options) *server {
	t.Helper()
	key, err := auth.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := gateway.DefaultConfig()
	config.Instance = "g1"
	if change != nil {
		change(&config)
	}
	s := &server{t: t, world: gatewaytest.New(), key: key, metrics: prometheus.NewRegistry()}
	ports := gateway.Ports{
		Log: s.world.Log, View: s.world, Feed: s.world.NewFeed("g1"), Notifier: s.world.Notifier(), Tokens: auth.NewVerifier(key.Public(), time.Now), Now: time.Now,
		Logger: slog.New(slog.DiscardHandler), Metrics: gateway.NewMetrics(s.metrics),
	}
	if connect != nil {
		connect(s.world, &ports)
	}
	gw, err := gateway.New(config, ports)
	if err != nil {
		t.Fatal(err)
	}
	s.gw = gw
	ctx, cancel := context.WithCancel(context.Background())
	worldCtx, endWorld := context.WithCancel(context.Background())
	var wg, world sync.WaitGroup
	wg.Go(func() {
		if err := gw.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("gateway ended with %v", err)
		}
	})
	world.Go(func() {
		if err := s.world.Run(worldCtx); err != nil {
			t.Error(err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	s.http = httptest.NewServer(ws.Handler(gw, o))
	for deadline := time.Now().Add(patience); gw.Ready() != nil; {
		if time.Now().After(deadline) {
			t.Fatalf("the gateway is not ready: %v", gw.Ready())
		}
		<-time.After(time.Millisecond)
	}
	t.Cleanup(func() {
		s.stop()
		endWorld()
		world.Wait()
		s.world.Log.Close()
		s.http.Close()
	})
	return s
}

func (s *server) token(user events.UserID, life time.Duration) string {
	token, err := auth.Issue(s.key, auth.Identity{User: user, Expires: time.Now().Add(life)}, time.Now().Add(min(0, life)))
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// each runs a test once per subprotocol.
func each(t *testing.T, test func(t *testing.T, codec protocol.Codec)) {
	t.Helper()
	for codec := range protocol.Codecs {
		t.Run(codec.String(), func(t *testing.T) { test(t, codec) })
	}
}

type socket struct {
	t testing.TB
	*websocket.Conn
	codec protocol.Codec
}

func (s *server) dial() *socket {
	s.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{s.codec.String()}}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/v1/ws", nil)
	if err != nil {
		s.t.Fatalf("dial: %v, %v", err, response)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &socket{t: s.t, Conn: conn, codec: s.codec}
}

// littleRoom bounds what the kernel takes in for a client that does not read: so that
// little need be sent until it is slow, and it reads again before it is given up.
func (c *socket) littleRoom() {
	c.t.Helper()
	conn, ok := c.NetConn().(*net.TCPConn)
	if !ok {
		c.t.Fatalf("the connection is a %T", c.NetConn())
	}
	if err := conn.SetReadBuffer(64 << 10); err != nil {
		c.t.Fatal(err)
	}
}

func (s *server) hello(user events.UserID) *socket {
	c := s.dial()
	if f := c.ask(`{"id":"h","hello":{"token":"` + s.token(user, time.Hour) + `","device":"phone"}}`); f.GetWelcome() == nil {
		s.t.Fatalf("hello was answered with %v", f)
	}
	return c
}

func (s *server) tokenOf(id auth.Identity) string {
	id.Expires = time.Now().Add(time.Hour)
	token, err := auth.Issue(s.key, id, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func (s *server) helloAs(id auth.Identity) *socket {
	c := s.dial()
	if f := c.ask(`{"id":"h","hello":{"token":"` + s.tokenOf(id) + `"}}`); f.GetWelcome() == nil {
		s.t.Fatalf("hello was answered with %v", f)
	}
	return c
}

// service is a connection that may say what it likes of u1's logins.
func (s *server) service() *socket { return s.helloAs(auth.Identity{User: "u1", Service: "login"}) }

// signIn is a connection of a new login of u1's.
func (s *server) signIn(login, device string) *socket {
	frame := fmt.Sprintf(`{"id":"1","client_id":%q,"sign_in":{"login":%q,"device":%q,"kind":"phone"}}`, login, login, device)
	if f := s.service().ask(frame); f.GetAck() == nil {
		s.t.Fatalf("signing in was answered with %v", f)
	}
	return s.helloAs(auth.Identity{User: "u1", Login: login, Device: device})
}

func (c *socket) write(kind int, data []byte) {
	c.t.Helper()
	if err := c.WriteMessage(kind, data); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// kind is what the socket's frames come and go as.
func (c *socket) kind() int {
	if c.codec == protocol.ProtoCodec {
		return websocket.BinaryMessage
	}
	return websocket.TextMessage
}

// say writes a frame, given as JSON.
func (c *socket) say(frame string) {
	c.t.Helper()
	if c.codec == protocol.JSONCodec {
		c.write(websocket.TextMessage, []byte(frame))
		return
	}
	m := &clientv1.ClientFrame{}
	if err := protojson.Unmarshal([]byte(frame), m); err != nil {
		c.t.Fatalf("%.200s: %v", frame, err)
	}
	data, err := c.codec.AppendClient(nil, m)
	if err != nil {
		c.t.Fatalf("%.200s: %v", frame, err)
	}
	c.write(websocket.BinaryMessage, data)
}

// next reads a frame; nil with the close error when the gateway closed.
func (c *socket) next() (*clientv1.ServerFrame, *websocket.CloseError) {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	kind, data, err := c.ReadMessage()
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return nil, closed
	}
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	f, parseErr := c.codec.ParseServer(data)
	if parseErr != nil || kind != c.kind() {
		c.t.Fatalf("gateway sent %q, of kind %d: %v", data, kind, parseErr)
	}
	return f, nil
}

// ask sends a frame and gives the reply: the first frame that is no event or notice.
func (c *socket) ask(frame string) *clientv1.ServerFrame {
	c.t.Helper()
	c.say(frame)
	for {
		f, closed := c.next()
		if closed != nil {
			c.t.Fatalf("%.80s was answered with close %v", frame, closed)
		}
		if f.GetEvent() == nil && f.GetNotice() == nil {
			return f
		}
	}
}

// wantClose reads until the gateway closes, with that code as reason.
func (c *socket) wantClose(what string, status int, code events.Code) {
	c.t.Helper()
	for {
		_, closed := c.next()
		if closed == nil {
			continue
		}
		if closed.Code != status || closed.Text != string(code) {
			c.t.Errorf("%s: closed with %d %q, want %d %s", what, closed.Code, closed.Text, status, code)
		}
		return
	}
}

func (c *socket) direct() string {
	ack := c.ask(`{"id":"d","client_id":"d","create":{"kind":"KIND_DIRECT","members":[{"user":"peer"}]}}`).GetAck()
	if ack == nil {
		c.t.Fatal("no direct session")
	}
	return ack.GetSession()
}
