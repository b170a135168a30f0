package gateway

import (
	"sync"
	"time"

	"annal/pkg/events"
)

// waiting is the commands whose outcome is awaited, by request number.
type waiting struct {
	gw *Gateway

	mu       sync.Mutex
	last     uint64
	calls    map[uint64]*call
	order    []uint64 // by deadline, answered ones still in it
	replying int      // answers taken out of calls and not queued yet
	// deaf is when the feed was last back from a break: answers to what came before may
	// have gone unheard.
	deaf     time.Time
	draining bool
	idle     chan struct{} // closed when draining and nothing is awaited or replied
}

// call is a command on its way.
type call struct {
	conn *Conn // nil when no client waits
	id   string
	// done hears what came of it, where no client waits and somebody of ours does. It does not block.
	done    func(*events.Outcome, *events.Error)
	started time.Time
}

func newWaiting(g *Gateway) *waiting {
	return &waiting{gw: g, calls: map[uint64]*call{}, idle: make(chan struct{})}
}

// fail tells who waits that there is no outcome.
func (k *call) fail(err *events.Error) {
	switch {
	case k.conn != nil:
		k.conn.refuse(k.id, err)
	case k.done != nil:
		k.done(nil, err)
	}
}

// open awaits a command of c under a new number; false when too many are awaited, or
// the gateway stops. With c nil only the gateway's bound counts, and done hears, if it is not nil.
func (w *waiting) open(c *Conn, id string, done func(*events.Outcome, *events.Error)) (uint64, bool) {
	now := w.gw.ports.Now()
	if c != nil && c.inFlight.Add(1) > int64(w.gw.config.MaxInFlightConnection) {
		c.inFlight.Add(-1)
		return 0, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.draining || len(w.calls) >= w.gw.config.MaxInFlight {
		if c != nil {
			c.inFlight.Add(-1)
		}
		return 0, false
	}
	w.last++
	w.calls[w.last] = &call{conn: c, id: id, done: done, started: now}
	w.order = append(w.order, w.last)
	w.gw.ports.Metrics.inFlight.Inc()
	return w.last, true
}

// close stops awaiting; nil when it was no longer awaited. Otherwise replied must
// follow once the reply is queued: a stopping gateway waits for that.
func (w *waiting) close(request uint64) *call {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.remove(request)
	if k != nil {
		w.replying++
	}
	return k
}

// replied says that the replies of n closed calls are queued.
func (w *waiting) replied(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replying -= n
	if n > 0 && w.draining && len(w.calls) == 0 && w.replying == 0 {
		close(w.idle)
	}
}

func (w *waiting) remove(request uint64) *call {
	k := w.calls[request]
	if k == nil {
		return nil
	}
	delete(w.calls, request)
	if n := len(w.order); n > 0 && w.order[n-1] == request { // as when it was refused at once
		w.order = w.order[:n-1]
	}
	if k.conn != nil {
		k.conn.inFlight.Add(-1)
	}
	w.gw.ports.Metrics.inFlight.Dec()
	return k
}

// appended notes that the command is in the log; a failure ends the wait.
func (w *waiting) appended(request uint64, failure *events.Error) {
	if failure != nil {
		if k := w.close(request); k != nil {
			defer w.replied(1)
			k.fail(failure)
		}
		return
	}
	w.mu.Lock()
	k := w.calls[request]
	w.mu.Unlock()
	if k != nil {
		w.gw.ports.Metrics.commands.WithLabelValues("appended").Observe(w.gw.ports.Now().Sub(k.started).Seconds())
	}
}

// answer gives an outcome to who awaits it; one that nobody awaits is dropped.
func (w *waiting) answer(o *events.Outcome) {
	k := w.close(o.ReplyTo.Request)
	if k == nil {
		return
	}
	defer w.replied(1)
	w.gw.ports.Metrics.commands.WithLabelValues("answered").Observe(w.gw.ports.Now().Sub(k.started).Seconds())
	w.gw.ports.Metrics.outcomes.WithLabelValues(outcomeCode(o)).Inc()
	switch {
	case k.conn != nil:
		k.conn.send(AnswerOf(k.id, o))
		k.conn.leave(w.gw.ports.Now())
	case k.done != nil:
		k.done(o, nil)
	}
}

// unheard is how long an outcome is still awaited whose answer may have gone unheard: by
// then it was heard, or is not going to be.
const unheard = 2 * time.Second

// wasDeaf notes that answers may have gone unheard up to now.
func (w *waiting) wasDeaf() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = w.gw.ports.Now()
}

// late says of a call that its outcome is awaited no longer.
func (w *waiting) late(k *call, now time.Time) bool {
	return now.Sub(k.started) >= w.gw.config.AnswerTimeout || !k.started.After(w.deaf) && now.Sub(w.deaf) >= unheard
}

// expire answers for outcomes that did not come in time.
func (w *waiting) expire(now time.Time) {
	var late []*call
	w.mu.Lock()
	for len(w.order) > 0 {
		k := w.calls[w.order[0]]
		if k != nil && !w.late(k, now) {
			break
		}
		request := w.order[0]
		w.order = w.order[1:]
		if k != nil {
			late = append(late, w.remove(request))
		}
	}
	if len(w.calls) == 0 {
		w.order = nil
	}
	w.replying += len(late)
	w.mu.Unlock()
	defer w.replied(len(late))
	for _, k := range late {
		k.fail(&events.Error{Code: events.CodeOutcomeUnknown})
	}
}

// drain takes no more and waits until nothing is awaited, for d at most.
func (w *waiting) drain(d time.Duration) {
	w.mu.Lock()
	w.draining = true
	if len(w.calls) == 0 && w.replying == 0 {
		close(w.idle)
	}
	w.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.idle:
	case <-timer.C:
	}
}
