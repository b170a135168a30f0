package sim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// tokenHolder is a user's device.
type tokenHolder struct {
	user   events.UserID
	device string
}

// AddHolders implements hot.Store.
func (h *Hot) AddHolders(_ context.Context, all []hot.Registration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range all {
		key := hot.TokenKey(r.Push)
		if h.holders[key] == nil {
			h.holders[key] = map[tokenHolder]events.Millis{}
		}
		who := tokenHolder{r.User, r.Device}
		h.holders[key][who] = max(h.holders[key][who], r.Since)
		for _, surplus := range h.holdersOf(key)[min(len(h.holders[key]), hot.MaxHolders):] {
			delete(h.holders[key], tokenHolder{surplus.User, surplus.Device})
		}
	}
	return nil
}

// holdersOf gives a token's, the newest first. The lock is held.
func (h *Hot) holdersOf(key string) (all []hot.Holder) {
	for who, since := range h.holders[key] {
		all = append(all, hot.Holder{User: who.user, Device: who.device, Since: since})
	}
	hot.SortHolders(all)
	return all
}

// Holders implements hot.View.
func (h *Hot) Holders(ctx context.Context, tokens []events.PushToken) ([][]hot.Holder, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.allWhole(ctx); err != nil {
		return nil, err
	}
	holders := make([][]hot.Holder, len(tokens))
	for i, t := range tokens {
		holders[i] = h.holdersOf(hot.TokenKey(t))
	}
	return holders, nil
}

// Reach implements hot.View.
func (h *Hot) Reach(ctx context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]hot.Reach, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	reach := map[events.UserID]hot.Reach{}
	for _, u := range users {
		k, err := h.open(ctx, events.NewSelfID(u))
		if errors.Is(err, hot.ErrNoSession) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var values, traits []string
		for _, field := range hot.ReachFields(s) {
			values = append(values, k.facts[field])
		}
		for _, field := range slices.Sorted(maps.Keys(k.facts)) {
			if strings.HasPrefix(field, hot.DeviceTraits) {
				traits = append(traits, field, k.facts[field])
			}
		}
		r, err := hot.ParseReach(values, traits)
		if err != nil {
			return nil, err
		}
		r.Closed = k.head.Closed
		reach[u] = r
	}
	return reach, nil
}

// AddHolders implements hot.Store.
func (n netHot) AddHolders(ctx context.Context, all []hot.Registration) error {
	return n.call(ctx, n.ofPartition(events.NewSelfID(all[0].User)), func() error { return n.hot.AddHolders(ctx, all) })
}

// Reach implements hot.View.
func (n netView) Reach(ctx context.Context, s events.SessionID, users []events.UserID) (reach map[events.UserID]hot.Reach, err error) {
	err = n.call(ctx, "reach", func() (err error) {
		for _, u := range users {
			if n.older(n.hot.partition(events.NewSelfID(u))) {
				return hot.ErrRebuilding
			}
		}
		reach, err = n.hot.Reach(ctx, s, users)
		return err
	})
	return reach, err
}

// Holders implements hot.View.
func (n netView) Holders(ctx context.Context, tokens []events.PushToken) (holders [][]hot.Holder, err error) {
	err = n.call(ctx, "holders", func() (err error) {
		for p := range n.hot.partitions {
			if n.older(p) {
				return hot.ErrRebuilding
			}
		}
		holders, err = n.hot.Holders(ctx, tokens)
		return err
	})
	return holders, err
}
