package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// device is what a person holds: a client that keeps a connection up, sends again what got no
// answer, and has of every session of its user all that it may see, in order. It is written
// for scenarios and shares nothing with pkg/client, which would make good what a scenario is about.
type device struct {
	way *System
	who Who

	mu      sync.Mutex
	gateway int
	token   string
	conn    *link
	// wanted: it connects again by itself.
	wanted bool
	code   string
	// problem is the first thing that must not have come.
	problem string
	copies  map[string]*timeline
	// told is what notices said last, by session.
	told map[string]string
	ids  int
}

// link is a connection with what is awaited on it.
type link struct {
	Conn
	replies map[string]chan *clientv1.ServerFrame
	welcome bool
	// over is closed at its end.
	over chan struct{}
	// lose: the connection is to break off at the answer to this request.
	lose string
	// changed has a token while sessions are to be looked at: news are those that the user came into or
	// went from; all says that the list is to be read.
	changed chan struct{}
	news    []*clientv1.SessionState
	all     bool
}

func newDevice(w *System, who Who) *device {
	return &device{way: w, who: who, copies: map[string]*timeline{}, told: map[string]string{}}
}

func (d *device) choose(gateway int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gateway != gateway && d.conn != nil {
		d.end(d.conn)
	}
	d.gateway = gateway
}

func (d *device) use(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.token, d.code = token, ""
}

func (d *device) connection() *link {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conn
}

func (d *device) live() Live {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Live{Online: d.conn != nil && d.conn.welcome, Code: d.code, Problem: d.problem, Told: maps.Clone(d.told)}
}

// end forgets a connection. The lock is held.
func (d *device) end(l *link) {
	if d.conn == l {
		d.conn = nil
	}
	l.Kill()
	for id, reply := range l.replies {
		delete(l.replies, id)
		close(reply)
	}
	if l.welcome {
		l.welcome = false
		for _, t := range d.copies {
			t.disconnected()
		}
	}
	select {
	case <-l.over:
	default:
		close(l.over)
	}
}

// disconnect ends the connection for good.
func (d *device) disconnect() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = false
	if d.conn != nil {
		d.end(d.conn)
	}
}

// stay has it not connect again by itself.
func (d *device) stay() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = false
}

// lose breaks the connection off; it comes again.
func (d *device) lose() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.end(d.conn)
		d.comeAgain()
	}
}

const (
	// patience is for how long a device tries before a step fails.
	patience = 90 * time.Second
	// backoff is between two tries.
	backoff = 100 * time.Millisecond
	// replyTime is for how long a reply is awaited before the connection is taken for lost.
	replyTime = 40 * time.Second
	// heartbeat is how often it says something.
	heartbeat = 15 * time.Second
)

// connect makes a connection unless there is one, and tries for a while.
func (d *device) connect(ctx context.Context) error {
	for end := time.Now().Add(patience); ; {
		if l := d.connection(); l != nil && d.live().Online {
			return nil
		}
		err := d.tryConnect(ctx)
		var refused *refusedError
		var not *NotHere
		if err == nil || errors.As(err, &refused) && !comesAgain(refused.frame, nil) || errors.As(err, &not) || time.Now().After(end) {
			return err
		}
		if err := wait(ctx, backoff); err != nil {
			return err
		}
	}
}

// wait lets time pass that is the device's own.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *device) tryConnect(ctx context.Context) error {
	d.mu.Lock()
	token := d.token
	d.mu.Unlock()
	if token == "" {
		var err error
		if token, err = d.way.cluster.Token(Claims{User: d.who.Person, Life: tokenTTL, Service: d.who.Device == serviceDevice}); err != nil {
			return err
		}
		d.use(token)
	}
	if err := d.dialOnly(ctx); err != nil {
		return err
	}
	m, err := d.hello(ctx, token)
	switch {
	case err != nil:
		return err
	case m.GetError() != nil:
		return &refusedError{m}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.conn; l != nil {
		l.welcome, d.wanted, d.code = true, true, ""
		d.way.busy.Go(func() { d.keepUp(l) })
	}
	return nil
}

