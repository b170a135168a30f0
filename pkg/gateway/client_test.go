package gateway_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protojson"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/gatewaytest"
	"annal/pkg/gateway/protocol"
	"annal/pkg/presence"
)

// tester is what testing and rapid have in common.
type tester interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
}

// bench is a gateway on a world, in a synctest bubble.
type bench struct {
	t     tester
	world *gatewaytest.World
	feed  *gatewaytest.Feed
	gw    *gateway.Gateway
	log   *heldLog
	key   auth.Key
	// cold is the archive that gateways which are served from now on have; nil: none.
	cold *gatewaytest.Cold
	// limits are those of gateways that are served from now on.
	limits gateway.Limits
	// presence is what gateways that are served from now on keep who is online in; nil: nothing.
	presence presence.Store
	// codec is what new connections speak.
	codec protocol.Codec
	// stop ends the gateway and waits for it.
	stop func()
}

// run calls f with a bench in a bubble, and ends everything after; once per subprotocol.
func run(t *testing.T, change func(*gateway.Config), f func(b *bench)) {
	t.Helper()
	for codec := range protocol.Codecs {
		t.Run(codec.String(), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				b := newBench(t, change)
				b.codec = codec
				f(b)
				b.stop()
			})
		})
	}
}

func newBench(t tester, change func(*gateway.Config)) *bench { return newBenchOn(t, change, false) }

// newBenchOn is a bench that has an archive, if it is to.
func newBenchOn(t tester, change func(*gateway.Config), cold bool) *bench {
	t.Helper()
	key, err := auth.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, world: gatewaytest.New(), key: key}
	if cold {
		b.cold = b.world.NewCold()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.world.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop := b.serve("g1", change)
	b.stop = sync.OnceFunc(func() {
		stop()
		pass(10 * time.Second) // whatever is bounded has ended
		cancel()
		b.world.Log.Close()
		wg.Wait()
	})
	synctest.Wait()
	return b
}

// another is a second gateway on the same world; stop ends it alone.
func (b *bench) another(instance string) *bench {
	b.t.Helper()
	o := &bench{t: b.t, world: b.world, key: b.key, codec: b.codec, limits: b.limits, presence: b.presence}
	o.stop = o.serve(instance, nil)
	synctest.Wait()
	return o
}

// serve starts the bench's gateway; stop ends it.
func (b *bench) serve(instance string, change func(*gateway.Config)) (stop func()) {
	b.t.Helper()
	config := gateway.DefaultConfig()
	config.Instance, config.Version = instance, "test"
	var cold gateway.Cold
	if b.cold != nil {
		cold = b.cold
	}
	if change != nil {
		change(&config)
	}
	b.feed = b.world.NewFeed(config.Instance)
	b.log = &heldLog{Log: b.world.Log}
	var err error
	b.gw, err = gateway.New(config, gateway.Ports{
		Log: b.log, View: b.world, Feed: b.feed, Cold: cold, Notifier: b.world.Notifier(), Tokens: auth.NewVerifier(b.key.Public(), time.Now), Limits: b.limits, Presence: b.presence,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.gw.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			b.t.Errorf("gateway ended with %v", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
		synctest.Wait()
	}
}

// client is a connection with a transport that keeps what it is sent.
type client struct {
	b     *bench
	conn  *gateway.Conn
	codec protocol.Codec

	mu     sync.Mutex
	frames []*clientv1.ServerFrame
	// last is the newest frame as it came.
	last []byte
	// closed is the code the gateway ended it with.
	closed events.Code

	// tight makes the queue seem more than half full.
	tight atomic.Bool
	// room, unless nil, has who fills wait: there is none after the answer to subscribe until it is closed.
	room chan struct{}
	full atomic.Bool
}

func (c *client) Send(frame []byte) bool {
	m, err := c.codec.ParseServer(frame)
	if err != nil {
		c.b.t.Errorf("gateway sent %q: %v", frame, err)
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != "" {
		c.b.t.Errorf("gateway sent %q after it closed with %s", frame, c.closed)
	}
	c.frames, c.last = append(c.frames, m), frame
	c.full.Store(c.full.Load() || c.room != nil && m.GetSubscribed() != nil)
	return true
}

func (c *client) HasRoom() bool { return !c.tight.Load() }

func (c *client) WaitRoom(ctx context.Context) error {
	if c.full.Load() {
		select {
		case <-c.room:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (c *client) Ping() {}

func (c *client) Close(code events.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed == "" {
		c.closed = code
	}
}

func (c *client) RemoteAddress() string { return "192.0.2.7" }

func (c *client) Codec() protocol.Codec { return c.codec }

func (b *bench) connect() *client {
	c := &client{b: b, codec: b.codec}
	if c.conn = b.gw.Connect(c); c.conn == nil {
		b.t.Fatal("the gateway takes no connection")
	}
	return c
}

func (b *bench) token(id auth.Identity) string {
	b.t.Helper()
	if id.Expires.IsZero() {
		id.Expires = time.Now().Add(24 * time.Hour)
	}
	token, err := auth.Issue(b.key, id, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// hello connects a user.
func (b *bench) hello(user events.UserID) *client {
	b.t.Helper()
	c := b.connect()
	c.hello(auth.Identity{User: user})
	return c
}

func (c *client) hello(id auth.Identity) {
	c.b.t.Helper()
	reply := c.ask(`{"id":"hello","hello":{"token":"` + c.b.token(id) + `","device":"phone","client_version":"1"}}`)
	if reply.GetWelcome() == nil {
		c.b.t.Fatalf("hello of %s was answered with %v", id.User, reply)
	}
}

// ask sends a frame, given as JSON, and gives the last frame with its id once all is quiet.
func (c *client) ask(frame string) *clientv1.ServerFrame {
	c.b.t.Helper()
	m := &clientv1.ClientFrame{}
	if err := protojson.Unmarshal([]byte(frame), m); err != nil {
		c.b.t.Fatalf("%s: %v", frame, err)
	}
	data := []byte(frame)
	if c.codec != protocol.JSONCodec {
		var err *events.Error
		if data, err = c.codec.AppendClient(nil, m); err != nil {
			c.b.t.Fatalf("%s: %v", frame, err)
		}
	}
	before := len(c.all())
	c.conn.Receive(data)
	synctest.Wait()
	for _, f := range c.all()[before:] {
		if f.GetId() == m.GetId() {
			return f
		}
	}
	return nil
}

// all gives all frames so far.
func (c *client) all() []*clientv1.ServerFrame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*clientv1.ServerFrame(nil), c.frames...)
}

// take gives the frames since the last take, without replies.
func (c *client) take() []*clientv1.ServerFrame {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*clientv1.ServerFrame
	for _, f := range c.frames {
		if f.GetId() == "" {
			out = append(out, f)
		}
	}
	c.frames = nil
	return out
}

func (c *client) code() events.Code {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// leave is the socket's end.
func (c *client) leave() {
	c.conn.Gone()
	synctest.Wait()
}

// seqs gives the seqs of the event frames, in order.
func seqs(frames []*clientv1.ServerFrame) []uint64 {
	var out []uint64
	for _, f := range frames {
		if e := f.GetEvent(); e != nil && e.GetSeq() > 0 {
			out = append(out, e.GetSeq())
		}
	}
	return out
}

// pass lets fake time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
