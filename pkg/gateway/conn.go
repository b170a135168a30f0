package gateway

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/protocol"
	"annal/pkg/presence"
)

// Transport is a connection's socket. Its methods may be called by many goroutines;
// none blocks but WaitRoom.
type Transport interface {
	// Send queues a frame, which nobody changes after. It is false, and nothing is
	// queued, when the queue's bound is reached: then the connection is closed, since
	// nothing is ever skipped.
	Send(frame []byte) bool
	// HasRoom says whether at most half of the queue's bound is taken.
	HasRoom() bool
	// WaitRoom waits until HasRoom, or ctx ends with its error.
	WaitRoom(ctx context.Context) error
	// Ping asks the other side for a sign of life, which comes as Heard.
	Ping()
	// Close ends the connection with the code's close code and the code as reason: at
	// once when it is TOO_SLOW, else after what is queued. Gone follows within bounded
	// time.
	Close(code events.Code)
	// RemoteAddress is the peer's address without port.
	RemoteAddress() string
	// Codec is the subprotocol agreed on: frames are written in it, both ways.
	Codec() protocol.Codec
}

// Conn is a client's connection. Receive and Gone are for the transport's reader.
type Conn struct {
	gw        *Gateway
	transport Transport
	id        string
	opened    time.Time
	// heard is when something last came in, pinged when it was last asked for a sign of
	// life, in Unix nanoseconds.
	heard    atomic.Int64
	pinged   atomic.Int64
	handling atomic.Bool // a frame is being handled
	inFlight atomic.Int64
	closed   atomic.Bool
	// ending is set once the connection is to end for what became of its user's login or account.
	ending atomic.Pointer[ending]
	// expires is when the token does, in Unix nanoseconds; 0 before hello.
	expires atomic.Int64
	// ctx ends with the connection.
	ctx    context.Context
	cancel context.CancelFunc
	// typed is when typing last went out, by session; it belongs to the reader.
	typed map[events.SessionID]time.Time

	mu       sync.Mutex
	identity auth.Identity
	user     events.UserID // empty before hello
	device   string
	version  string
	kind     presence.Kind
	away     bool      // nobody looks at the device
	home     *audience // of the user, set by hello
	// orders are those of syncs that go on, the oldest first; lastOrder is the newest one's id.
	orders    []*order
	lastOrder uint64
	subs      subscriptions
}

// Connect takes a new connection in. It is nil while the gateway stops or is full.
func (g *Gateway) Connect(t Transport) *Conn {
	// Not the gateway's: that would list each of very many. Stopping closes them all, and
	// closing ends it.
	ctx, cancel := context.WithCancel(context.Background())
	c := &Conn{
		gw: g, transport: t, id: g.config.Instance + "/" + strconv.FormatUint(g.serial.Add(1), 10),
		opened: g.ports.Now(), ctx: ctx, cancel: cancel,
	}
	c.heard.Store(c.opened.UnixNano())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopping || len(g.conns) >= g.config.MaxConnections {
		cancel()
		g.ports.Metrics.turnedAway.Inc()
		return nil
	}
	g.conns[c] = struct{}{}
	g.ports.Metrics.connections.Inc()
	return c
}

// Heard notes a sign of life that is no frame, such as a pong.
func (c *Conn) Heard() { c.heard.Store(c.gw.ports.Now().UnixNano()) }

// Gone forgets the connection: its socket has ended.
func (c *Conn) Gone() {
	if !c.closed.Swap(true) {
		c.gw.ports.Metrics.closed.WithLabelValues("GONE").Inc()
		c.gw.log.Debug("a connection has ended", "connection", c.id, "user", c.User())
	}
	c.cancel()
	c.gw.mu.Lock()
	_, there := c.gw.conns[c]
	delete(c.gw.conns, c)
	if c.gw.stopping && len(c.gw.conns) == 0 {
		close(c.gw.empty)
	}
	c.gw.mu.Unlock()
	if !there {
		return
	}
	c.gw.ports.Metrics.connections.Dec()
	c.isAbsent(c.gw.ports.Now())
	if c.gw.online != nil {
		c.gw.online.watching.end(c)
	}
	c.mu.Lock()
	subs, home := c.subs, c.home
	c.subs, c.home = nil, nil
	c.mu.Unlock()
	for _, s := range subs {
		c.gw.hub.remove(s)
	}
	if home != nil {
		home.remove(c)
		c.gw.users.release(c.User())
	}
}

