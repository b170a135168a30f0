package push

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"
)

// lane brings the letters of some of an outbox's devices, one call after another, so that what comes to a device comes in order.
type lane struct {
	box  *outbox
	wake chan struct{}

	mu sync.Mutex
	// ready may be brought; later wait for their time.
	ready   queue
	later   resting
	running bool
	// swept is when it last looked for what is over among those that wait.
	swept time.Time
	// late is by how much it goes on later than a pause is over.
	late time.Duration
}

// add queues a letter. When it is crowded it takes the place of one that gives way to it; that is given if there is no space to keep it. It says false if there is no place, and no space.
func (l *lane) add(x *letter, crowded bool, s space) (old *letter, ok bool) {
	l.mu.Lock()
	now := time.Now()
	if x.due.IsZero() {
		x.due = now
	}
	if crowded {
		old = l.ready.replace(x)
	}
	if old != nil && s == ample {
		old.yield(x)
		l.mu.Unlock()
		return nil, true
	}
	if old != nil || s == none {
		l.mu.Unlock()
		return old, old != nil
	}
	if x.due.After(now) {
		heap.Push(&l.later, x)
	} else {
		l.ready.add(x)
	}
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		l.box.office.running.Go(l.run)
		return nil, true
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil, true
}

// run works until there is nothing left.
func (l *lane) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		batch, may, asks, nap, done := l.take(time.Now())
		if done {
			return
		}
		if len(batch) > 0 {
			l.send(batch, may)
		}
		if asks {
			l.box.asked()
		}
		if len(batch) > 0 {
			continue
		}
		timer.Reset(nap)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.box.office.ctx.Done():
			l.abandon()
			return
		}
	}
}

// take gives what is to be sent now, else how long there is to wait. With may a call may be made; without, what it gives needs none. With asks the call asks whether the service
// is well again.
func (l *lane) take(now time.Time) (batch []*letter, may, asks bool, nap time.Duration, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	nap = l.wakeUp(now)
	if now.Sub(l.swept) >= longestNap {
		l.swept = now
		if batch = l.sweep(func(x *letter) bool { return !now.Before(x.deadline) || x.desk.ended() }); len(batch) > 0 {
			return batch, false, false, 0, false
		}
	}
	if l.ready.n == 0 {
		if len(l.later) == 0 {
			l.running = false
			return nil, false, false, 0, true
		}
		return nil, false, false, nap, false
	}
	pause := l.paused(now)
	if pause <= 0 {
		if may, asks = l.box.enter(); may {
			return l.ready.take(l.box.batch, l.box.crowded(), now), true, asks, 0, false
		}
	}
	if pause <= 0 {
		pause = longestNap
	}
	return nil, false, false, min(longestNap, pause, nap), false
}

// sweep takes out what needs no call since it is over, with mu held.
func (l *lane) sweep(over func(*letter) bool) []*letter {
	out := l.ready.drop(over)
	for _, x := range l.later {
		out = append(out, x.gave.drop(over)...)
	}
	return out
}

// paused is how long the lane is to leave the service alone, with mu held.
func (l *lane) paused(now time.Time) time.Duration {
	pause := l.box.pausedFor(now)
	if pause > 0 && l.late == 0 {
		l.late = rand.N(resumeOver)
	}
	if pause += l.late; pause <= 0 {
		l.late = 0
	}
	return pause
}

// wakeUp moves what waited for its time, or is over, and says how long until the next does.
func (l *lane) wakeUp(now time.Time) time.Duration {
	for len(l.later) > 0 {
		if wait := l.later[0].up().Sub(now); wait > 0 {
			return min(longestNap, wait)
		}
		if x, is := heap.Pop(&l.later).(*letter); is {
			l.ready.add(x)
		}
	}
	return longestNap
}

func (l *lane) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range slices.Concat(l.ready.drop(func(*letter) bool { return true }), l.later) {
		l.box.tookAll(x)
	}
	l.later, l.running = nil, false
}

// endings are letters of which it is known what came of them.
type endings struct {
	settled []Settled
	letters []*letter
	// released are those that gave way in vain.
	released []*letter
}

// add adds a letter, and before it those that gave way to it: if one alone of them is noted, a newer one is not taken for gone that is there.
func (e *endings) add(x *letter, r Reason, now time.Time) {
	became := Superseded
	if r.ofAll() {
		became = r
	}
	if r == Brought || r == Superseded || x.maybe || r.ofAll() {
		for _, old := range x.gave.letters {
			e.one(old, became, now)
		}
		x.gave = gave{}
	} else if heir := x.heir(); heir != nil {
		e.released = append(e.released, heir)
	}
	e.one(x, r, now)
}

