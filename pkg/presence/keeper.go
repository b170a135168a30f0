package presence

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
)

// Bounds of a node's part. With a node that is killed its connections have ended after Lasting.
const (
	Every   = 5 * time.Second
	Lasting = 30 * time.Second
	// again is after what time a sign that failed is tried again, and tryTime bounds one call.
	again   = time.Second
	tryTime = 2 * time.Second
	// RoundEvery is how often a node puts again all that it has; roundTick is how often it puts a part of it: of all a part of roundParts,
	// and after a loss batch at most, which is 5,000 a second.
	RoundEvery = 10 * time.Minute
	roundTick  = 100 * time.Millisecond
	roundParts = 3000
	batch      = 500
	// maxEnded bounds the connections that have ended and are not taken away yet; what is beyond goes with the next round.
	maxEnded = 100_000
	// leaveTime is how long a node that ends tries to take away what it had.
	leaveTime = 2 * time.Second
)

// Keeper keeps a node's connections in a store. Its methods but Run return at once.
type Keeper struct {
	store Store
	node  string
	// changed is told whose connections changed, once that is kept.
	changed func(context.Context, []events.UserID)
	log     *slog.Logger
	metrics *Metrics
	// kick has a token while something is to be written, whole when the floor has risen and is to be told.
	kick, whole chan struct{}

	mu sync.Mutex
	// has are the connections that are there, by their ids.
	has map[string]Connection
	// fresh are those not put yet as they are, ended those not taken away yet.
	fresh map[string]struct{}
	ended map[string]ended
	// round is the present one, begun at a time; todo is what is still to be put again in it, part by part.
	round uint64
	began time.Time
	todo  []string
	part  int
	// floor is the last round in which all was put.
	floor uint64
}

type ended struct {
	Connection
	at time.Time
}

// NewKeeper keeps a node's connections.
func NewKeeper(s Store, node string, changed func(context.Context, []events.UserID), logger *slog.Logger, m *Metrics) *Keeper {
	return &Keeper{
		store: s, node: node, changed: changed, log: logger, metrics: m, kick: make(chan struct{}, 1), whole: make(chan struct{}, 1),
		has: map[string]Connection{}, fresh: map[string]struct{}{}, ended: map[string]ended{}, round: 1, floor: 1,
	}
}

// Put says that a connection of this node is there, or is otherwise than it was.
func (k *Keeper) Put(c Connection) {
	c.Node = k.node
	k.mu.Lock()
	k.has[c.ID], k.fresh[c.ID] = c, struct{}{}
	k.metrics.connections.Set(float64(len(k.has)))
	k.mu.Unlock()
	k.wake()
}

// End says that a connection has ended, with its last sign of life at a time; one that was not put is nothing.
func (k *Keeper) End(id string, at time.Time) {
	k.mu.Lock()
	c, there := k.has[id]
	if there {
		delete(k.has, id)
		delete(k.fresh, id)
		k.end(ended{c, at})
		k.metrics.connections.Set(float64(len(k.has)))
	}
	k.mu.Unlock()
	if there {
		k.wake()
	}
}

// end notes what is to be taken away, if there is room. The lock is held.
func (k *Keeper) end(e ended) {
	if len(k.ended) < maxEnded {
		k.ended[e.ID] = e
		return
	}
	k.metrics.dropped.Inc()
}

func (k *Keeper) wake() { signal(k.kick) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is known already
	}
}

// Run keeps them until ctx ends; then it says that the node ends. It waits out outages.
func (k *Keeper) Run(ctx context.Context) {
	var beating sync.WaitGroup
	life := k.firstBeat(ctx)
	beating.Go(func() { k.beat(ctx, life) })
	k.write(ctx)
	beating.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	for k.flush(leaving) == nil && k.waits() {
	}
	if _, err := k.store.Beat(leaving, k.node, k.floor, 0); err != nil {
		k.metrics.failures.WithLabelValues("sign").Inc()
		k.log.Warn("cannot say that this gateway's connections have ended; they have after a while", "for", Lasting, "error", err)
	}
}

// firstBeat gives the first sign: before it nothing that is put counts.
func (k *Keeper) firstBeat(ctx context.Context) string {
	life, err := k.sign(ctx)
	if err != nil && ctx.Err() == nil {
		k.failed("sign", err)
	}
	return life
}

func (k *Keeper) sign(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	k.mu.Lock()
	floor := k.floor
	k.mu.Unlock()
	return k.store.Beat(ctx, k.node, floor, Lasting)
}