// Receive handles a frame. It may wait for the view; frames of one connection are
// handled in order.
func (c *Conn) Receive(data []byte) {
	c.handling.Store(true)
	defer c.handling.Store(false)
	c.Heard()
	// Who does not take their answers gets no new ones made.
	if c.transport.WaitRoom(c.ctx) != nil || c.over(c.gw.ports.Now()) {
		return
	}
	frame, parseErr := c.transport.Codec().ParseClient(data)
	if parseErr != nil {
		c.gw.ports.Metrics.frames.WithLabelValues("none").Inc()
		if parseErr.Code.Info().Kind == events.KindClose {
			c.close(parseErr.Code, parseErr.Detail)
			return
		}
		c.refuse(frame.GetId(), parseErr)
		return
	}
	op := opName(frame)
	c.gw.ports.Metrics.frames.WithLabelValues(op).Inc()
	if hello := frame.GetHello(); hello != nil {
		c.hello(frame, hello)
		return
	}
	if c.User() == "" {
		c.refuse(frame.GetId(), &events.Error{Code: events.CodeHelloRequired})
		return
	}
	identity := c.token()
	if err := permitted(frame, &identity); err != nil {
		c.refuse(frame.GetId(), err)
		return
	}
	if class := classOf(frame); class != "" && !c.allowed(frame, class, c.who()) {
		return
	}
	if c.over(c.gw.ports.Now()) {
		return // while it was held
	}
	c.handle(frame)
}

// User is whose connection it is; empty before hello.
func (c *Conn) User() events.UserID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// handle answers a frame of somebody known. Reads come here, commands go to the log.
func (c *Conn) handle(frame *clientv1.ClientFrame) {
	reply, err := c.read(frame)
	switch {
	case err != nil:
		c.refuse(frame.GetId(), err)
	case reply != nil:
		reply.Id = frame.GetId()
		c.send(reply)
	}
}

// read gives a read's reply; nil when it went out already, or comes later.
func (c *Conn) read(frame *clientv1.ClientFrame) (*clientv1.ServerFrame, *events.Error) {
	u, err := c.actingUser(frame)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.gw.config.ReadTimeout)
	defer cancel()
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_Ping:
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Pong{Pong: &clientv1.Pong{TimeMs: c.gw.ports.Now().UnixMilli()}}}, nil
	case *clientv1.ClientFrame_Subscribe:
		return nil, c.subscribe(frame.GetId(), u, op.Subscribe)
	case *clientv1.ClientFrame_Unsubscribe:
		return c.unsubscribe(op.Unsubscribe)
	case *clientv1.ClientFrame_Sync:
		return c.sync(ctx, u, op.Sync)
	case *clientv1.ClientFrame_History:
		return c.history(ctx, u, op.History)
	case *clientv1.ClientFrame_Search:
		return c.search(ctx, u, op.Search)
	case *clientv1.ClientFrame_Changes:
		return c.changes(ctx, u, op.Changes)
	case *clientv1.ClientFrame_Info:
		return c.info(ctx, u, op.Info)
	case *clientv1.ClientFrame_Totals:
		return c.totals(ctx, u)
	case *clientv1.ClientFrame_Logins:
		return c.logins(ctx, u)
	case *clientv1.ClientFrame_Receipts:
		return c.receipts(ctx, u, op.Receipts)
	case *clientv1.ClientFrame_Members:
		return c.members(ctx, u, op.Members)
	case *clientv1.ClientFrame_Profiles:
		return c.profiles(ctx, op.Profiles)
	case *clientv1.ClientFrame_Sessions:
		return c.sessions(ctx, u, op.Sessions)
	case *clientv1.ClientFrame_Typing:
		return c.typing(ctx, u, op.Typing)
	case *clientv1.ClientFrame_Presence:
		return c.presence(ctx, u, op.Presence)
	case *clientv1.ClientFrame_WatchPresence:
		return c.watchPresence(ctx, u, op.WatchPresence)
	case *clientv1.ClientFrame_SetAway:
		return c.setAway(op.SetAway)
	default:
		c.command(ctx, frame)
		return nil, nil
	}
}

// Kinds of frames in metrics.
const (
	kindEvent  = "event"
	kindNotice = "notice"
	kindTyping = "typing"
	// kindPresence is the frame's own name: it is sent to one connection at a time.
	kindPresence = "presence_changed"
)

