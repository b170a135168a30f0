package push

import (
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
)

// lane brings the letters of some of an outbox's devices, one call after another, so that what comes to a device comes in order.
type lane struct {
	box  *outbox
	wake chan struct{}
	// newest is by place the seq of what was brought last.
	newest *recent[events.Seq]
	// badges are by token one more than the number that was brought last.
	badges *recent[int]

	mu sync.Mutex
	// ready are in order; later wait for their time.
	ready, later []*letter
	running      bool
}

// maxPlaces is how many places a lane remembers at least.
const maxPlaces = 10_000

func (l *lane) add(x *letter) {
	l.mu.Lock()
	if x.due.After(time.Now()) {
		l.later = append(l.later, x)
	} else {
		l.ready = append(l.ready, x)
	}
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		l.box.office.running.Go(l.run)
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run works until there is nothing left.
func (l *lane) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		batch, may, nap, done := l.take(time.Now())
		if done {
			return
		}
		if len(batch) > 0 {
			l.send(batch, may)
		}
		if may {
			l.box.leave()
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

// take gives what is to be sent now, else how long there is to wait. With may a call may be made; without, what it gives needs none.
func (l *lane) take(now time.Time) (batch []*letter, may bool, nap time.Duration, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	nap = l.wakeUp(now)
	if len(l.ready) == 0 {
		if len(l.later) == 0 {
			l.running = false
			return nil, false, 0, true
		}
		return nil, false, nap, false
	}
	pause := l.box.pausedFor(now)
	if pause <= 0 && l.box.enter() {
		return l.together(), true, 0, false
	}
	// What is over needs no call.
	over := func(x *letter) bool { return !now.Before(x.deadline) || x.desk.ended() }
	for _, x := range l.ready {
		if over(x) {
			batch = append(batch, x)
		}
	}
	if pause <= 0 {
		pause = longestNap
	}
	l.ready = slices.DeleteFunc(l.ready, over)
	return batch, false, min(longestNap, pause, nap), false
}

// wakeUp moves what waited for its time, or is over, and says how long until the next does.
func (l *lane) wakeUp(now time.Time) time.Duration {
	nap := longestNap
	l.later = slices.DeleteFunc(l.later, func(x *letter) bool {
		wait := min(x.due.Sub(now), x.deadline.Sub(now))
		if wait > 0 {
			nap = min(nap, wait)
			return false
		}
		l.ready = append(l.ready, x)
		return true
	})
	return nap
}

// together takes the letters of one call: one to a device at most, so that what comes to it comes in order.
func (l *lane) together() (batch []*letter) {
	most := l.box.batch
	devices := map[string]bool{}
	looked := min(len(l.ready), 4*most)
	kept := l.ready[:0]
	for i, x := range l.ready[:looked] {
		if len(batch) == most {
			looked = i
			break
		}
		if token := x.person.push.Token; devices[token] {
			kept = append(kept, x)
		} else {
			devices[token] = true
			batch = append(batch, x)
		}
	}
	l.ready = append(kept, l.ready[looked:]...)
	return batch
}

func (l *lane) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range slices.Concat(l.ready, l.later) {
		l.box.took(x)
	}
	l.ready, l.later, l.running = nil, nil, false
}

// endings are letters of which it is known what came of them.
type endings struct {
	settled []Settled
	letters []*letter
}

func (e *endings) add(x *letter, r Reason, now time.Time) {
	e.settled = append(e.settled, x.settled(r, now))
	e.letters = append(e.letters, x)
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
			l.box.took(x)
		case r != "":
			over.add(x, r, now)
		case may:
			going = append(going, x)
		default:
			l.again(x, 0)
		}
	}
	going = l.unfinished(going)
	going = l.wanted(going, &over, now)
	o.settle(over, l.box)
	going = slices.DeleteFunc(going, func(x *letter) bool {
		if x.desk.calling() {
			return false
		}
		l.box.took(x)
		return true
	})
	if len(going) > 0 {
		l.attempt(service, going, now)
	}
	for _, x := range going {
		x.desk.called()
	}
}

