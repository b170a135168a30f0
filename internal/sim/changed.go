package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Bounds of a partition's changes.
const (
	maxChanges  = 1000
	changesPage = 16
)

// changes are what was told of a partition of late, each under its place. The first there
// ever was is of nothing: who finds it missed nothing.
type changes struct{ kept []change }

type change struct {
	place   int
	at      time.Time
	changed hot.Changed
}

// Run implements hot.Store.
func (h *Hot) Run(context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.life, nil
}

// Note implements hot.Store.
func (h *Hot) Note(_ context.Context, partition int32, c hot.Changed) error {
	named := hot.NewChanged()
	named.All = c.All
	for s, seq := range c.Heads {
		if events.ValidName(string(s)) {
			named.Heads[s] = seq
		}
	}
	for p, m := range c.Markers {
		if validPart(p) {
			named.Markers[p] = m
		}
	}
	for p, seq := range c.Parts {
		if validPart(p) {
			named.Parts[p] = seq
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	all := h.changes[partition]
	if all == nil {
		all = &changes{}
		h.changes[partition] = all
		h.add(all, now, hot.NewChanged())
	}
	// What was last stays however old it is: who was there missed nothing.
	last := all.kept[len(all.kept)-1]
	h.add(all, now, named)
	for len(all.kept) > maxChanges || now.Sub(all.kept[0].at) > hot.KeepChanged && all.kept[0].place < last.place {
		all.kept = all.kept[1:]
	}
	return nil
}

// add adds a change under the next place. The lock is held.
func (h *Hot) add(all *changes, now time.Time, c hot.Changed) {
	h.noted++
	all.kept = append(all.kept, change{h.noted, now, c})
}

func validPart(p hot.Part) bool {
	return events.ValidName(string(p.Session)) && events.ValidName(string(p.User))
}

// Changed implements hot.View.
func (h *Hot) Changed(_ context.Context, partition int32, after string) (hot.Changed, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := hot.NewChanged()
	var kept []change
	if all := h.changes[partition]; all != nil {
		kept = all.kept
	}
	switch {
	case len(kept) == 0 && (after == "" || after == beginning):
		return changed, beginning, nil
	case after == "":
		return changed, strconv.Itoa(kept[len(kept)-1].place), nil
	}
	at := slices.IndexFunc(kept, func(c change) bool {
		return after == strconv.Itoa(c.place) || after == beginning && c.changed.Len() == 0
	})
	if at < 0 {
		return changed, "", hot.ErrPassed
	}
	kept = kept[at:min(len(kept), at+1+changesPage)]
	for _, c := range kept[1:] {
		changed.Merge(c.changed)
	}
	return changed, strconv.Itoa(kept[len(kept)-1].place), nil
}

// beginning is the place before everything.
const beginning = "0"

// Activity implements hot.View.
func (h *Hot) Activity(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]events.Millis, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	times := map[events.SessionID]events.Millis{}
	for _, s := range sessions {
		k, err := h.open(ctx, s)
		if err == nil {
			times[s] = 0
			if m := k.members[u]; m.In() {
				times[s] = k.head.Time
			}
		} else if !errors.Is(err, hot.ErrRebuilding) && !errors.Is(err, hot.ErrNoSession) {
			return nil, err
		}
	}
	return times, nil
}

// Heads implements hot.View.
func (h *Hot) Heads(ctx context.Context, sessions []events.SessionID) (map[events.SessionID]events.Seq, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	heads := map[events.SessionID]events.Seq{}
	for _, s := range sessions {
		k, err := h.open(ctx, s)
		switch {
		case err == nil:
			heads[s] = k.head.Seq
		case !errors.Is(err, hot.ErrRebuilding) && !errors.Is(err, hot.ErrNoSession):
			return nil, err
		}
	}
	return heads, nil
}

// Run implements hot.Store.
func (n netHot) Run(ctx context.Context) (run string, err error) {
	err = n.call(ctx, "life", func() (err error) { run, err = n.hot.Run(ctx); return err })
	return run, err
}

// Note implements hot.Store.
func (n netHot) Note(ctx context.Context, partition int32, c hot.Changed) error {
	return n.call(ctx, fmt.Sprint(partition), func() error { return n.hot.Note(ctx, partition, c) })
}

// Changed implements hot.View.
func (n netView) Changed(ctx context.Context, partition int32, after string) (c hot.Changed, place string, err error) {
	err = n.call(ctx, fmt.Sprint("changes ", partition), func() (err error) { c, place, err = n.hot.Changed(ctx, partition, after); return err })
	return c, place, err
}

// Activity implements hot.View.
func (n netView) Activity(
	ctx context.Context, u events.UserID, sessions []events.SessionID,
) (times map[events.SessionID]events.Millis, err error) {
	err = n.call(ctx, "activity", func() (err error) { times, err = n.hot.Activity(ctx, u, sessions); return err })
	return times, err
}

// Heads implements hot.View.
func (n netView) Heads(ctx context.Context, sessions []events.SessionID) (heads map[events.SessionID]events.Seq, err error) {
	err = n.call(ctx, "heads", func() (err error) {
		heads, err = n.hot.Heads(ctx, slices.DeleteFunc(slices.Clone(sessions), func(s events.SessionID) bool { return n.older(n.hot.partition(s)) }))
		return err
	})
	return heads, err
}
