package redis

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

var _ hot.Store = (*Redis)(nil)

// View implements hot.Store.
func (r *Redis) View(ctx context.Context, partition int32) (hot.ViewState, error) {
	v, err := r.client.HMGet(ctx, r.viewKey(partition), viewFields...).Result()
	if err != nil {
		return hot.ViewState{}, fmt.Errorf("redis: %w", err)
	}
	return viewState(v)
}

// viewFields are those of a partition's view.
var viewFields = []string{"id", "whole", "lost", "run", "reached"}

func viewState(v []any) (hot.ViewState, error) {
	id, _ := v[0].(string)
	whole, _ := v[1].(string)
	lost, _ := v[2].(string)
	run, _ := v[3].(string)
	state := hot.ViewState{ID: id, Whole: whole == "1", Lost: lost != "", Run: run}
	reached, ok := v[4].(string)
	if !ok {
		return state, nil
	}
	var err error
	if state.Reached, err = strconv.ParseInt(reached, 10, 64); err != nil {
		return hot.ViewState{}, fmt.Errorf("redis: a view reaches up to %q: %w", reached, err)
	}
	return state, nil
}

// SetView implements hot.Store.
func (r *Redis) SetView(ctx context.Context, partition int32, v hot.ViewState) error {
	args := []any{v.ID, "0"}
	if v.Whole {
		args = []any{v.ID, "1", v.Run, v.Reached}
	}
	answer, err := r.scripts.view.Run(ctx, r.client, []string{r.viewKey(partition)}, args...).Text()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return verdict(answer)
}

// verdict is what a writing script's answer means.
func verdict(answer any) error {
	switch answer {
	case "OK":
		return nil
	case "GAP":
		return hot.ErrGap
	case "SUPERSEDED":
		return hot.ErrSuperseded
	case "MOVED":
		return hot.ErrMoved
	}
	return fmt.Errorf("redis: unexpected answer %v", answer)
}

// Bounds of one script call, so that Redis answers others in between.
const (
	maxCallChanges = 200
	maxCallPeople  = 1001 // one event of the greatest size there is
	maxCallBytes   = 1 << 20
)

// laneChanges is from how many changes on a lane of its own pays.
const laneChanges = 128

// Apply implements hot.Store. A few changes go together with those of other partitions;
// many are spread over connections, each a pipeline, so that calls for one session stay
// in order.
func (r *Redis) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	changes := 0
	for i := range sessions {
		changes += len(sessions[i].Changes)
	}
	lanes := r.lanes(sessions, min(1+changes/laneChanges, r.opts.Connections))
	var group errgroup.Group
	broken := make([][]events.SessionID, len(lanes))
	for n, lane := range lanes {
		apply := func() (err error) {
			broken[n], err = r.applyLane(ctx, view, lane, changes < laneChanges)
			return err
		}
		if len(lanes) == 1 {
			if err := apply(); err != nil {
				return err
			}
			break
		}
		group.Go(apply)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if all := slices.Concat(broken...); len(all) > 0 {
		return &hot.BrokenError{Sessions: all}
	}
	return nil
}

// lanes spreads sessions, each on one lane.
func (r *Redis) lanes(sessions []hot.SessionChanges, n int) [][]hot.SessionChanges {
	if n == 1 {
		return [][]hot.SessionChanges{sessions}
	}
	lanes := make([][]hot.SessionChanges, n)
	for _, s := range sessions {
		h := fnv.New32a()
		_, _ = h.Write([]byte(s.Session)) // never fails
		k := h.Sum32() % uint32(n)
		lanes[k] = append(lanes[k], s)
	}
	return lanes
}