// beat gives a sign every so often, and has all put again when something was lost.
func (k *Keeper) beat(ctx context.Context, life string) {
	wait := Every
	if life == "" {
		wait = again
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for failing := false; ; {
		select {
		case <-timer.C:
		case <-k.whole:
		case <-ctx.Done():
			return
		}
		is, err := k.sign(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				k.failed("sign", err)
			}
			failing = true
			timer.Reset(again)
			continue
		case failing:
			k.log.Info("who is connected is told again")
			failing = false
		}
		if is != life && life != "" {
			k.log.Warn("what is kept of who is connected may be lost; all is put again")
			k.metrics.losses.Inc()
			k.begin(true)
		}
		life = is
		timer.Reset(Every)
	}
}

func (k *Keeper) failed(what string, err error) {
	k.metrics.failures.WithLabelValues(what).Inc()
	k.log.Warn("cannot tell who is connected here; it is tried again", "what", what, "error", err)
}

// begin begins a round.
func (k *Keeper) begin(hurry bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.round++
	k.todo, k.began = slices.Collect(maps.Keys(k.has)), time.Now()
	k.part = max(1, min(batch, (len(k.todo)+roundParts-1)/roundParts))
	if hurry {
		k.part = batch
	}
}

// write writes what changes, and rounds little by little, until ctx ends.
func (k *Keeper) write(ctx context.Context) {
	k.mu.Lock()
	k.began = time.Now()
	k.mu.Unlock()
	ticker := time.NewTicker(roundTick)
	defer ticker.Stop()
	var rest time.Time
	for {
		ticked := false
		select {
		case <-k.kick:
		case <-ticker.C:
			ticked = true
		case <-ctx.Done():
			return
		}
		if time.Now().Before(rest) {
			continue
		}
		err := k.flush(ctx)
		if err == nil && ticked {
			err = k.goOn(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			k.failed("connections", err)
			rest = time.Now().Add(again)
		case k.waits():
			k.wake()
		}
	}
}

// waits says whether something is to be written.
func (k *Keeper) waits() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.fresh)+len(k.ended) > 0
}

// flush writes a batch of what changed.
func (k *Keeper) flush(ctx context.Context) error {
	changes := k.take()
	if len(changes) == 0 {
		return nil
	}
	if err := k.put(ctx, changes); err != nil {
		k.giveBack(changes)
		return err
	}
	users := make([]events.UserID, len(changes))
	for i, c := range changes {
		users[i] = c.User
	}
	slices.Sort(users)
	k.changed(ctx, slices.Compact(users))
	return nil
}

func (k *Keeper) put(ctx context.Context, changes []Change) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	return k.store.Write(ctx, changes)
}

// take takes a batch of what is to be written.
func (k *Keeper) take() []Change {
	k.mu.Lock()
	defer k.mu.Unlock()
	var changes []Change
	for id, e := range k.ended {
		if len(changes) == batch {
			return changes
		}
		changes = append(changes, Change{Connection: e.Connection, Round: k.round, Ended: true, Ago: time.Since(e.at)})
		delete(k.ended, id)
	}
	for id := range k.fresh {
		if len(changes) == batch {
			return changes
		}
		changes = append(changes, Change{Connection: k.has[id], Round: k.round})
		delete(k.fresh, id)
	}
	return changes
}

// giveBack has written again what was not written, unless it changed since.
func (k *Keeper) giveBack(changes []Change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range changes {
		if _, there := k.has[c.ID]; there {
			k.fresh[c.ID] = struct{}{}
		} else if _, noted := k.ended[c.ID]; !noted {
			k.end(ended{c.Connection, time.Now().Add(-c.Ago)})
		}
	}
}

// goOn goes on with the round under way, ends it, or begins one when it is time.
func (k *Keeper) goOn(ctx context.Context) error {
	changes, of := k.next()
	if len(changes) > 0 {
		if err := k.put(ctx, changes); err != nil {
			return err
		}
		k.metrics.renewals.Add(float64(len(changes)))
	}
	k.mu.Lock()
	// A loss may have begun another one meanwhile.
	if of == k.round && k.floor != of {
		if k.todo = k.todo[min(k.part, len(k.todo)):]; len(k.todo) == 0 && len(k.fresh) == 0 {
			k.floor = of
			signal(k.whole)
		}
	}
	due := k.floor == k.round && time.Since(k.began) >= RoundEvery
	k.mu.Unlock()
	if due {
		k.begin(false)
	}
	return nil
}

// next gives the next part of the round.
func (k *Keeper) next() ([]Change, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.floor == k.round {
		return nil, k.round
	}
	var changes []Change
	for _, id := range k.todo[:min(k.part, len(k.todo))] {
		if c, there := k.has[id]; there {
			changes = append(changes, Change{Connection: c, Round: k.round})
		}
	}
	return changes, k.round
}
