// Package client speaks to Annal's gateways over WebSocket (annal.v1.json or annal.v1.proto).
//
// A Client keeps one connection up for as long as it lives: it reconnects with a
// bounded, jittered backoff, sends again what has no answer yet, in the order it was
// first asked, under the same client ids, and resumes its streams by seq. So a
// command takes effect once and a stream has neither gaps nor repeats, whatever
// happens to connections and gateways in between.
//
// Calls that answer "later" (BUSY, TRY_AGAIN, OUTCOME_UNKNOWN) are waited out: only
// the caller's context ends them. A command of a session that is refused so holds
// back the session's later ones; those already on their way may overtake it.
package client

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/gateway/protocol"
)

// Options say where to connect, and as whom.
type Options struct {
	// URL is a gateway's, ws:// or wss://.
	URL string
	// Locate gives the URL in its place when set, at every connection: servers move.
	Locate func(context.Context) (string, error)
	// Reached is told when a gateway was reached where Locate said; may be nil.
	Reached func()
	// Token gives the token to connect with. It is asked again at every connection,
	// and some time before the token expires.
	Token func(context.Context) (string, error)
	// Codec is the subprotocol to speak; JSON, which people can read, when left out.
	// protocol.ProtoCodec costs both sides about half.
	Codec protocol.Codec
	// Device and Version are kept with every command; 128 bytes at most.
	Device  string
	Version string
	// Kind is what sort of device it is, which others are told: phone, tablet, desktop, web, other, or empty.
	Kind string
	// AsUser is the user a service token connects for; empty for a user's own token.
	AsUser string
	// InFlight bounds the calls without an answer; 256 when 0.
	InFlight int
	// Buffer bounds the events of a stream that nobody has taken yet; what comes
	// beyond is fetched again later. 1024 when 0.
	Buffer int
	// OnState hears of connections made and lost, one call at a time; it must not
	// block nor call the client. May be nil.
	OnState func(State)
	// Logger may be nil.
	Logger *slog.Logger

	// backoffMost is the longest backoff; shorter in this package's tests.
	backoffMost time.Duration
}

// StaticToken is a Token that never changes.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// State is what has become of the connection.
type State struct {
	Connected bool
	// Err is why the connection was lost or could not be made; nil when connected.
	Err error
}

// Client is a connection that outlives its sockets. All methods may be used by many
// goroutines at once.
type Client struct {
	opts  Options
	log   *slog.Logger
	slots chan struct{}
	ids   atomic.Uint64

	ctx    context.Context
	cancel context.CancelFunc
	gone   sync.WaitGroup
	// over is closed when the client has ended, with err set before.
	over chan struct{}

	mu      sync.Mutex
	err     error
	conn    *conn
	welcome *clientv1.Welcome
	// expired is the last token that was refused for its age.
	expired string
	// pending holds every call without an answer, in the order of asking.
	pending *list.List
	byID    map[string]*call
	lanes   map[string]*lane
	streams map[string]*Stream
	notices *noticeQueue
	// watching is whose presence is watched, nil for nobody's; away that nobody looks at this device.
	watching *Watching
	away     bool
}

// Dial connects and authenticates. It tries again for as long as ctx lasts, unless
// what is wrong will not pass (a bad token, a wrong address).
func Dial(ctx context.Context, opts Options) (*Client, error) {
	if opts.Token == nil {
		return nil, fmt.Errorf("client: no token")
	}
	if opts.InFlight <= 0 {
		opts.InFlight = 256
	}
	if opts.Buffer <= 0 {
		opts.Buffer = 1024
	}
	if opts.backoffMost <= 0 {
		opts.backoffMost = backoffMost
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		opts: opts, log: opts.Logger, slots: make(chan struct{}, opts.InFlight), over: make(chan struct{}),
		pending: list.New(), byID: map[string]*call{}, lanes: map[string]*lane{}, streams: map[string]*Stream{},
		notices: newNoticeQueue(),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	ready := make(chan struct{})
	var last atomic.Pointer[error]
	c.gone.Go(func() { c.run(ready, &last) })
	select {
	case <-ready:
		return c, nil
	case <-c.over:
		c.gone.Wait()
		return nil, c.cause()
	case <-ctx.Done():
		c.Close()
		if err := last.Load(); err != nil {
			return nil, fmt.Errorf("client: dial: %w: %w", ctx.Err(), *err)
		}
		return nil, fmt.Errorf("client: dial: %w", ctx.Err())
	}
}

// User is whom the connection is for.
func (c *Client) User() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.welcome.GetUser()
}

