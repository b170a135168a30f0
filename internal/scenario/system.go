package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// Cluster is a system that devices connect to.
type Cluster interface {
	// Dial opens a connection to a gateway, from 1; 0: any. An error means that it takes nobody
	// now.
	Dial(ctx context.Context, gateway int) (Conn, error)
	// Token makes a token. [NotHere] when it can't be had.
	Token(c Claims) (string, error)
	// Archive is [Way]'s.
	Archive() (archive.View, error)
	// Phones is [Way]'s.
	Phones() (Phones, error)
	// World does to the system what a step says.
	World(ctx context.Context, s *Step) (*clientv1.ServerFrame, error)
	// Settled is [Way]'s.
	Settled() (settle, patience time.Duration)
	// Wait lets time pass.
	Wait(ctx context.Context, d time.Duration) error
}

// Claims are what a token says.
type Claims struct {
	User string
	// Life is for how long it is good.
	Life time.Duration
	// Service: it is a service's, which may act for everybody; Scopes are what else it may, nil for all.
	Service bool
	Scopes  []string
	// Login is the one that it comes from, and Device that one's; empty for none.
	Login, Device string
}

// Conn is a connection to a gateway. One goroutine hears; the rest may be called by all.
type Conn interface {
	// Say sends a frame. What cannot be sent is lost: Hear tells that the connection is over.
	Say(m *clientv1.ClientFrame)
	// Raw sends bytes as a text frame.
	Raw(data []byte) error
	// Hear waits for the next frame. The error ends the connection.
	Hear(ctx context.Context) (*clientv1.ServerFrame, error)
	// Vanish: from now on nothing comes through any more, neither way, and nobody is told.
	Vanish()
	// Kill breaks it off.
	Kill()
}

// Staller is a Conn of which it is known how much lies unread before a gateway calls it too slow.
type Staller interface {
	// Stall: nothing is taken off the connection until it is called with false.
	Stall(on bool)
}

// ClosedError is how a connection ends that the gateway closed.
type ClosedError struct{ Code string }

func (e *ClosedError) Error() string { return "closed with " + e.Code }

// System is the way over connections to a whole system.
type System struct {
	cluster Cluster
	// ctx ends what goes on behind the steps.
	ctx    context.Context
	cancel context.CancelFunc
	busy   sync.WaitGroup

	mu      sync.Mutex
	devices map[Who]*device
}

var _ Way = (*System)(nil)

// NewSystem makes the way over connections to a cluster. Close ends its devices.
func NewSystem(c Cluster) *System {
	ctx, cancel := context.WithCancel(context.Background())
	return &System{cluster: c, ctx: ctx, cancel: cancel, devices: map[Who]*device{}}
}

// Close ends all devices.
func (w *System) Close() {
	w.cancel()
	w.mu.Lock()
	for _, d := range w.devices {
		d.disconnect()
	}
	w.mu.Unlock()
	w.busy.Wait()
}

// Now implements Way.
func (w *System) Now() time.Time { return time.Now() }

// Wait implements Way.
func (w *System) Wait(ctx context.Context, d time.Duration) error { return w.cluster.Wait(ctx, d) }

// Settled implements Way.
func (w *System) Settled() (settle, patience time.Duration) { return w.cluster.Settled() }

// Archive implements Way.
func (w *System) Archive() (archive.View, error) { return w.cluster.Archive() }

// Phones implements Way.
func (w *System) Phones() (Phones, error) { return w.cluster.Phones() }

// World implements Way.
func (w *System) World(ctx context.Context, s *Step) (*clientv1.ServerFrame, error) {
	return w.cluster.World(ctx, s)
}

// device gives a person's device, new when it was not there.
func (w *System) device(who Who) *device {
	key := Who{Person: who.Person, Device: who.Device}
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.devices[key]
	if d == nil {
		d = newDevice(w, key)
		w.devices[key] = d
	}
	if who.Gateway != 0 {
		d.choose(who.Gateway)
	}
	return d
}

// serviceDevice is the name of the device by which a service acts for a person.
const serviceDevice = "a service"