// isNews says whether a frame is no reply.
func isNews(kind string) bool {
	return kind == kindEvent || kind == kindNotice || kind == kindTyping || kind == kindPresence
}

func (c *Conn) send(f *clientv1.ServerFrame) {
	kind := "none"
	if field := f.ProtoReflect().WhichOneof(f.ProtoReflect().Descriptor().Oneofs().ByName("kind")); field != nil {
		kind = string(field.Name())
	}
	c.sendBytes(kind, c.transport.Codec().AppendServer(nil, f))
}

// sendEncoded queues a frame that others get too.
func (c *Conn) sendEncoded(kind string, e *encoded) {
	c.sendBytes(kind, e.bytes(c.transport.Codec()))
}

// sendBytes queues an encoded frame; a connection whose queue is full is closed.
func (c *Conn) sendBytes(kind string, b []byte) {
	switch {
	case c.closed.Load():
	case isNews(kind) && c.over(c.gw.ports.Now()):
		// What comes after the token, or the login, is not for whoever has it.
	case c.transport.Send(b):
		c.gw.ports.Metrics.sent.WithLabelValues(kind).Inc()
	default:
		c.close(events.CodeTooSlow, "")
	}
}

// busyRetry is when a refused client may try again.
const busyRetry = 200 * time.Millisecond

func (c *Conn) refuse(id string, err *events.Error) {
	c.gw.ports.Metrics.refused.WithLabelValues(string(err.Code)).Inc()
	c.send(errorFrame(id, err, false))
}

func errorFrame(id string, err *events.Error, duplicate bool) *clientv1.ServerFrame {
	info := err.Code.Info()
	e := &clientv1.Error{Code: string(err.Code), Message: err.Detail, Retry: string(info.Retry), Seq: uint64(err.Seq), Duplicate: duplicate}
	if e.Message == "" {
		e.Message = info.Text
	}
	if info.Retry == events.RetryLater {
		e.RetryAfterMs = busyRetry.Milliseconds()
	}
	return &clientv1.ServerFrame{Id: id, Kind: &clientv1.ServerFrame_Error{Error: e}}
}

// Fail ends the connection for what its transport met: a code of kind close, or the
// code that says best what was wrong.
func (c *Conn) Fail(code events.Code, detail string) { c.close(code, detail) }

// close ends the connection. The client hears the code; the detail is logged.
func (c *Conn) close(code events.Code, detail string) {
	if c.closed.Swap(true) {
		return
	}
	c.gw.ports.Metrics.closed.WithLabelValues(string(code)).Inc()
	level := slog.LevelInfo
	if code == events.CodeGoingAway || code == events.CodeTokenExpired {
		level = slog.LevelDebug
	}
	c.gw.log.Log(c.ctx, level, "closing a connection", "connection", c.id, "user", c.User(), "code", code, "detail", detail)
	// Its socket may take its time to end.
	seen := c.gw.ports.Now()
	if code == events.CodeHeartbeatTimeout {
		seen = time.Unix(0, c.heard.Load())
	}
	c.isAbsent(seen)
	c.transport.Close(code)
	c.cancel()
}

// over says whether nothing may come in or go out any more; a token that is no longer good closes the connection.
func (c *Conn) over(now time.Time) bool {
	if c.closed.Load() || c.leave(now) {
		return true
	}
	expires := c.expires.Load()
	if expires == 0 || now.UnixNano() < expires {
		return false
	}
	c.close(events.CodeTokenExpired, "")
	return true
}

// enforce closes the connection if it is past a deadline, and asks a silent one for a
// sign of life. One whose frame is being handled is not silent: it is not listened to.
func (c *Conn) enforce(now time.Time) {
	if c.over(now) {
		return
	}
	silent := now.Sub(time.Unix(0, c.heard.Load()))
	switch {
	case c.User() == "" && now.Sub(c.opened) > c.gw.config.HelloTimeout:
		c.close(events.CodeHelloTimeout, "")
	case c.handling.Load():
	case silent > c.gw.config.HeartbeatTimeout:
		c.close(events.CodeHeartbeatTimeout, "")
	case silent >= c.gw.config.Heartbeat && now.Sub(time.Unix(0, c.pinged.Load())) >= c.gw.config.Heartbeat:
		c.pinged.Store(now.UnixNano())
		c.transport.Ping()
	}
}
