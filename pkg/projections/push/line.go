package push

import (
	"slices"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// line decides on what waits of one session; it ends when nothing does.
type line struct {
	desk    *desk
	session events.SessionID
	wake    chan struct{}
	// What follows is under the desk's mu. waiting is in order; reading are those of it that say how far a user has read, and of which more may be said.
	waiting []*item
	reading map[events.UserID]*item
	// alerted: what was decided on last was alerts, so now it is the others' turn.
	alerted bool
}

func newLine(d *desk, s events.SessionID) *line {
	return &line{desk: d, session: s, wake: make(chan struct{}, 1), reading: map[events.UserID]*item{}}
}

// maxTogether is how many alerts of a session are decided on together; of touches it is MaxUsers.
const maxTogether = 50

// add is called with the desk's mu held.
func (l *line) add(it *item) {
	l.waiting = append(l.waiting, it)
	if it.touch != nil && it.touch.reads() && it.parent == nil {
		l.reading[it.touch.users[0]] = it
	}
}

// merge lets a touch that waits do for another one of the same user, with the desk's mu held.
func (l *line) merge(it *item) bool {
	if it.touch == nil || !it.touch.reads() {
		return false // reading is what comes often
	}
	w := l.reading[it.touch.users[0]]
	if w == nil {
		return false
	}
	w.touch.upTo, w.Seq, w.At, w.until, w.last = max(w.touch.upTo, it.touch.upTo), max(w.Seq, it.Seq), max(w.At, it.At), it.until, it.last
	return true
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

// next gives what is due, of one sort: of alerts so many, one that hides, or touches of so many users.
func (l *line) next(now time.Time) (batch []*item, nap time.Duration, empty bool) {
	d := l.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(l.waiting) == 0 || d.ended() {
		delete(d.lines, l.session)
		return nil, 0, true
	}
	whose, nap := l.whose(now)
	if nap > 0 {
		return nil, nap, false
	}
	l.alerted = whose == alerts
	room := map[turn]int{alerts: maxTogether, hides: 1, touches: MaxUsers}[whose]
	l.waiting = slices.DeleteFunc(l.waiting, func(it *item) bool {
		if it.due.After(now) || it.turn() != whose || room <= 0 {
			return false
		}
		if room--; whose == touches {
			room -= len(it.touch.users) - 1
			if u := it.touch.users; len(u) > 0 && l.reading[u[0]] == it {
				delete(l.reading, u[0])
			}
		}
		batch = append(batch, it)
		return true
	})
	return batch, 0, false
}

// whose says whose turn it is: that of alerts, which are told with what is known of the others, and after them the others. If nothing is due, it says how long until
// something is.
func (l *line) whose(now time.Time) (turn, time.Duration) {
	nap, isDue, other := time.Hour, false, alerts
	for _, it := range l.waiting {
		switch wait := it.due.Sub(now); {
		case wait > 0:
			nap = min(nap, wait)
		case it.turn() == alerts:
			isDue = true
		case other == alerts:
			other = it.turn()
		}
	}
	switch {
	case isDue && (other == alerts || !l.alerted):
		return alerts, 0
	case other != alerts:
		return other, 0
	}
	return alerts, nap
}

// since is what the log says that the view may not have yet.
type since struct {
	read, left map[events.UserID]events.Seq
	became     map[events.Seq]Became
	// contact and blocked are the seqs of what answered a request to be a contact, and of a block.
	contact, blocked events.Seq
}

// why is why a member needs not be told of an alert, as the log says; empty: it says nothing.
func (s *since) why(a *about, u events.UserID) Reason {
	switch {
	case a.alert.kind == Contact && a.Seq < s.contact:
		return WasAnswered
	case a.alert.kind != Contact && a.Seq < s.left[u]:
		return HasLeft
	}
	return ""
}

// since gathers it from what waits.
func (l *line) since() since {
	s := since{read: map[events.UserID]events.Seq{}, left: map[events.UserID]events.Seq{}, became: map[events.Seq]Became{}}
	l.desk.mu.Lock()
	defer l.desk.mu.Unlock()
	for _, it := range l.waiting {
		switch it.turn() {
		case hides:
			s.became[it.hides] = Became{Revoked: !it.deleted, Deleted: it.deleted}
		case touches:
			for _, u := range it.touch.users {
				s.read[u], s.left[u] = max(s.read[u], it.touch.upTo), max(s.left[u], it.touch.left)
			}
			if s.contact = max(s.contact, it.touch.contact); it.touch.blocks {
				s.blocked = max(s.blocked, it.touch.left)
			}
		case alerts:
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
		if now.Before(it.until) {
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
