package push

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"annal/pkg/events"
)

// office has an outbox for each app, and what their lanes need.
type office struct {
	services Services
	store    Store
	view     View
	forget   Forget
	metrics  *Metrics
	logger   *slog.Logger

	ctx     context.Context
	close   context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	boxes map[App]*outbox
	// dead are tokens that are gone, until when they were registered, for as long as the view may not know it.
	dead map[string]death
}

type death struct {
	until events.Millis
	at    time.Time
}

// maxDead is how many dead tokens are kept in mind.
const maxDead = 100_000

// Forgotten is a device's token that is good no more, if it was registered at Until or before.
type Forgotten struct {
	User   events.UserID
	Device string
	Token  string
	Until  events.Millis
}

// Forget has the log say that a token is forgotten; errors are outages.
type Forget func(ctx context.Context, f Forgotten) error

// box gives the outbox of an app; nil if it is not configured.
func (o *office) box(app App) *outbox {
	service, ok := o.services.Of(app)
	if !ok {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.boxes[app]
	if b == nil {
		b = newOutbox(o, app, service.Abilities())
		o.boxes[app] = b
	}
	return b
}

// send queues letters that were decided on. Those for which there is no room are settled at once.
func (o *office) send(letters []*letter) {
	now := time.Now()
	var over []Settled
	var ended []*letter
	for _, x := range letters {
		if b := o.box(x.app()); b == nil || !b.add(x) {
			over = append(over, x.settled(map[bool]Reason{true: NotConfigured, false: Overload}[b == nil], now))
			ended = append(ended, x)
		}
	}
	o.settle(over, ended, nil)
}

// settle notes what came of letters, and then tells their desks. Of a box they are no longer queued.
func (o *office) settle(over []Settled, ended []*letter, b *outbox) {
	if len(over) == 0 {
		return
	}
	noted := o.patiently("note what came of it", func(ctx context.Context) error { return o.store.Settle(ctx, over) })
	for i, x := range ended {
		if b != nil {
			b.took(x)
		}
		if noted {
			o.metrics.decided(&over[i].Entry)
			x.desk.settled(x)
		}
	}
}

// gone has a token forgotten: since then by the vendor's clock, or of the registration that the letter was for.
func (o *office) gone(x *letter, since events.Millis) {
	until := x.since
	if since > 0 {
		until = since
	}
	o.mu.Lock()
	if len(o.dead) >= maxDead {
		for k, d := range o.dead {
			if time.Since(d.at) > MaxAge {
				delete(o.dead, k)
			}
		}
	}
	key := tokenKey(&x.person.push)
	o.dead[key] = death{max(until, o.dead[key].until), time.Now()}
	o.mu.Unlock()
	o.metrics.gone.WithLabelValues(x.person.push.Service).Inc()
	o.patiently("forget a token", func(ctx context.Context) error {
		return o.forget(ctx, Forgotten{x.person.user, x.person.device, x.person.push.Token, until})
	})
}

// died says whether a registration is known to be gone.
func (o *office) died(d *Device) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	dead, known := o.dead[tokenKey(&d.Push)]
	return known && d.Since <= dead.until
}

// leastWait and mostWait are how long an outage is waited out at a time.
const leastWait, mostWait = 50 * time.Millisecond, 2 * time.Second

// patiently tries until it works. It says false when the office closes before.
func (o *office) patiently(what string, try func(context.Context) error) bool {
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		err := try(o.ctx)
		if err == nil {
			return true
		}
		if o.ctx.Err() != nil {
			return false
		}
		o.metrics.outages.Inc()
		o.logger.Warn("push: cannot "+what+"; trying again", "retry_in", wait, "error", err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-o.ctx.Done():
			timer.Stop()
			return false
		}
	}
}
