package sim

import (
	"context"
	"sync"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// swappedEarly is a projector that swaps before what it built has come up to what is read.
type swappedEarly struct {
	hot.Store
	*beside
}

// beside are the ids that are being built.
type beside struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (s swappedEarly) Advance(ctx context.Context, partition int32, view string, r hot.Rebuild) error {
	s.mu.Lock()
	s.ids[r.Beside] = true
	s.mu.Unlock()
	return s.Store.Advance(ctx, partition, view, r)
}

func (s swappedEarly) Swap(ctx context.Context, partition int32, view string, next hot.ViewState, lease time.Time) error {
	err := s.Store.Swap(ctx, partition, view, next, lease)
	if err == nil {
		s.mu.Lock()
		delete(s.ids, next.ID)
		s.mu.Unlock()
	}
	return err
}

func (s swappedEarly) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	s.mu.Lock()
	built := s.ids[view]
	s.mu.Unlock()
	if built {
		for i := range sessions {
			n := len(sessions[i].Changes)
			sessions[i].Changes = sessions[i].Changes[:max(1, n-1)]
		}
	}
	return s.Store.Apply(ctx, view, sessions)
}

// oldSideKept is a projector that goes on writing what is read no more after a swap.
type oldSideKept struct {
	hot.Store
	*former
}

// former are the views that others took the place of.
type former struct {
	mu  sync.Mutex
	ids map[string]string
}

func (s oldSideKept) Swap(ctx context.Context, partition int32, view string, next hot.ViewState, lease time.Time) error {
	err := s.Store.Swap(ctx, partition, view, next, lease)
	if err == nil {
		s.mu.Lock()
		s.ids[next.ID] = view
		s.mu.Unlock()
	}
	return err
}

func (s oldSideKept) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	s.mu.Lock()
	old := s.ids[view]
	s.mu.Unlock() // who waits for a mutex keeps synctest's time from passing
	if old != "" {
		view = old
	}
	return s.Store.Apply(ctx, view, sessions)
}

func (oldSideKept) Remove(context.Context, string, []events.SessionID) error { return nil }

// unpromised is a projector that tells what it wrote, whatever is read by now.
type unpromised struct{ hot.Store }

func (unpromised) Promise(context.Context, int32, string, int64) error { return nil }

// zombies has processes stand still while views are rebuilt.
func zombies(o *odds) {
	o.flush, o.damage, o.older, o.crash, o.rebuild, o.every = 0, 0, 0, 5, 100, 1500
	o.freeze, o.cutLog, o.cutStore = 30, 0, 0
}

// quiet lets nothing happen to the store but that it is rebuilt.
func quiet(o *odds) {
	o.flush, o.damage, o.older, o.crash, o.rebuild, o.every = 0, 0, 0, 0, 100, 1500
}

var rebuildPlants = map[string]Plant{
	"swap before caught up": {
		Store: func(s hot.Store, _ hot.Notifier) hot.Store { return swappedEarly{s, &beside{ids: map[string]bool{}}} }, Odds: quiet,
	},
	"told, and not promised before": {
		Store: func(s hot.Store, _ hot.Notifier) hot.Store { return unpromised{s} }, Odds: zombies,
	},
	"old side written after the swap": {
		Store: func(s hot.Store, _ hot.Notifier) hot.Store { return oldSideKept{s, &former{ids: map[string]string{}}} }, Odds: quiet,
	},
}