// Do implements Way.
func (w *System) Do(ctx context.Context, who Who, m *clientv1.ClientFrame, how How) (*clientv1.ServerFrame, error) {
	if how.Service {
		who.Device = serviceDevice
	}
	return w.device(who).do(ctx, m, how)
}

// Ask implements Way.
func (w *System) Ask(ctx context.Context, who Who, m *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	return w.device(who).do(ctx, m, How{Started: func() {}, Again: true})
}

// Live implements Way.
func (w *System) Live(who Who) (Live, error) { return w.device(who).live(), nil }

// Heard implements Way.
func (w *System) Heard(ctx context.Context, who Who, session string, _ bool) ([]*clientv1.Event, error) {
	d := w.device(who)
	if d.isNew() {
		if err := d.connect(ctx); err != nil {
			return nil, err
		}
	}
	return d.heard(session), nil
}

// tokenTTL is longer than any scenario.
const tokenTTL = 30 * 24 * time.Hour

// Device implements Way.
func (w *System) Device(ctx context.Context, s *Step) (*clientv1.ServerFrame, error) {
	d := w.device(s.Who)
	switch s.Verb {
	case "connect", "renew":
		return w.token(ctx, d, s)
	case "disconnect":
		d.disconnect()
		return nil, nil
	case "dial":
		// No hello follows; what the gateway makes of that is waited for by a check.
		return nil, d.dialOnly(ctx)
	case "subscribe":
		return d.subscribe(ctx, s)
	case "set_away":
		away := &clientv1.SetAway{Away: s.Args[0] == "on"}
		return d.do(ctx, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetAway{SetAway: away}}, How{Started: func() {}})
	}
	return d.suffer(ctx, s)
}

// suffer does what a step says to the device's connection, which is made if there is none; before
// raw bytes without a hello.
func (d *device) suffer(ctx context.Context, s *Step) (*clientv1.ServerFrame, error) {
	connect := d.connect
	if s.Verb == "raw" {
		connect = d.dialOnly
	}
	if d.connection() == nil {
		if err := connect(ctx); err != nil {
			return nil, err
		}
	}
	conn := d.connection()
	if conn == nil {
		return nil, fmt.Errorf("%s is not connected", s.Who)
	}
	switch s.Verb {
	case "kill":
		d.lose()
	case "vanish":
		d.stay()
		conn.Vanish()
	case "stall", "resume":
		staller, ok := conn.Conn.(Staller)
		if !ok {
			return nil, notHere("how much may lie unread depends on the buffers of both machines")
		}
		staller.Stall(s.Verb == "stall")
	case "raw":
		return d.raw(ctx, conn, s)
	}
	return nil, nil
}

// token connects with a token, or renews the one of the connection.
func (w *System) token(ctx context.Context, d *device, s *Step) (*clientv1.ServerFrame, error) {
	claims := Claims{User: s.Who.Person, Life: tokenTTL, Login: s.Options["login"]}
	if claims.Login != "" {
		claims.Device = s.Who.Device
	}
	if scopes, ok := s.Options["scope"]; ok {
		claims.Service, claims.Scopes = true, strings.Split(scopes, ",")
	}
	token := ""
	switch text := s.Options["token"]; text {
	case "":
	case "bad":
		token = "no.token.atall"
	default:
		var err error
		if claims.Life, err = span(text); err != nil {
			return nil, err
		}
	}
	if other, ok := s.Options["user"]; ok {
		claims.User = other
	}
	if token == "" {
		var err error
		if token, err = w.cluster.Token(claims); err != nil {
			return nil, err
		}
	}
	if s.Verb == "renew" {
		return d.hello(ctx, token)
	}
	d.disconnect()
	d.use(token)
	err := d.connect(ctx)
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.frame, nil
	}
	return nil, err
}

// refusedError is a hello that was answered with an error.
type refusedError struct{ frame *clientv1.ServerFrame }

func (e *refusedError) Error() string { return "hello: " + e.frame.GetError().GetCode() }

// comesAgain says whether a client sends the same again after such an answer.
func comesAgain(m *clientv1.ServerFrame, take []string) bool {
	code := m.GetError().GetCode()
	for _, t := range take {
		if code == t {
			return false
		}
	}
	return code != "" && events.Code(code).Info().Retry == events.RetryLater
}
