package push

import (
	"context"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
)

// lane brings the letters of some of an outbox's devices, one call after another, so that what comes to a device comes in order.
type lane struct {
	box  *outbox
	wake chan struct{}
	// newest is by place what was brought last.
	newest map[string]placed

	mu sync.Mutex
	// ready are in order; later wait for their time.
	ready, later []*letter
	running      bool
}

type placed struct {
	seq events.Seq
	at  time.Time
}

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
		batch, nap, done := l.take(time.Now())
		if done {
			return
		}
		if len(batch) > 0 {
			l.send(batch)
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

// take gives what is to be sent now, else how long there is to wait.
func (l *lane) take(now time.Time) (batch []*letter, nap time.Duration, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	nap = longestNap
	l.later = slices.DeleteFunc(l.later, func(x *letter) bool {
		wait := min(x.due.Sub(now), x.deadline.Sub(now))
		if wait > 0 {
			nap = min(nap, wait)
			return false
		}
		l.ready = append(l.ready, x)
		return true
	})
	if len(l.ready) == 0 {
		if len(l.later) == 0 {
			l.running = false
			return nil, 0, true
		}
		return nil, nap, false
	}
	most := l.box.batch
	if pause := l.box.pausedFor(now); pause > 0 {
		if l.ready[0].deadline.After(now) && !l.ready[0].desk.ended() {
			return nil, min(longestNap, pause), false
		}
		most = 1 // that one, which needs no call
	}
	// A call has one letter to a device at most: what comes to it comes in order.
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
	return batch, 0, false
}

func (l *lane) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range slices.Concat(l.ready, l.later) {
		l.box.took(x)
	}
	l.ready, l.later, l.running = nil, nil, false
}

// send makes a call for those of a batch that are still to be brought.
func (l *lane) send(batch []*letter) {
	o, now := l.box.office, time.Now()
	service, configured := o.services.Of(l.box.app)
	var going []*letter
	var over []Settled
	var ended []*letter
	end := func(x *letter, r Reason) {
		over = append(over, x.settled(r, now))
		ended = append(ended, x)
	}
	for _, x := range batch {
		switch {
		case x.desk.ended():
			l.box.took(x)
		case !now.Before(x.deadline):
			end(x, map[bool]Reason{true: WrongSettings, false: Expired}[l.box.refusing()])
		case !configured:
			end(x, NotConfigured)
		case x.entry.Attempts >= MaxAttempts:
			end(x, GaveUp)
		case x.note.Kind.Shown() && x.entry.Attempts > 0 && l.newest[x.place()].seq > x.entry.Seq:
			end(x, Superseded)
		default:
			switch r, ok := o.still(x, now); {
			case !ok:
				l.again(x, lookAgain)
			case r != "":
				end(x, r)
			case !x.desk.calling():
				l.box.took(x)
			default:
				going = append(going, x)
			}
		}
	}
	o.settle(over, ended, l.box)
	if len(going) > 0 {
		l.attempt(service, going)
	}
	for _, x := range going {
		x.desk.called()
	}
}

func (l *lane) again(x *letter, wait time.Duration) {
	x.due = time.Now().Add(wait)
	l.mu.Lock()
	l.later = append(l.later, x)
	l.mu.Unlock()
}

// attempt makes a call, having noted that it does.
func (l *lane) attempt(s Service, going []*letter) {
	o := l.box.office
	entries, letters := make([]Entry, len(going)), make([]Letter, len(going))
	for i, x := range going {
		x.entry.Attempts++
		if x.unsure {
			x.entry.Repeats++
			o.metrics.repeated.WithLabelValues(l.box.app.Service).Inc()
		}
		entries[i], letters[i] = x.entry, x.send()
	}
	if !o.patiently("note an attempt", func(ctx context.Context) error { return o.store.Put(ctx, entries) }) {
		for _, x := range going {
			l.box.took(x)
		}
		return
	}
	began := time.Now()
	answers := l.box.call(o.ctx, s, letters)
	if answers == nil {
		// The service is left alone: no call was made.
		for _, x := range going {
			x.entry.Attempts--
			if x.unsure {
				x.entry.Repeats--
			}
			l.again(x, longestNap)
		}
		return
	}
	o.metrics.calls.WithLabelValues(l.box.app.Service).Observe(time.Since(began).Seconds())
	l.answered(s, going, answers)
}

// answered does what a service's answers ask for.
func (l *lane) answered(s Service, going []*letter, answers []Answer) {
	o, now := l.box.office, time.Now()
	var over []Settled
	var ended []*letter
	end := func(x *letter, r Reason) {
		over = append(over, x.settled(r, now))
		ended = append(ended, x)
	}
	for i, x := range going {
		a := &answers[i]
		l.box.judge(s, a)
		o.metrics.answers.WithLabelValues(l.box.app.Service, string(a.Result)).Inc()
		x.code, x.unsure = a.Code, a.Unsure
		switch a.Result {
		case Delivered:
			x.entry.VendorID = a.VendorID
			l.box.wrong(false)
			l.place(x, now)
			o.metrics.seconds.WithLabelValues(l.box.app.Service).Observe(now.Sub(time.UnixMilli(int64(x.entry.At))).Seconds())
			end(x, Brought)
		case Gone:
			// Still to be brought if the device registered since.
			o.gone(x, a.Since)
			x.looked = time.Time{}
			l.again(x, 0)
		case Misconfigured:
			// It says so of us, not of the letter: that is no attempt of its.
			x.entry.Attempts--
			o.logger.Error("push: a service does not accept us", "service", l.box.app.Service, "package", l.box.app.Package, "code", a.Code, "text", a.Text)
			l.box.wrong(true)
			l.box.pause(now.Add(wrongPause))
			l.again(x, wrongPause)
		case Retry:
			wait := max(a.After, waitAfter(x.entry.Attempts))
			if a.All {
				l.box.pause(now.Add(max(a.After, backoff)))
			}
			switch {
			case x.entry.Attempts >= MaxAttempts:
				end(x, GaveUp)
			case now.Add(wait).After(x.deadline):
				end(x, Expired)
			default:
				l.again(x, wait)
			}
		case Refused:
			end(x, NotTaken)
		}
	}
	o.settle(over, ended, l.box)
}

// maxPlaces is how many places a lane remembers before it forgets old ones.
const maxPlaces = 10_000

func (l *lane) place(x *letter, now time.Time) {
	if !x.note.Kind.Shown() {
		return
	}
	if len(l.newest) >= maxPlaces {
		for p, n := range l.newest {
			if now.Sub(n.at) > MaxAge {
				delete(l.newest, p)
			}
		}
	}
	l.newest[x.place()] = placed{max(x.entry.Seq, l.newest[x.place()].seq), now}
}