// dialOnly connects and says nothing.
func (d *device) dialOnly(ctx context.Context) error {
	d.mu.Lock()
	gateway := d.gateway
	d.mu.Unlock()
	conn, err := d.way.cluster.Dial(ctx, gateway)
	if err != nil {
		return err
	}
	l := &link{Conn: conn, replies: map[string]chan *clientv1.ServerFrame{}, over: make(chan struct{}), changed: make(chan struct{}, 1), all: true}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.end(d.conn)
	}
	d.conn, d.code = l, ""
	d.way.busy.Go(func() { d.read(l) })
	return nil
}

func (d *device) hello(ctx context.Context, token string) (*clientv1.ServerFrame, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{Token: token, Device: d.who.Device, ClientVersion: "scenario"}}}
	if d.who.Device == serviceDevice {
		m.AsUser = d.who.Person
	}
	return d.request(ctx, m, "", func() {})
}

// read takes what comes until the connection ends.
func (d *device) read(l *link) {
	for {
		m, err := l.Hear(d.way.ctx)
		d.mu.Lock()
		if err != nil {
			d.ended(l, err)
			d.mu.Unlock()
			return
		}
		if d.conn == l { // else the next one brings it
			d.frame(l, m)
		}
		d.mu.Unlock()
	}
}

// ended notes how a connection ended, and connects again if the device wants to be connected.
// The lock is held.
func (d *device) ended(l *link, err error) {
	mine := d.conn == l
	var closed *ClosedError
	if mine && errors.As(err, &closed) {
		d.code = closed.Code
	}
	d.end(l)
	if mine {
		d.comeAgain()
	}
}

// comeAgain connects again before long, if the device wants to be connected and may be. The lock is
// held.
func (d *device) comeAgain() {
	if !d.wanted || d.way.ctx.Err() != nil {
		return
	}
	if d.code != "" && events.Code(d.code).Info().Retry != events.RetryLater {
		d.wanted = false
		return
	}
	code := d.code
	d.way.busy.Go(func() {
		if wait(d.way.ctx, backoff) == nil && d.wants() {
			_ = d.connect(d.way.ctx) // the next step that needs it tries again and says so
			d.mu.Lock()
			d.code = code
			d.mu.Unlock()
		}
	})
}

func (d *device) wants() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanted
}

// frame takes what came. The lock is held.
func (d *device) frame(l *link, m *clientv1.ServerFrame) {
	if id := m.GetId(); id != "" {
		if l.lose == id {
			d.end(l)
			d.comeAgain()
			return
		}
		if reply := l.replies[id]; reply != nil {
			delete(l.replies, id)
			reply <- m
		}
		return
	}
	switch {
	case m.GetError() != nil: // of a frame whose id could not be read
		if reply := l.replies[rawID]; reply != nil {
			delete(l.replies, rawID)
			reply <- m
		}
	case m.GetEvent() != nil:
		if t := d.copies[m.GetEvent().GetSession()]; t != nil {
			d.wrong(t.event(m.GetEvent()))
		}
	case m.GetUnsubscribed() != nil:
		if t := d.copies[m.GetUnsubscribed().GetSession()]; t != nil {
			t.live = false
		}
		l.resync()
	case m.GetNotice().GetSession() != "":
		n := m.GetNotice()
		d.told[n.GetSession()] = toldBy(n)
		if n.GetRefused() {
			return // the list is as it was
		}
		l.news = append(l.news, &clientv1.SessionState{Session: n.GetSession(), Member: n.GetMember(), Seq: n.GetSeq()})
		l.wake()
	case m.GetNotice() != nil:
		l.resync()
	}
}

// resync has the list of sessions read. The lock is held.
func (l *link) resync() {
	l.all = true
	l.wake()
}