// Close ends the connection; calls without an answer and streams end with ErrClosed.
func (c *Client) Close() {
	c.end(ErrClosed)
	c.gone.Wait()
}

// Done is closed once the client has ended: by Close, or because a gateway refused
// it for good. Err says why.
func (c *Client) Done() <-chan struct{} { return c.over }

// Err is nil while the client lives.
func (c *Client) Err() error {
	select {
	case <-c.over:
		return c.cause()
	default:
		return nil
	}
}

func (c *Client) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end ends the client for err, once.
func (c *Client) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	var calls []*call
	for e := c.pending.Front(); e != nil; e = e.Next() {
		calls = append(calls, e.Value.(*call))
	}
	for _, k := range calls {
		c.forget(k)
	}
	streams := c.streams
	c.streams = map[string]*Stream{}
	c.mu.Unlock()
	c.cancel()
	close(c.over)
	for _, k := range calls {
		k.finish(nil, unknownIf(k.sent, err))
	}
	for _, s := range streams {
		s.end(err)
	}
}

// run keeps a connection up until the client ends.
func (c *Client) run(ready chan struct{}, last *atomic.Pointer[error]) {
	failures := 0
	for c.ctx.Err() == nil {
		n, welcome, err := c.connect(c.ctx)
		if err == nil {
			began := time.Now()
			c.up(n, welcome)
			if ready != nil {
				close(ready)
				ready = nil
			}
			err = n.serve()
			c.down(n)
			if time.Since(began) > backoffMost {
				failures = 0
			}
		}
		if c.ctx.Err() != nil {
			return
		}
		last.Store(&err)
		if fatal(err) {
			c.end(err)
			return
		}
		c.log.Info("client: not connected", "err", err, "failures", failures)
		c.state(State{Err: err})
		if !wait(c.ctx, c.backoff(failures)) {
			return
		}
		failures++
	}
}

func (c *Client) state(s State) {
	if c.opts.OnState != nil {
		c.opts.OnState(s)
	}
}

// up takes a connection into use: streams resume, and everything without an answer
// goes out again in the order it was asked.
func (c *Client) up(n *conn, welcome *clientv1.Welcome) {
	c.state(State{Connected: true})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	again := c.welcome != nil
	c.conn, c.welcome = n, welcome
	if again {
		c.notices.resync()
	}
	for e := c.pending.Front(); e != nil; e = e.Next() {
		c.enqueue(e.Value.(*call))
	}
	for _, s := range c.streams {
		c.resume(s)
	}
	if c.away {
		c.sayAway()
	}
	c.watch()
}

// down takes a lost connection out of use.
func (c *Client) down(n *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == n {
		c.conn = nil
	}
	clear(c.lanes)
	var stale []*call
	for e := c.pending.Front(); e != nil; e = e.Next() {
		k := e.Value.(*call)
		k.state, k.on = waiting, nil
		if k.connOnly {
			stale = append(stale, k)
		} else if k.session != "" {
			c.lane(k.session).calls++
		}
	}
	for _, k := range stale {
		c.forget(k)
	}
}

// HandshakeError is a server that answered the upgrade with something else.
type HandshakeError struct{ Status int }

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("client: the server answers the upgrade with %d %s", e.Status, http.StatusText(e.Status))
}