// over is why a letter is not sent, as far as that is known without asking anybody.
func (l *lane) over(x *letter, configured bool, now time.Time) Reason {
	newest, _ := l.newest.get(x.place())
	badge, _ := l.badges.get(x.person.push.Token)
	switch {
	case !now.Before(x.deadline) && l.box.refusing():
		return WrongSettings
	case !now.Before(x.deadline):
		return Expired
	case !configured:
		return NotConfigured
	case x.entry.Attempts >= MaxAttempts:
		return GaveUp
	case x.note.Kind.Shown() && newest > x.entry.Seq, x.note.Kind == Withdraw && newest > x.clears:
		return Superseded
	case x.note.Kind == Badge && badge == x.note.Badge+1:
		return Unchanged
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
			l.box.took(x)
			x.desk.settled(x, *now[i])
		default:
			x.found = false
			continue
		}
		going = slices.DeleteFunc(going, func(g *letter) bool { return g == x })
	}
	return going
}

// wanted leaves out what is not to be brought any more, and what can't be asked about now.
func (l *lane) wanted(going []*letter, over *endings, now time.Time) []*letter {
	answers := l.box.office.stillAll(going, now)
	kept := going[:0]
	for i, x := range going {
		switch {
		case !answers[i].known:
			l.again(x, lookAgain)
		case answers[i].why != "":
			over.add(x, answers[i].why, time.Now()) // whoever looks at the log sees what was so by then
		default:
			kept = append(kept, x)
		}
	}
	return kept
}

func (l *lane) again(x *letter, wait time.Duration) {
	x.due = time.Now().Add(wait)
	l.mu.Lock()
	l.later = append(l.later, x)
	l.mu.Unlock()
}

// attempt makes a call, having noted that it does; of what shows nothing it is noted only what came of it.
func (l *lane) attempt(s Service, going []*letter, since time.Time) {
	o := l.box.office
	letters := make([]Letter, len(going))
	for i, x := range going {
		x.entry.Attempts++
		if x.unsure {
			x.entry.Repeats++
		}
		letters[i] = x.send()
	}
	if !o.note(shown(going)) {
		for _, x := range going {
			l.box.took(x)
		}
		return
	}
	// What was known of them may no longer be so.
	late := time.Since(since) > lookAgain
	var answers []Answer
	began := time.Now()
	if !late {
		answers = l.box.call(o.ctx, s, letters)
	}
	if answers == nil {
		l.uncalled(going)
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

// uncalled takes back that a call was made for letters.
func (l *lane) uncalled(going []*letter) {
	for _, x := range going {
		x.entry.Attempts--
		if x.unsure {
			x.entry.Repeats--
		}
		x.looked = time.Time{}
	}
	l.box.office.note(shown(going))
	for _, x := range going {
		l.again(x, 0)
	}
}

// answered does what a service's answers ask for.
func (l *lane) answered(s Service, going []*letter, answers []Answer) {
	o, now := l.box.office, time.Now()
	var over endings
	var unasked []*letter
	for i, x := range going {
		a := &answers[i]
		l.box.judge(s, a)
		o.metrics.answers.WithLabelValues(l.box.app.Service, string(a.Result)).Inc()
		x.code, x.unsure, x.maybe = a.Code, a.Unsure, x.maybe || a.Unsure
		switch a.Result {
		case Delivered:
			x.entry.VendorID = a.VendorID
			l.box.wrong(false)
			if x.note.Badge >= 0 {
				l.badges.put(x.person.push.Token, func(int) int { return x.note.Badge + 1 })
			}
			if x.note.Kind.Shown() {
				l.newest.put(x.place(), func(was events.Seq) events.Seq { return max(was, x.entry.Seq) })
			}
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
			unasked = append(unasked, x)
			o.logger.Error("push: a service does not accept us", "service", l.box.app.Service, "package", l.box.app.Package, "code", a.Code, "text", a.Text)
			l.box.wrong(true)
			l.box.pause(now.Add(wrongPause))
			l.again(x, wrongPause)
		case Retry:
			l.retry(x, a, &over, now)
		case Refused:
			over.add(x, NotTaken, now)
		}
	}
	o.note(shown(unasked))
	o.settle(over, l.box)
}

// retry has a letter tried again, if it may be.
func (l *lane) retry(x *letter, a *Answer, over *endings, now time.Time) {
	wait := max(a.After, waitAfter(x.entry.Attempts))
	if a.All {
		l.box.pause(now.Add(max(a.After, backoff)))
	}
	switch {
	case x.entry.Attempts >= MaxAttempts:
		over.add(x, GaveUp, now)
	case now.Add(wait).After(x.deadline):
		over.add(x, Expired, now)
	default:
		l.again(x, wait)
	}
}