func (e *endings) one(x *letter, r Reason, now time.Time) {
	e.settled = append(e.settled, x.settled(r, now))
	e.letters = append(e.letters, x)
}

// settle notes what came of letters, and has those brought that gave way to them in vain.
func (l *lane) settle(over endings) {
	l.box.office.settle(over, l.box)
	for _, x := range over.released {
		l.again(x, 0)
	}
}

// leave lets a letter go that is another one's to bring, or has gone to another lane.
func (l *lane) leave(x *letter) {
	l.box.took(x)
	l.release(x)
}

// release has brought what gave way to a letter that is not, or not for long.
func (l *lane) release(x *letter) {
	if heir := x.heir(); heir != nil {
		l.again(heir, 0)
	}
}

// send makes a call for those of a batch that are still to be brought.
func (l *lane) send(batch []*letter, may bool) {
	o, now := l.box.office, time.Now()
	service, configured := o.services.Of(l.box.app)
	var going []*letter
	var over endings
	for _, x := range batch {
		switch r := l.over(x, configured, now); {
		case x.desk.ended():
			l.leave(x)
		case r != "":
			over.add(x, r, now)
		case may:
			going = append(going, x)
		default:
			l.again(x, 0)
		}
	}
	going = l.unfinished(going)
	going, moved := l.wanted(service, going, &over, now)
	asked := time.Now()
	o.send(moved)
	l.settle(over)
	if time.Since(asked) > lookAgain {
		// The store was away. What was known of them may no longer be so.
		for _, x := range going {
			x.looked = time.Time{}
			l.again(x, 0)
		}
		return
	}
	going = slices.DeleteFunc(going, func(x *letter) bool {
		if x.desk.calling() {
			return false
		}
		l.leave(x)
		return true
	})
	if len(going) > 0 {
		l.attempt(service, going)
	}
	for _, x := range going {
		x.desk.called()
	}
}

// over is why a letter is not sent, as far as that is known without asking anybody.
func (l *lane) over(x *letter, configured bool, now time.Time) Reason {
	switch {
	case l.box.office.overtaken(x):
		return Superseded
	case !now.Before(x.deadline) && l.box.refusing():
		return WrongSettings
	case !now.Before(x.deadline):
		return Expired
	case !configured:
		return NotConfigured
	case x.entry.Attempts >= MaxAttempts:
		return GaveUp
	}
	return ""
}

// unfinished leaves out what somebody else has come to know the end of since it was found.
func (l *lane) unfinished(going []*letter) []*letter {
	var found []*letter
	var entries []Entry
	for _, x := range going {
		if x.found {
			found, entries = append(found, x), append(entries, x.entry)
		}
	}
	if len(found) == 0 {
		return going
	}
	now, ok := l.box.office.look(entries)
	for i, x := range found {
		switch {
		case !ok:
			l.again(x, lookAgain)
		case now[i] != nil && !now[i].Open():
			l.leave(x)
			x.desk.settled(x, *now[i])
		default:
			x.found = false
			continue
		}
		going = slices.DeleteFunc(going, func(g *letter) bool { return g == x })
	}
	return going
}

// wanted leaves out what is not to be brought any more, and what can't be asked about now. What goes to another token now goes to the lane of that one.
func (l *lane) wanted(s Service, going []*letter, over *endings, now time.Time) (kept, moved []*letter) {
	o := l.box.office
	answers := o.stillAll(going, now)
	kept = going[:0]
	for i, x := range going {
		switch {
		case answers[i].why == "" && tokenKey(&x.person.push) != x.to: // whatever else is not known: it is asked there
			l.leave(x)
			moved = append(moved, x)
		case !answers[i].known:
			l.again(x, lookAgain)
		case answers[i].why == Unchanged:
			l.leave(x)
			o.metrics.count(x.note.Kind, Unchanged, 1)
			x.desk.settled(x, x.entry)
		case answers[i].why != "":
			over.add(x, answers[i].why, time.Now()) // whoever looks at the log sees what was so by then
			if x.looks && s.Abilities().Badge {
				over.settled[len(over.settled)-1].Badge = Unsure
			}
		default:
			kept = append(kept, x)
		}
	}
	return kept, moved
}

func (l *lane) again(x *letter, wait time.Duration) {
	x.due = time.Now().Add(wait)
	l.mu.Lock()
	heap.Push(&l.later, x)
	l.mu.Unlock()
}

