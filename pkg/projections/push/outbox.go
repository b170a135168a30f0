package push

import (
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Bounds of sending.
const (
	// MaxAttempts is how many calls are made for a note at most, over all restarts.
	MaxAttempts = 5
	// CallTimeout is how long a call may take.
	CallTimeout = 10 * time.Second
	// MaxQueued is how many letters may wait for a service.
	MaxQueued = 100_000
	// maxLanes is how many calls go to a service at once.
	maxLanes = 32
	// backoff is the wait after the first attempt; each further one is backoffTimes longer: 2, 8, 32 and 128 s, each by a quarter more or less.
	backoff      = 2 * time.Second
	backoffTimes = 4
	// wrongPause is how long a service that does not accept us is left alone.
	wrongPause = 30 * time.Second
	// trips is how many calls in a row fail before a service is left alone for breakFor, and then asked with one.
	trips    = 5
	breakFor = 10 * time.Second
	// mostGone is how many tokens a service may call dead before it has taken anything.
	mostGone = 20
	// lookAgain is after how long it is asked again whether a letter is still to be brought.
	lookAgain = time.Second
	// longestNap is how long a lane waits at most before it looks for what has expired.
	longestNap = time.Second
)

// outbox has the letters to one app at one vendor: nothing that happens to them holds up another's.
type outbox struct {
	app App
	// part is of the service, where it has such that fail each by itself.
	part    string
	office  *office
	lanes   []*lane
	queued  atomic.Int64
	breaker *gobreaker.CircuitBreaker[[]Answer]
	batch   int

	mu     sync.Mutex
	paused time.Time
	// asking: a lane asks a service that failed whether it is well again; the others wait for that.
	asking bool
	// refuses says that the service does not accept us.
	refuses bool
	// taken says that the present service ever took a letter, and gone how many it said are to tokens that are no good.
	service Service
	taken   bool
	gone    int
}

var seed = maphash.MakeSeed()

var errFailing = errors.New("push: the service fails")

func newOutbox(o *office, app App, part string, can Abilities) *outbox {
	b := &outbox{app: app, part: part, office: o, batch: max(1, can.Batch)}
	b.lanes = make([]*lane, max(1, min(can.AtOnce, maxLanes)))
	for i := range b.lanes {
		b.lanes[i] = &lane{box: b, wake: make(chan struct{}, 1)}
	}
	state := o.metrics.broken.WithLabelValues(app.Service, app.Package, part)
	state.Set(0)
	b.breaker = gobreaker.NewCircuitBreaker[[]Answer](gobreaker.Settings{
		Timeout: breakFor, ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= trips },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.pause(time.Now().Add(breakFor))
			}
			state.Set(float64(map[bool]int{true: 1}[to == gobreaker.StateOpen]))
			o.logger.Warn("push: a service", "service", app.Service, "package", app.Package, "was", from, "is", to)
		},
	})
	return b
}

// add queues a letter. It says false when too many wait.
func (b *outbox) add(l *letter) bool {
	if b.queued.Add(1) > MaxQueued {
		b.queued.Add(-1)
		return false
	}
	b.office.metrics.queued.WithLabelValues(b.app.Service).Inc()
	b.lanes[maphash.String(seed, l.person.push.Token)%uint64(len(b.lanes))].add(l)
	return true
}

func (b *outbox) took(l *letter) {
	b.queued.Add(-1)
	b.office.metrics.queued.WithLabelValues(b.app.Service).Dec()
}

// pause leaves the service alone until then.
func (b *outbox) pause(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.paused) {
		b.paused = until
	}
}

// judge takes an answer for what it is likely to mean: a service that has taken nothing yet, and calls token after token dead, is likely the wrong one for them (some
// vendors say so of another app's tokens), and they are not forgotten for that.
func (b *outbox) judge(s Service, a *Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.service != s {
		b.service, b.taken, b.gone = s, false, 0
	}
	switch a.Result {
	case Delivered:
		b.taken = true
	case Gone:
		if b.gone++; !b.taken && b.gone > mostGone {
			a.Result = Misconfigured
			a.Text = "it has taken nothing yet, and calls every token dead"
		}
	case Retry, Refused, Misconfigured:
	}
}

// wrong notes whether the service accepts us.
func (b *outbox) wrong(is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuses != is {
		b.refuses = is
		b.office.metrics.wrong.WithLabelValues(b.app.Service, b.app.Package, b.part).Set(float64(map[bool]int{true: 1}[is]))
	}
}

// refusing says whether the service does not accept us.
func (b *outbox) refusing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refuses
}

func (b *outbox) pausedFor(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paused.Sub(now)
}

// enter says whether a call may be made. While the service is asked whether it is well again, nobody else may: asks says that it is the caller who does, and calls asked then.
func (b *outbox) enter() (may, asks bool) {
	state := b.breaker.State()
	b.mu.Lock()
	defer b.mu.Unlock()
	if state == gobreaker.StateOpen || b.asking {
		return false, false
	}
	b.asking = state == gobreaker.StateHalfOpen
	return true, b.asking
}

func (b *outbox) asked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asking = false
}

// call makes a call unless the service is left alone: then it gives nil.
func (b *outbox) call(ctx context.Context, s Service, letters []Letter) []Answer {
	answers, err := b.breaker.Execute(func() ([]Answer, error) {
		ctx, cancel := context.WithTimeout(ctx, CallTimeout)
		defer cancel()
		answers := s.Send(ctx, letters)
		for _, a := range answers {
			if a.Result != Retry || !a.All && !a.Unsure {
				return answers, nil
			}
		}
		return answers, errFailing
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil
	}
	return answers
}

// waitAfter is how long a letter waits after so many attempts.
func waitAfter(attempts int) time.Duration {
	d := backoff
	for range attempts - 1 {
		d *= backoffTimes
	}
	return d*3/4 + rand.N(d/2)
}
