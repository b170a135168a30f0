package push

import (
	"slices"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// line decides on what waits of one session, in order; it ends when nothing does.
type line struct {
	desk    *desk
	session events.SessionID
	wake    chan struct{}
	// waiting is under the desk's mu.
	waiting []*item
}

// maxTogether is how many matters of a session are decided on together.
const maxTogether = 50

// merge lets a touch that waits do for another one of the same user, with the desk's mu held.
func (l *line) merge(it *item) bool {
	t := it.touch
	if t == nil || t.upTo == 0 {
		return false // reading is what comes often; the others have more to wait for
	}
	for _, w := range l.waiting {
		if w.touch != nil && w.touch.upTo > 0 && w.touch.users[0] == t.users[0] && w.parent == nil {
			w.touch.upTo, w.At = max(w.touch.upTo, t.upTo), max(w.At, it.At)
			return true
		}
	}
	return false
}

func (l *line) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		batch, nap, empty := l.next(time.Now())
		switch {
		case empty:
			return
		case len(batch) > 0:
			l.decide(batch)
			continue
		}
		timer.Reset(nap)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.desk.ctx.Done():
			return
		}
	}
}

// next gives what is due, of one sort: alerts, or one of the others.
func (l *line) next(now time.Time) (batch []*item, nap time.Duration, empty bool) {
	d := l.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(l.waiting) == 0 || d.ended() {
		delete(d.lines, l.session)
		return nil, 0, true
	}
	nap = time.Hour
	l.waiting = slices.DeleteFunc(l.waiting, func(it *item) bool {
		if wait := it.due.Sub(now); wait > 0 {
			nap = min(nap, wait)
			return false
		}
		if len(batch) > 0 && (it.alert == nil || batch[0].alert == nil || len(batch) == maxTogether) {
			nap = 0
			return false
		}
		batch = append(batch, it)
		return true
	})
	return batch, nap, false
}

// since is what the log says that the view may not have yet.
type since struct {
	read   map[events.UserID]events.Seq
	became map[events.Seq]Became
}

// since gathers it from what waits.
func (l *line) since() since {
	s := since{map[events.UserID]events.Seq{}, map[events.Seq]Became{}}
	l.desk.mu.Lock()
	defer l.desk.mu.Unlock()
	for _, it := range l.waiting {
		switch {
		case it.hides != 0:
			s.became[it.hides] = Became{Revoked: !it.deleted, Deleted: it.deleted}
		case it.touch != nil:
			for _, u := range it.touch.users {
				s.read[u] = max(s.read[u], it.touch.upTo)
			}
		}
	}
	return s
}

// decide decides on a batch, waiting out what fails.
func (l *line) decide(batch []*item) {
	p := l.desk.projector
	select {
	case p.deciding <- struct{}{}:
	case <-l.desk.ctx.Done():
		return
	}
	held := true
	give := func() {
		if held {
			<-p.deciding
			held = false
		}
	}
	defer give()
	work := &decision{line: l, projector: p, desk: l.desk}
	tries := 0
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		ready, err := work.on(l.desk.ctx, batch)
		switch {
		case err == nil && ready:
			return
		case l.desk.ctx.Err() != nil:
			return
		}
		if batch = l.young(batch); len(batch) == 0 {
			return
		}
		nap := min(viewNap*time.Duration(1<<min(tries, 7)), mostViewNap)
		tries++
		if err != nil {
			p.metrics.outages.Inc()
			p.opts.Logger.Warn("push: cannot decide; trying again", "session", l.session, "retry_in", wait, "error", err)
			nap = wait
		}
		give() // others may go on meanwhile
		if !follow.Sleep(l.desk.ctx, nap) {
			return
		}
		select {
		case p.deciding <- struct{}{}:
			held = true
		case <-l.desk.ctx.Done():
			return
		}
	}
}

// young drops what is too old by now.
func (l *line) young(batch []*item) []*item {
	now := time.Now()
	return slices.DeleteFunc(batch, func(it *item) bool {
		if !old(it.At, now) {
			return false
		}
		l.desk.projector.metrics.old.Inc()
		l.desk.decided(it)
		return true
	})
}

// leastWait is how long an outage is waited out first.
const leastWait = 50 * time.Millisecond

// viewNap is when it is looked again whether the view has come so far, first; then less and less often, up to mostViewNap.
const (
	viewNap     = 2 * time.Millisecond
	mostViewNap = 250 * time.Millisecond
)
