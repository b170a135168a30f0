package push

import (
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
	// MaxQueuedInAll is how many letters a process has at most: about 2 KB each, 600 MB.
	MaxQueuedInAll = 300_000
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
	// mostGone is to how many tokens a service may take nothing, calling them dead or refusing what is to them, before it has taken anything.
	mostGone = 20
	// lookAgain is after how long it is asked again whether a letter is still to be brought.
	lookAgain = time.Second
	// resumeOver is the time over which lanes go on after a pause: a service that asked for one may not want all at the same instant.
	resumeOver = time.Second
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
	rooms   rooms
	breaker *gobreaker.CircuitBreaker[[]Answer]
	batch   int

	mu sync.Mutex
	// paused is until when the service is left alone, and pauser the one that asked for it; nil: whichever is configured.
	paused time.Time
	pauser Service
	// asking: a lane asks a service that failed whether it is well again; the others wait for that.
	asking bool
	health health
}

var seed = maphash.MakeSeed()

func newOutbox(o *office, app App, part string, can Abilities) *outbox {
	b := &outbox{app: app, part: part, office: o, batch: max(1, can.Batch)}
	b.lanes = make([]*lane, max(1, min(can.AtOnce, maxLanes)))
	for i := range b.lanes {
		b.lanes[i] = &lane{box: b, wake: make(chan struct{}, 1)}
	}
	b.breaker = gobreaker.NewCircuitBreaker[[]Answer](gobreaker.Settings{
		Timeout: breakFor, ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= trips },
		OnStateChange: func(_ string, from, to gobreaker.State) { b.turned(from, to) },
	})
	b.idle()
	return b
}

// add queues a letter. It says false when too many wait, and gives one that is queued no more since it gave way.
func (b *outbox) add(x *letter) (old *letter, ok bool) {
	space := b.joins(x)
	x.to = tokenKey(&x.person.push)
	b.office.metrics.queued.WithLabelValues(b.app.Service).Inc()
	old, ok = b.lanes[maphash.String(seed, x.person.push.Token)%uint64(len(b.lanes))].add(x, space == none || b.crowded(), space)
	switch {
	case old != nil:
		b.tookAll(old)
	case !ok:
		b.took(x)
	}
	return old, ok
}

// crowded says whether more wait than is soon brought.
func (b *outbox) crowded() bool { return b.queued.Load() > int64(manyWait+b.batch*len(b.lanes)) }

func (b *outbox) took(x *letter) {
	b.office.metrics.queued.WithLabelValues(b.app.Service).Dec()
	b.rooms.leave(x.session)
	b.left()
}

// tookAll is took, of a letter and those that gave way to it.
func (b *outbox) tookAll(x *letter) {
	for _, old := range x.gave.letters {
		b.took(old)
	}
	b.took(x)
}

func (b *outbox) left() {
	b.office.queued.Add(-1)
	if b.queued.Add(-1) == 0 {
		b.idle()
	}
}

// pause leaves the service alone until then.
func (b *outbox) pause(until time.Time) { b.pauseOf(nil, until) }

// pauseOf leaves a service alone until then, but no longer than anything waits for it. It ends when another one is configured in its place: with other credentials, say.
func (b *outbox) pauseOf(s Service, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if most := time.Now().Add(MaxAge); until.After(most) {
		until = most
	}
	if until.After(b.paused) {
		b.paused, b.pauser = until, s
	}
}

// pausedFor is how long it still is; negative: for how long it is over.
func (b *outbox) pausedFor(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pauser != nil && b.paused.After(now) {
		if s, _ := b.office.services.Of(b.app); s != b.pauser {
			b.paused, b.pauser = now, nil
		}
	}
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

// waitAfter is how long a letter waits after so many attempts.
func waitAfter(attempts int) time.Duration {
	d := backoff
	for range attempts - 1 {
		d *= backoffTimes
	}
	return d*3/4 + rand.N(d/2)
}
