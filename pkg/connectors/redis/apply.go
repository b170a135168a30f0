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
	state := hot.ViewState{ID: id, Whole: whole != "" && whole != "0", Lost: lost != "", Run: run}
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
		args = []any{v.ID, wholeOn(v.ID), v.Run, v.Reached}
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
	case "LATE":
		return hot.ErrLate
	case "BEHIND":
		return hot.ErrBehind
	}
	return fmt.Errorf("redis: unexpected answer %v", answer)
}

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

// Bounds of one pipeline, so that its answers come long before its time is up.
const (
	maxPipeCalls = 500
	maxPipeBytes = 1 << 20
)

// applyLane gives the sessions that were put aside.
func (r *Redis) applyLane(ctx context.Context, view string, lane []hot.SessionChanges, small bool) ([]events.SessionID, error) {
	if small {
		var calls calls
		if err := r.applies.exec(ctx, func(pipe redis.Pipeliner) {
			for i := range lane {
				for c := range r.callsFor(view, &lane[i]) {
					calls.add(ctx, pipe, r, c)
				}
			}
		}); err != nil {
			return nil, fmt.Errorf("redis: apply: %w", err)
		}
		return calls.broken(ctx, r)
	}
	var broken []events.SessionID
	pipe, sent := r.client.Pipeline(), calls{}
	flush := func() error {
		if err := execute(ctx, pipe); err != nil {
			return fmt.Errorf("redis: apply: %w", err)
		}
		some, err := sent.broken(ctx, r)
		broken, sent = append(broken, some...), calls{}
		return err
	}
	for i := range lane {
		for c := range r.callsFor(view, &lane[i]) {
			sent.add(ctx, pipe, r, c)
			if len(sent.cmds) < maxPipeCalls && sent.bytes < maxPipeBytes {
				continue
			}
			if err := flush(); err != nil {
				return broken, err
			}
		}
	}
	return broken, flush()
}

// calls are those of a pipeline, with the sessions they are for.
type calls struct {
	cmds  []*redis.Cmd
	of    []events.SessionID
	bytes int
}

func (c *calls) add(ctx context.Context, pipe redis.Pipeliner, r *Redis, one call) {
	c.cmds = append(c.cmds, r.scripts.apply.EvalSha(ctx, pipe, one.keys, one.args...))
	c.of = append(c.of, one.session)
	c.bytes += one.bytes
}

// broken gives the sessions that were put aside; the calls were answered.
func (c *calls) broken(ctx context.Context, r *Redis) ([]events.SessionID, error) {
	var broken []events.SessionID
	for i, cmd := range c.cmds {
		switch err := cmd.Err(); {
		case isUnknownScript(err):
			return nil, errors.Join(fmt.Errorf("redis: apply: %w", err), r.loadScripts(ctx))
		case err != nil:
			return nil, fmt.Errorf("redis: apply: %w", err)
		}
		if cmd.Val() == "BROKEN" {
			broken = append(broken, c.of[i])
			continue
		}
		if err := verdict(cmd.Val()); err != nil {
			return nil, err
		}
	}
	return broken, nil
}

// maxPipeUsers bounds the users of one pipeline, maxListed the sessions of one call.
const (
	maxPipeUsers = 1000
	maxListed    = 1000
)

// AddSessions implements hot.Store. Entries are never taken out: who was in a session
// may still read of their stays.
func (r *Redis) AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error {
	var group errgroup.Group
	group.SetLimit(r.opts.Connections)
	send := func(pipe redis.Pipeliner) {
		group.Go(func() error {
			_, err := pipe.Exec(ctx)
			return err
		})
	}
	pipe := r.client.Pipeline()
	for u, sessions := range users {
		for some := range slices.Chunk(sessions, maxListed) {
			entries := make([]any, 0, 2*len(some))
			for _, s := range some {
				entries = append(entries, "0", string(s))
			}
			r.scripts.list.EvalSha(ctx, pipe, r.listKeys(u), entries...)
		}
		if pipe.Len() >= maxPipeUsers {
			send(pipe)
			pipe = r.client.Pipeline()
		}
	}
	if pipe.Len() > 0 {
		send(pipe)
	}
	err := group.Wait()
	switch {
	case isUnknownScript(err):
		return errors.Join(fmt.Errorf("redis: users' sessions: %w", err), r.loadScripts(ctx))
	case err != nil:
		return fmt.Errorf("redis: users' sessions: %w", err)
	}
	return nil
}