func (l *link) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// wrong keeps the first problem. The lock is held.
func (d *device) wrong(problem string) {
	if d.problem == "" {
		d.problem = problem
	}
}

// request sends a frame on the present connection and waits for its reply.
func (d *device) request(ctx context.Context, m *clientv1.ClientFrame, lose string, started func()) (*clientv1.ServerFrame, error) {
	d.mu.Lock()
	l := d.conn
	if l == nil {
		d.mu.Unlock()
		return nil, errNoAnswer
	}
	d.ids++
	m.Id = fmt.Sprint(d.ids)
	reply := make(chan *clientv1.ServerFrame, 1)
	l.replies[m.GetId()] = reply
	if lose != "" {
		l.lose = m.GetId()
	}
	// In the order of the ids, so under the lock; it does not block.
	l.Say(m)
	d.mu.Unlock()
	started()
	timer := time.NewTimer(replyTime)
	defer timer.Stop()
	select {
	case m, ok := <-reply:
		if !ok {
			return nil, errNoAnswer
		}
		return m, nil
	case <-timer.C:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.conn == l {
			d.end(l)
			d.comeAgain()
		}
		return nil, errNoAnswer
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// do sends a command or a question until it is answered for good.
func (d *device) do(ctx context.Context, m *clientv1.ClientFrame, how How) (*clientv1.ServerFrame, error) {
	lose := ""
	if how.Lose {
		lose = "lose"
	}
	sent := 0
	for end := time.Now().Add(patience); ; {
		if err := d.connect(ctx); err != nil {
			return nil, err
		}
		reply, err := d.request(ctx, m, lose, how.Started)
		sent++
		switch {
		case errors.Is(err, errNoAnswer) && how.Lose:
			return nil, nil
		case err == nil && !comesAgain(reply, how.Take):
			if sent > 1 && !how.Again {
				unrepeat(reply)
			}
			return reply, nil
		case err != nil && !errors.Is(err, errNoAnswer):
			return nil, err
		case time.Now().After(end):
			if err == nil {
				return reply, nil
			}
			return nil, err
		}
		if err := wait(ctx, backoff); err != nil {
			return nil, err
		}
	}
}

// unrepeat makes the answer to a repeat the device's own the answer it repeats.
func unrepeat(m *clientv1.ServerFrame) {
	switch k := m.GetKind().(type) {
	case *clientv1.ServerFrame_Ack:
		k.Ack.Duplicate = false
	case *clientv1.ServerFrame_Error:
		k.Error.Duplicate = false
	}
}

// rawID is the id that raw frames give themselves, if they have one.
const rawID = "raw"

// raw sends bytes, and waits for what is said to them: an error, or the end.
func (d *device) raw(ctx context.Context, l *link, s *Step) (*clientv1.ServerFrame, error) {
	d.mu.Lock()
	reply := make(chan *clientv1.ServerFrame, 1)
	l.replies[rawID] = reply
	d.mu.Unlock()
	if err := l.Raw([]byte(s.Args[0])); err != nil {
		return nil, err
	}
	if len(s.Wants) == 0 {
		return nil, nil
	}
	select {
	case m, ok := <-reply:
		if !ok {
			return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{Code: d.live().Code}}}, nil
		}
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// subscribe asks for one more subscription, and gives its answer.
func (d *device) subscribe(ctx context.Context, s *Step) (*clientv1.ServerFrame, error) {
	op := &clientv1.Subscribe{Session: s.Args[0]}
	if text, ok := s.Options["after"]; ok {
		after, err := s.number(text)
		if err != nil {
			return nil, err
		}
		op.After = &after
	}
	return d.do(ctx, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Subscribe{Subscribe: op}}, How{Started: func() {}})
}

// isNew says that it was never connected.
func (d *device) isNew() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.token == ""
}

// heard are the events that it has of a session.
func (d *device) heard(session string) []*clientv1.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.copies[session]
	if t == nil {
		return nil
	}
	return slices.Clone(t.events)
}