// attempt makes a call, having noted that it does; of what shows nothing it is noted only what came of it, and that the number is about to change.
func (l *lane) attempt(s Service, going []*letter) {
	o := l.box.office
	letters := make([]Letter, len(going))
	for i, x := range going {
		x.entry.Attempts++
		if x.unsure {
			x.entry.Repeats++
		}
		letters[i] = x.send()
	}
	known := time.Now()
	if !o.note(shown(going), marks(s, going)) {
		for _, x := range going {
			l.box.tookAll(x)
		}
		return
	}
	began := time.Now()
	if began.Sub(known) > lookAgain {
		// The store was away. What was known of them may no longer be so.
		for _, x := range going {
			x.looked = time.Time{}
		}
		l.uncalled(going, 0)
		return
	}
	for _, x := range going {
		o.latest.brings(x)
	}
	answers := l.box.call(o.ctx, s, letters)
	if answers == nil {
		l.uncalled(going, lookAgain)
		return
	}
	o.metrics.calls.WithLabelValues(l.box.app.Service).Observe(time.Since(began).Seconds())
	for _, x := range going {
		if x.unsure {
			o.metrics.repeated.WithLabelValues(l.box.app.Service).Inc()
		}
	}
	l.answered(s, going, answers)
}

// shown are the entries of those letters that show something.
func shown(letters []*letter) (entries []Entry) {
	for _, x := range letters {
		if x.note.Kind.Shown() {
			entries = append(entries, x.entry)
		}
	}
	return entries
}

// marks are made of a call that may change numbers. Who can't set a number alone could not set it right either.
func marks(s Service, letters []*letter) []Mark {
	if !s.Abilities().Badge {
		return nil
	}
	all := make([]Mark, len(letters))
	for i, x := range letters {
		x.mark = strconv.FormatUint(rand.Uint64(), 36)
		all[i] = Mark{x.person.user, x.person.device, x.mark}
	}
	return all
}

// uncalled takes back that a call was made for letters, which wait for so long then.
func (l *lane) uncalled(going []*letter, wait time.Duration) {
	for _, x := range going {
		x.entry.Attempts--
		if x.unsure {
			x.entry.Repeats--
		}
	}
	l.box.office.note(shown(going), nil)
	for _, x := range going {
		l.again(x, wait)
	}
}

// answered does what a service's answers ask for.
func (l *lane) answered(s Service, going []*letter, answers []Answer) {
	o, now := l.box.office, time.Now()
	var over endings
	var unasked []*letter
	for i, x := range going {
		a := &answers[i]
		l.box.judge(s, x.person.push.Token, a)
		o.metrics.answers.WithLabelValues(l.box.app.Service, string(a.Result)).Inc()
		x.code, x.unsure, x.maybe = a.Code, a.Unsure, x.maybe || a.Unsure
		switch a.Result {
		case Delivered:
			x.entry.VendorID = a.VendorID
			l.box.wrong(false)
			o.brought(x)
			o.metrics.seconds.WithLabelValues(l.box.app.Service).Observe(now.Sub(time.UnixMilli(int64(x.entry.At))).Seconds())
			over.add(x, Brought, now)
		case Gone:
			// Still to be brought if the device registered since.
			o.gone(x, a.Since)
			x.looked = time.Time{}
			l.again(x, 0)
		case Misconfigured:
			// It says so of us, not of the letter: that is no attempt of its.
			x.entry.Attempts--
			if unasked = append(unasked, x); len(unasked) == 1 {
				l.box.logger().Error("push: a service does not accept us", "code", a.Code, "text", a.Text)
			}
			l.box.wrong(true)
			l.box.pauseOf(s, now.Add(wrongPause))
			l.again(x, wrongPause)
		case Retry:
			l.retry(s, x, a, &over, now)
		case Refused:
			over.add(x, NotTaken, now)
		}
	}
	o.note(shown(unasked), nil)
	l.settle(over)
}

// retry has a letter tried again, if it may be. What all have to wait for is the outbox's pause.
func (l *lane) retry(s Service, x *letter, a *Answer, over *endings, now time.Time) {
	wait := waitAfter(x.entry.Attempts)
	if a.All {
		l.box.pauseOf(s, now.Add(max(a.After, backoff)))
	} else {
		wait = max(a.After, wait)
	}
	switch {
	case x.entry.Attempts >= MaxAttempts:
		over.add(x, GaveUp, now)
	case now.Add(wait).After(x.deadline):
		over.add(x, Expired, now)
	default:
		if !x.maybe {
			l.release(x)
		}
		l.again(x, wait)
	}
}
