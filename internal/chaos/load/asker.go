package load

import (
	"context"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/chaos/check"
)

const (
	// againAfter is how long to wait before what was refused for now is sent again.
	againAfter   = 300 * time.Millisecond
	redialAfter  = 100 * time.Millisecond
	maxUnsettled = 256
)

// asker keeps a connection, now to one gateway, now to another, and has everything answered that it was asked: what was
// refused for now, or lost with a connection, is sent again under the same client id.
type asker struct {
	user, device, token string
	gateways            []Where
	first               int // of gateways
	// onEvent gets frames that answer nothing, and onUp is called after each connecting.
	onEvent func(*clientv1.ServerFrame)
	onUp    func()

	mu       sync.Mutex
	sock     *socket
	last     uint64
	pending  map[string]*ask
	waiting  []*ask // to be sent: at once when connected
	codes    map[string]int
	unasked  int // commands in pending and waiting
	connects int
}

// ask is a frame that wants an answer.
type ask struct {
	frame *clientv1.ClientFrame
	// command is its record, nil for reads.
	command *check.Command
	done    func(*clientv1.ServerFrame)
	after   time.Time // not to be sent before
}

// run keeps the connection until ctx ends.
func (a *asker) run(ctx context.Context) {
	for at := a.first; ctx.Err() == nil; at++ {
		s, err := dial(ctx, a.gateways[at%len(a.gateways)], a.token, a.user, a.device)
		if err == nil {
			a.connected(s)
			_ = s.serve(ctx, a.take) // how a connection ended says nothing that the records don't
			a.lost(s)
		}
		select {
		case <-time.After(redialAfter):
		case <-ctx.Done():
		}
	}
}

func (a *asker) connected(s *socket) {
	a.mu.Lock()
	a.sock = s
	a.connects++
	a.mu.Unlock()
	if a.onUp != nil {
		a.onUp()
	}
	a.flush()
}

// lost puts what had no answer before what is waiting; reads are forgotten, onUp asks anew.
func (a *asker) lost(s *socket) {
	s.ws.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sock = nil
	for id, k := range a.pending {
		delete(a.pending, id)
		if k.command != nil {
			a.waiting = append(a.waiting, k)
		}
	}
}

// read asks something that need not survive the connection.
func (a *asker) read(frame *clientv1.ClientFrame, done func(*clientv1.ServerFrame)) {
	a.push(&ask{frame: frame, done: done})
}

func (a *asker) push(k *ask) {
	a.mu.Lock()
	a.waiting = append(a.waiting, k)
	if k.command != nil {
		a.unasked++
	}
	a.mu.Unlock()
	a.flush()
}

// unsettled is how many commands have no final answer.
func (a *asker) unsettled() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unasked
}

// flush sends what may be sent by now.
func (a *asker) flush() {
	a.mu.Lock()
	s, now := a.sock, time.Now()
	var due []*clientv1.ClientFrame
	rest := a.waiting[:0]
	for _, k := range a.waiting {
		if s == nil || k.after.After(now) {
			rest = append(rest, k)
			continue
		}
		a.last++
		frame := proto.Clone(k.frame).(*clientv1.ClientFrame)
		frame.Id = strconv.FormatUint(a.last, 10)
		a.pending[frame.Id] = k
		due = append(due, frame)
	}
	a.waiting = rest
	a.mu.Unlock()
	for _, f := range due {
		if s.write(f) != nil {
			s.ws.Close() // serve ends, and lost puts it all back
			return
		}
	}
}

// take takes a frame of the connection.
func (a *asker) take(m *clientv1.ServerFrame) {
	if m.GetId() == "" {
		if a.onEvent != nil {
			a.onEvent(m)
		}
		return
	}
	a.mu.Lock()
	k := a.pending[m.GetId()]
	delete(a.pending, m.GetId())
	if e := m.GetError(); e != nil {
		a.codes[e.GetCode()]++
	}
	if k == nil { // a pong
		a.mu.Unlock()
		return
	}
	if m.GetError().GetRetry() == "later" {
		k.after = time.Now().Add(againAfter)
		a.waiting = append(a.waiting, k)
		a.mu.Unlock()
		return
	}
	if k.command != nil {
		if answer, ok := check.AnswerOf(m); ok {
			k.command.Answers = append(k.command.Answers, answer)
		}
		a.unasked--
	}
	a.mu.Unlock()
	if k.done != nil {
		k.done(m)
	}
}
