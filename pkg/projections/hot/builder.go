package hot

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// builder builds a view beside the one that is read, from the log's start, and swaps them when it has come up to it. It is taken up
// again from what the store says of it: so whatever fails, or whoever is killed, costs no more than what was not noted yet.
type builder struct {
	w       *worker
	request string
	view    string
	life    string
	source  *source
	// reached is how far the store says that it is, since noted.
	reached events.Progress
	noted   time.Time
	// broken counts sessions that were put aside.
	broken int
}

// newBuilder goes on with what is begun, or begins under an id of its own.
func newBuilder(w *worker, r Rebuild) *builder {
	b := &builder{w: w, request: r.Asked, view: r.Beside, life: r.Run, reached: r.Reached}
	if b.view == "" || b.life != w.life || w.besideLost.Swap(false) {
		b.view = OnSide(w.opts.NewViewID(max(w.view, r.Beside, r.Left, w.besideView)), Other(w.view))
		b.life, b.reached = w.life, events.Start()
	}
	w.besideView, w.left = b.view, ""
	return b
}

// nearEnough is by how many records what is built may be behind when the worker pauses for the rest.
const nearEnough = 2000

func (b *builder) run(ctx context.Context) error {
	w := b.w
	select {
	case w.projector.building <- struct{}{}:
		defer func() { <-w.projector.building }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.source == nil {
		if err := b.open(ctx); err != nil {
			return err
		}
	}
	var under chan error
	land := func() error {
		if under == nil {
			return nil
		}
		err := <-under
		under = nil
		return err
	}
	for until := w.at.Load(); !b.source.Reached(until-nearEnough) || under != nil; until = w.at.Load() {
		p, err := b.source.gather(ctx, until, w.opts.MaxRound)
		if landed := land(); err == nil {
			err = landed
		}
		if err == nil && b.source.Reached(until) {
			err = b.write(ctx, p)
		} else if err == nil {
			under = b.launch(ctx, p)
		}
		if err != nil {
			return b.failed(errors.Join(err, land()))
		}
	}
	return nil
}

// open begins, or goes on after what was noted.
func (b *builder) open(ctx context.Context) error {
	w := b.w
	w.log.Info("building the view beside itself", "view", b.view, "from", b.reached.Offset, "request", b.request)
	b.source = &source{Reading: eventlog.NewReading(w.opts.Log, w.partition, b.reached)}
	return b.failed(b.note(ctx, b.reached))
}

// launch writes a plan while the next is made, and notes then how far all is written.
func (b *builder) launch(ctx context.Context, p *plan) chan error {
	done, reaches := make(chan error, 1), b.source.Progress()
	go func() {
		err := b.apply(ctx, p)
		if err == nil && time.Since(b.noted) >= b.w.opts.CommitEvery {
			err = b.note(ctx, reaches)
		}
		done <- err
	}()
	return done
}

func (b *builder) write(ctx context.Context, p *plan) error {
	if err := b.apply(ctx, p); err != nil {
		return err
	}
	return b.note(ctx, b.source.Progress())
}

// note has the store know how far it is: whoever goes on begins there. It is an error when the view that is read, or the engine, is no longer as it was.
func (b *builder) note(ctx context.Context, reaches events.Progress) error {
	run, err := b.w.opts.Store.Run(ctx)
	if err != nil {
		return err
	}
	if run != b.life {
		return ErrMoved
	}
	b.noted, b.reached = time.Now(), reaches
	return b.w.opts.Store.Advance(ctx, b.w.partition, b.w.view, Rebuild{Asked: b.request, Beside: b.view, Run: b.life, Reached: reaches, Goal: b.w.at.Load()})
}

// sliceChanges is about how many changes are written at once while there is live work, which waits no longer than for these; as long as there
// is none, twice as many each time, up to maxSlice.
const (
	sliceChanges = 1000
	maxSlice     = 32 * sliceChanges
)

// maxRest bounds a rest between two slices.
const maxRest = 100 * time.Millisecond

// apply writes a plan in slices. When the worker has written something during one, it rests as long as that took: so live work keeps
// half of the store at least.
func (b *builder) apply(ctx context.Context, p *plan) error {
	store := b.w.opts.Store
	if users := othersOnly(p.users); len(users) > 0 {
		if err := store.AddSessions(ctx, users); err != nil {
			return err
		}
	}
	if len(p.registered) > 0 {
		if err := store.AddHolders(ctx, p.registered); err != nil {
			return err
		}
	}
	slice := sliceChanges
	for rest := p.sessions; len(rest) > 0; {
		n := 0
		for changes := 0; n < len(rest) && changes < slice; n++ {
			changes += len(rest[n].Changes)
		}
		began, live := time.Now(), b.w.rounds.Load()
		if err := b.sure(ctx, store.Apply(ctx, b.view, rest[:n])); err != nil {
			return err
		}
		rest, slice = rest[n:], min(2*slice, maxSlice)
		if b.w.rounds.Load() != live {
			slice = sliceChanges
			pause(ctx, min(time.Since(began), maxRest))
		}
	}
	return ctx.Err()
}

// sure passes over sessions that the log itself leaves broken, if the store is still the one that all was written to.
func (b *builder) sure(ctx context.Context, err error) error {
	broken, is := errors.AsType[*BrokenError](err)
	if !is {
		return err
	}
	if err := b.note(ctx, b.reached); err != nil {
		return err
	}
	b.broken += len(broken.Sessions)
	b.w.opts.Metrics.broken.Add(float64(len(broken.Sessions)))
	b.w.log.Error("sessions put aside in the view that is built", "sessions", broken.Sessions, "error", broken)
	return nil
}

// othersOnly leaves out users' own sessions. The list of a user is kept for all partitions together, and one that lacks the user's own
// session is known to be lost: putting that back alone would hide what else it lacks.
func othersOnly(users map[events.UserID][]events.SessionID) map[events.UserID][]events.SessionID {
	out := maps.Clone(users)
	for u, sessions := range out {
		own := events.NewSelfID(u)
		sessions = slices.DeleteFunc(slices.Clone(sessions), func(s events.SessionID) bool { return s == own })
		if out[u] = sessions; len(sessions) == 0 {
			delete(out, u)
		}
	}
	return out
}

// failed is an error with what follows from it: what is built under an id that is no longer good is begun under a new one.
func (b *builder) failed(err error) error {
	switch {
	case err == nil:
	case errors.Is(err, ErrGap), errors.Is(err, ErrSuperseded), errors.Is(err, ErrMoved):
		b.w.besideLost.Store(true)
	case trimmed(err):
		return errors.Join(err, b.w.opts.Store.Conclude(b.w.ctx, b.w.partition, b.request, SaidTrimmed))
	}
	return err
}

// finish brings what is built up to where the worker stands, and swaps.
func (b *builder) finish() error {
	w := b.w
	ctx, cancel := context.WithTimeout(w.ctx, leaseTime)
	defer cancel()
	p, err := b.source.gather(ctx, w.applied.Offset, 2*nearEnough)
	if err == nil {
		err = b.write(ctx, p)
	}
	switch {
	case err != nil:
		return b.failed(err)
	case !b.source.Reached(w.applied.Offset):
		return errNotNow
	}
	next := ViewState{ID: b.view, Whole: true, Run: w.life, Reached: w.applied.Offset}
	err = w.leased(func() (time.Time, error) { return w.opts.Store.Lease(w.ctx, w.partition, "", leaseTime) },
		func(lease time.Time) error { return w.opts.Store.Swap(w.ctx, w.partition, w.view, next, lease) })
	if err != nil {
		return b.failed(err)
	}
	w.opts.Metrics.rebuilds.WithLabelValues("asked").Inc()
	w.log.Info("the view was swapped for the one built beside it", "view", b.view, "before", w.view, "offset", next.Reached, "put_aside", b.broken)
	w.left, w.view, w.reached, w.besideView = w.view, b.view, next.Reached, ""
	// A copy may be from the middle of the building.
	w.older, w.younger, w.youngerAt = events.Start(), events.Start(), time.Now()
	return nil
}

func (b *builder) give() {
	if b.source != nil {
		b.source.Close()
		b.source = nil
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
