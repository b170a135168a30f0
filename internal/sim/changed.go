package sim

import (
	"context"
	"errors"
	"fmt"
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

// changes are what was told of a partition of late.
type changes struct {
	last int // how many there ever were: the present place
	kept []change
}

type change struct {
	number  int
	at      time.Time
	changed hot.Changed
}

// engineLife is the view's one and only life.
const engineLife = "one"

// Run implements hot.Store.
func (h *Hot) Run(context.Context) (string, error) { return engineLife, nil }

// Note implements hot.Store.
func (h *Hot) Note(_ context.Context, partition int32, c hot.Changed) error {
	named := hot.NewChanged()
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
	all := h.changes[partition]
	if all == nil {
		all = &changes{}
		h.changes[partition] = all
	}
	now := time.Now()
	all.last++
	all.kept = append(all.kept, change{all.last, now, named})
	for len(all.kept) > maxChanges || now.Sub(all.kept[0].at) > hot.KeepChanged {
		all.kept = all.kept[1:]
	}
	return nil
}

func validPart(p hot.Part) bool {
	return events.ValidName(string(p.Session)) && events.ValidName(string(p.User))
}

// Changed implements hot.View.
func (h *Hot) Changed(_ context.Context, partition int32, after string) (hot.Changed, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := hot.NewChanged()
	all := h.changes[partition]
	if all == nil {
		all = &changes{}
	}
	if after == "" {
		return changed, strconv.Itoa(all.last), nil
	}
	n, err := strconv.Atoi(after)
	if err != nil {
		return changed, "", fmt.Errorf("sim: %q is no place: %w", after, err)
	}
	if n > all.last || n < all.last-len(all.kept) {
		return changed, "", hot.ErrPassed
	}
	some := all.kept[len(all.kept)-(all.last-n):]
	some = some[:min(len(some), changesPage)]
	for _, c := range some {
		changed.Merge(c.changed)
	}
	return changed, strconv.Itoa(n + len(some)), nil
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

// Heads implements hot.View.
func (n netView) Heads(ctx context.Context, sessions []events.SessionID) (heads map[events.SessionID]events.Seq, err error) {
	err = n.call(ctx, "heads", func() (err error) { heads, err = n.hot.Heads(ctx, sessions); return err })
	return heads, err
}