// applyLane gives the sessions that were put aside.
func (r *Redis) applyLane(ctx context.Context, view string, lane []hot.SessionChanges, small bool) ([]events.SessionID, error) {
	var calls []*redis.Cmd
	var of []events.SessionID
	fill := func(pipe redis.Pipeliner) {
		for _, s := range lane {
			keys := make([]string, len(sessionParts))
			for i, part := range sessionParts {
				keys[i] = r.sessionKey(s.Session, part)
			}
			for rest := s.Changes; len(rest) > 0; {
				n := callSize(rest)
				calls = append(calls, r.scripts.apply.EvalSha(ctx, pipe, keys, r.arguments(view, s.Building, rest[:n])...))
				of = append(of, s.Session)
				rest = rest[n:]
			}
		}
	}
	var err error
	if small {
		err = r.applies.exec(ctx, fill)
	} else {
		pipe := r.client.Pipeline()
		fill(pipe)
		err = execute(ctx, pipe)
	}
	if err != nil {
		return nil, fmt.Errorf("redis: apply: %w", err)
	}
	var broken []events.SessionID
	for i, c := range calls {
		switch err := c.Err(); {
		case isUnknownScript(err):
			return nil, errors.Join(fmt.Errorf("redis: apply: %w", err), r.loadScripts(ctx))
		case err != nil:
			return nil, fmt.Errorf("redis: apply: %w", err)
		}
		if c.Val() == "BROKEN" {
			broken = append(broken, of[i])
			continue
		}
		if err := verdict(c.Val()); err != nil {
			return nil, err
		}
	}
	return broken, nil
}

// sessionParts are the keys of apply.lua, in its order.
var sessionParts = []string{"head", "window", "states", "members", "roster", "gone"}

// callSize is how many changes fit the next call; at least one.
func callSize(changes []hot.Change) int {
	people, bytes := 0, 0
	for i := range changes {
		people += len(changes[i].In) + len(changes[i].Out)
		bytes += len(changes[i].Value)
		if i > 0 && (i >= maxCallChanges || people > maxCallPeople || bytes > maxCallBytes) {
			return i
		}
	}
	return len(changes)
}

// arguments lays changes out as apply.lua reads them.
func (r *Redis) arguments(view string, building bool, changes []hot.Change) []any {
	args := make([]any, 0, 4+8*len(changes))
	args = append(args, view, r.opts.Window, events.MaxStays, building)
	for i := range changes {
		c := &changes[i]
		if c.Hole {
			args = append(args, "H", c.Offset)
			continue
		}
		if c.Seq == 0 {
			args = append(args, "M", string(c.Reader), decimal(c.Marker), decimal(c.MarkerIndex))
			continue
		}
		if c.Index != 0 {
			args = append(args, "S", decimal(c.Seq), decimal(c.Seq-1), c.Value, string(c.Sender), decimal(c.Index))
			continue
		}
		kind := "E"
		if c.Created != nil {
			kind = "C"
		}
		target, targetIndex, closed := "", "", "0"
		if c.Became != hot.BecameNothing {
			target, targetIndex = decimal(c.Target), decimal(c.TargetIndex)
		}
		if c.Closed {
			closed = "1"
		}
		args = append(args, kind, decimal(c.Seq), decimal(c.Seq-1), c.Value,
			string(c.Became), target, targetIndex, string(c.Promoted), closed, len(c.In))
		for _, m := range c.In {
			args = append(args, string(m.User), int(m.Role))
		}
		args = append(args, len(c.Out))
		for _, u := range c.Out {
			args = append(args, string(u))
		}
		if c.Created != nil {
			args = append(args, int(c.Created.Kind), c.Created.Title, decimal(c.Created.Base), encodePolicy(c.Created.Policy))
		}
	}
	return args
}

func decimal[N ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }

// AddSessions implements hot.Store. Entries are never taken out: who was in a session
// may still read of their stays.
func (r *Redis) AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error {
	pipe := r.client.Pipeline()
	for u, sessions := range users {
		entries := make([]redis.Z, len(sessions))
		for i, s := range sessions {
			entries[i] = redis.Z{Member: string(s)}
		}
		pipe.ZAdd(ctx, r.userKey(u), entries...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: users' sessions: %w", err)
	}
	return nil
}
