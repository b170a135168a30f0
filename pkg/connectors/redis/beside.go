package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// rebuildFields are what a partition's view says of being built anew.
var rebuildFields = []string{"asked", "session", "beside", "beside_run", "beside_at", "goal", "from", "left", "done", "said"}

// Rebuild implements hot.Store.
func (r *Redis) Rebuild(ctx context.Context, partition int32) (hot.Rebuild, error) {
	got, err := r.client.HMGet(ctx, r.viewKey(partition), rebuildFields...).Result()
	if err != nil {
		return hot.Rebuild{}, fmt.Errorf("redis: %w", err)
	}
	v := texts(got)
	b := hot.Rebuild{
		Asked: v[0], Session: events.SessionID(v[1]), Beside: v[2], Run: v[3], From: v[6], Left: v[7], Done: v[8], Said: v[9],
		Reached: events.Start(),
	}
	if v[4] != "" {
		if b.Reached, err = events.ParseProgress(v[4]); err != nil {
			return hot.Rebuild{}, fmt.Errorf("redis: %w", err)
		}
	}
	if v[5] != "" {
		if b.Goal, err = strconv.ParseInt(v[5], 10, 64); err != nil {
			return hot.Rebuild{}, fmt.Errorf("redis: a rebuild's goal is %q: %w", v[5], err)
		}
	}
	return b, nil
}

// Promise implements hot.Store.
func (r *Redis) Promise(ctx context.Context, partition int32, view string, below int64) error {
	return r.decide(ctx, r.scripts.promise, []string{r.viewKey(partition)}, view, below)
}

// Ask implements hot.Store.
func (r *Redis) Ask(ctx context.Context, partition int32, request string, s events.SessionID) (string, error) {
	got, err := r.scripts.ask.Run(ctx, r.client, []string{r.viewKey(partition)}, request, string(s)).StringSlice()
	switch {
	case err != nil:
		return "", fmt.Errorf("redis: %w", err)
	case len(got) == 2 && got[0] == "OK":
		return got[1], nil
	case len(got) == 1 && got[0] == "BUSY":
		return "", hot.ErrBusy
	case len(got) == 1 && got[0] == "BUILDING":
		return "", hot.ErrRebuilding
	}
	return "", fmt.Errorf("redis: unexpected answer %v", got)
}

// Advance implements hot.Store.
func (r *Redis) Advance(ctx context.Context, partition int32, view string, b hot.Rebuild) error {
	return r.decide(ctx, r.scripts.beside, []string{r.viewKey(partition)}, view, b.Beside, b.Run, b.Reached.String(), b.Goal, b.Asked)
}

// decide runs a writing script on some keys.
func (r *Redis) decide(ctx context.Context, script *redis.Script, keys []string, args ...any) error {
	answer, err := script.Run(ctx, r.client, keys, args...).Text()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return verdict(answer)
}

// Lease implements hot.Store.
func (r *Redis) Lease(ctx context.Context, partition int32, s events.SessionID, ahead time.Duration) (time.Time, error) {
	key := r.viewKey(partition)
	if s != "" {
		key = r.sessionKey("", s, "head")
	}
	now, err := r.scripts.now.Run(ctx, r.client, []string{key}).Int64()
	if err != nil {
		return time.Time{}, fmt.Errorf("redis: clock: %w", err)
	}
	return time.UnixMilli(now).Add(ahead), nil
}

// Swap implements hot.Store.
func (r *Redis) Swap(ctx context.Context, partition int32, view string, next hot.ViewState, lease time.Time) error {
	return r.decide(ctx, r.scripts.swap, []string{r.viewKey(partition)}, view, next.ID, wholeOn(next.ID), next.Run, next.Reached, lease.UnixMilli())
}

// SwapSession implements hot.Store.
func (r *Redis) SwapSession(ctx context.Context, view string, s events.SessionID, lease time.Time) error {
	keys := append(r.sessionKeys(view, s), r.sessionKeys(hot.Staged(view), s)...)
	return r.decide(ctx, r.scripts.swapSession, keys, view, hot.Staged(view), lease.UnixMilli())
}

// Conclude implements hot.Store.
func (r *Redis) Conclude(ctx context.Context, partition int32, request, said string) error {
	return r.decide(ctx, r.scripts.conclude, []string{r.viewKey(partition)}, request, said)
}

// Removed implements hot.Store.
func (r *Redis) Removed(ctx context.Context, partition int32, upTo string) error {
	return r.decide(ctx, r.scripts.removed, []string{r.viewKey(partition)}, upTo)
}

// Remove implements hot.Store.
func (r *Redis) Remove(ctx context.Context, upTo string, sessions []events.SessionID) error {
	for len(sessions) > 0 {
		n := min(len(sessions), maxPipeCalls)
		pipe := r.client.Pipeline()
		for _, s := range sessions[:n] {
			r.scripts.remove.EvalSha(ctx, pipe, r.sessionKeys(upTo, s), upTo)
		}
		_, err := pipe.Exec(ctx)
		if isUnknownScript(err) {
			if err := r.loadScripts(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("redis: remove: %w", err)
		}
		sessions = sessions[n:]
	}
	return nil
}

// wholeOn is how a view of an id is said to be whole. A program that does not know of sides takes one on the second for one that is
// not whole, and builds it anew on the first.
func wholeOn(id string) string {
	if hot.Side(id) == "" {
		return "1"
	}
	return "2"
}
