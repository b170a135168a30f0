package hot

import (
	"context"
	"errors"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// renewal builds one session anew beside what the view has of it, and swaps the two in one step. It is little work, so who is killed begins again.
type renewal struct {
	w       *worker
	view    string
	session events.SessionID
	request string
	source  *source
	applied int
	broken  bool
}

func (r *renewal) run(ctx context.Context) error {
	w := r.w
	if r.source == nil {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	for until := w.at.Load(); !r.source.Reached(until - nearEnough); until = w.at.Load() {
		if err := r.step(ctx, until, w.opts.MaxRound); err != nil {
			return err
		}
	}
	return nil
}

// begin removes what somebody left, and opens the log.
func (r *renewal) begin(ctx context.Context) error {
	w := r.w
	w.log.Info("building a session beside itself", "session", r.session, "request", r.request)
	if err := w.opts.Store.Remove(ctx, AnyStaged, []events.SessionID{r.session}); err != nil {
		return err
	}
	r.source = &source{Reading: eventlog.NewReading(w.opts.Log, w.partition, events.Start()), only: r.session}
	return nil
}

// step reads on and applies what there is of the session.
func (r *renewal) step(ctx context.Context, until int64, most int) error {
	store := r.w.opts.Store
	p, err := r.source.gather(ctx, until, most)
	if trimmed(err) {
		return errors.Join(err, r.conclude(SaidTrimmed))
	}
	if err != nil {
		return err
	}
	if len(p.sessions) > 0 {
		err := store.Apply(ctx, Staged(r.view), p.sessions)
		if _, is := errors.AsType[*BrokenError](err); is {
			r.broken, err = true, nil
		}
		if err != nil {
			return err
		}
		r.applied += len(p.sessions[0].Changes)
	}
	return store.Advance(ctx, r.w.partition, r.view, Rebuild{
		Asked: r.request, Beside: Staged(r.view), Run: r.w.life, Reached: r.source.Progress(), Goal: until,
	})
}

func (r *renewal) conclude(said string) error {
	return r.w.opts.Store.Conclude(r.w.ctx, r.w.partition, r.request, said)
}

func (r *renewal) finish() error {
	w := r.w
	ctx, cancel := context.WithTimeout(w.ctx, leaseTime)
	defer cancel()
	if err := r.step(ctx, w.applied.Offset, 2*nearEnough); err != nil {
		return err
	}
	switch {
	case !r.source.Reached(w.applied.Offset):
		return errNotNow
	case r.applied == 0:
		return r.conclude(SaidNoSession)
	case r.broken:
		return errors.Join(w.opts.Store.Remove(ctx, AnyStaged, []events.SessionID{r.session}), r.conclude(SaidBroken))
	}
	err := w.leased(func() (time.Time, error) { return w.opts.Store.Lease(w.ctx, w.partition, r.session, leaseTime) },
		func(lease time.Time) error { return w.opts.Store.SwapSession(w.ctx, r.view, r.session, lease) })
	if err != nil {
		return err
	}
	w.log.Info("a session was swapped for the one built beside it", "session", r.session)
	return r.conclude(SaidSwapped)
}

func (r *renewal) give() {
	if r.source != nil {
		r.source.Close()
		r.source = nil
	}
}
