package push

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// office has an outbox for each app, and what their lanes need.
type office struct {
	services Services
	store    Store
	view     View
	presence Presence
	latest   latest
	zones    zones
	style    *Style
	forget   Forget
	// forgetting are tokens that wait to be forgotten.
	forgetting chan Forgotten
	metrics    *Metrics
	logger     *slog.Logger

	ctx     context.Context
	close   context.CancelFunc
	running sync.WaitGroup

	// queued is how many letters all outboxes have.
	queued atomic.Int64

	mu    sync.Mutex
	boxes map[boxKey]*outbox
	// dead are tokens that are gone, until when they were registered, for as long as the view may not know it.
	dead *recent[events.Millis]
}

// boxKey names an outbox: of an app, or of a part of its service.
type boxKey struct {
	App
	part string
}

// maxDead is how many dead tokens are kept in mind at least.
const maxDead = 50_000

// maxBoxes is how many outboxes there are. Beyond, parts share one.
const maxBoxes = 1000

// Forgotten is a device's token that is good no more, if it was registered at Until or before.
type Forgotten struct {
	User   events.UserID
	Device string
	Token  string
	Until  events.Millis
}

// Forget has the log say that a token is forgotten; errors are outages.
type Forget func(ctx context.Context, f Forgotten) error

// box gives the outbox of a token; nil if its app is not configured.
func (o *office) box(app App, token string) *outbox {
	service, ok := o.services.Of(app)
	if !ok {
		return nil
	}
	key := boxKey{App: app}
	if s, is := service.(Parted); is {
		key.part = s.Part(token)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.boxes[key] == nil && len(o.boxes) >= maxBoxes {
		key.part = ""
	}
	b := o.boxes[key]
	if b == nil {
		b = newOutbox(o, app, key.part, service.Abilities())
		o.boxes[key] = b
	}
	return b
}

// send queues letters that were decided on. Those for which there is no room are settled at once.
func (o *office) send(letters []*letter) {
	now := time.Now()
	var over endings
	for _, x := range letters {
		if x.counted.IsZero() {
			x.counted = now
		}
		b := o.box(x.app(), x.person.push.Token)
		if b == nil {
			over.add(x, NotConfigured, now)
			continue
		}
		old, ok := b.add(x)
		switch {
		case !ok:
			over.add(x, Overload, now)
		case old != nil && !old.desk.ended():
			over.add(old, Superseded, now)
		}
	}
	o.settle(over, nil)
}

// settle notes what came of letters, and then tells their desks. Of a box they are no longer queued.
func (o *office) settle(over endings, b *outbox) {
	for from := 0; from < len(over.settled); from += MaxEntries {
		to := min(len(over.settled), from+MaxEntries)
		o.settlePart(over.settled[from:to], over.letters[from:to], b)
	}
}

func (o *office) settlePart(settled []Settled, letters []*letter, b *outbox) {
	var contested []bool
	noted := o.patiently("note what came of it", func(ctx context.Context) (err error) { contested, err = o.store.Settle(ctx, settled); return err })
	for i, x := range letters {
		if b != nil {
			b.took(x)
		}
		if noted {
			o.metrics.decided(&settled[i].Entry)
			if contested[i] {
				x.desk.check(x)
			}
			x.desk.settled(x, settled[i].Entry)
		}
	}
}

// note notes what is so of entries that are open, and of the numbers of devices. It says false when the office closes before.
func (o *office) note(entries []Entry, marks []Mark) bool {
	if len(entries) == 0 && len(marks) == 0 {
		return true
	}
	return o.patiently("note an attempt", func(ctx context.Context) error { return o.store.Put(ctx, entries, marks) })
}

// look reads entries again. It says false when that can't be done now.
func (o *office) look(entries []Entry) ([]*Entry, bool) {
	ctx, cancel := context.WithTimeout(o.ctx, stillTimeout)
	defer cancel()
	now, err := o.store.Decide(ctx, entries)
	if err != nil {
		o.metrics.outages.Inc()
		o.logger.Warn("push: cannot look what was decided; trying again", "error", err)
	}
	return now, err == nil
}

// gone has a token forgotten, and not used before: since then by the vendor's clock, or of the registration that the letter was for.
func (o *office) gone(x *letter, since events.Millis) {
	until := x.since
	if since > 0 {
		until = since
	}
	o.dead.put(tokenKey(&x.person.push), func(was events.Millis) events.Millis { return max(was, until) })
	o.metrics.gone.WithLabelValues(x.person.push.Service).Inc()
	select {
	case o.forgetting <- Forgotten{x.person.user, x.person.device, x.person.push.Token, until}:
	default:
		// It is not used meanwhile, and the service calls it gone again then.
		o.metrics.unforgotten.Inc()
		o.logger.Warn("push: too many tokens wait to be forgotten; this one is used again later", "service", x.person.push.Service, "package", x.person.push.Package, "user", x.person.user)
	}
}

// Tokens are forgotten some at once, and so many wait for that at most.
const (
	forgetAtOnce  = 4
	maxForgetting = 10_000
)

// forgets has tokens forgotten until the office closes. Letters don't wait for that: the log may be away.
func (o *office) forgets() {
	for {
		select {
		case f := <-o.forgetting:
			o.patiently("forget a token", func(ctx context.Context) error { return o.forget(ctx, f) })
		case <-o.ctx.Done():
			return
		}
	}
}

// died says whether a registration is known to be gone.
func (o *office) died(d *Device) bool {
	until, known := o.dead.get(tokenKey(&d.Push))
	return known && d.Since <= until
}

// mostWait is how long an outage is waited out at a time.
const mostWait = 2 * time.Second

// patiently tries until it works. It says false when the office closes before.
func (o *office) patiently(what string, try func(context.Context) error) bool {
	return nil == follow.Patiently(o.ctx, mostWait, func() error { return try(o.ctx) }, func(err error, wait time.Duration) {
		o.metrics.outages.Inc()
		o.logger.Warn("push: cannot "+what+"; trying again", "retry_in", wait, "error", err)
	})
}
