package quarantine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// lookEvery is how often a building is looked at.
const lookEvery = 50 * time.Millisecond

// fill has the partition's view built anew and says what came of each event.
func (r Retrier) fill(ctx context.Context, partition int32, fills []fill) error {
	opened, err := r.open(ctx, partition)
	if err != nil {
		return fmt.Errorf("quarantine: partition %d: %w", partition, err)
	}
	waiting, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	if err := r.built(waiting, partition, opened); err != nil {
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("quarantine: partition %d: %w", partition, err)
		}
		for _, f := range fills {
			f.report.set(NotBuilt, "the view of partition %d was opened anew and is not built after %v; readers of its sessions get TRY_AGAIN "+
				"until a process with role hot has built it", partition, r.Wait)
		}
		return nil
	}
	for _, f := range fills {
		if err := r.conclude(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// open opens a new view, which the partition's projector notices within its commit
// interval and replaces by one of its own, built from the log.
func (r Retrier) open(ctx context.Context, partition int32) (string, error) {
	for {
		old, err := r.Store.View(ctx, partition)
		if err != nil {
			return "", err
		}
		id := hot.OnSide(r.NewViewID(old.ID), hot.Side(old.ID))
		err = r.Store.SetView(ctx, partition, hot.ViewState{ID: id})
		if errors.Is(err, hot.ErrSuperseded) {
			continue // another opened one meanwhile, perhaps before the record could be read
		}
		return id, err
	}
}

// built waits until a view after opened is whole.
func (r Retrier) built(ctx context.Context, partition int32, opened string) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		v, err := r.Store.View(ctx, partition)
		if err != nil {
			return err
		}
		if v.ID > opened && v.Whole && !v.Lost {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r Retrier) conclude(ctx context.Context, f fill) error {
	accepted, _ := f.outcome.Result.(events.Accepted)
	head, err := r.View.Person(ctx, f.outcome.Session, f.outcome.Actor.User)
	if err != nil && !errors.Is(err, hot.ErrNoSession) && !errors.Is(err, hot.ErrRebuilding) {
		return fmt.Errorf("quarantine: %w", err)
	}
	has, hasErr := r.has(ctx, f.outcome.Session, accepted.Seq)
	switch {
	case hasErr != nil:
		return hasErr
	case has:
		f.report.set(Filled, "the view has the event at seq %d of %s", accepted.Seq, f.outcome.Session)
	case err == nil && accepted.Seq < head.Head.WindowStart:
		f.report.set(Rebuilt, "the view was built anew; the event (%s, seq %d of %s) is not one that it shows by itself, so it has it only if "+
			"the projector is of this program's version", accepted.Event.Name(), accepted.Seq, f.outcome.Session)
	default:
		f.report.set(StillAHole, "the view was built anew without the event (seq %d of %s): the projector is of an older version than "+
			"this program; start the newer one with role hot and try again", accepted.Seq, f.outcome.Session)
	}
	return nil
}
