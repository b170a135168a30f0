package redis

import (
	"context"
	"fmt"
	"hash/fnv"
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
	return viewState(v), nil
}

// viewFields are those of a partition's view.
var viewFields = []string{"id", "whole", "lost"}

func viewState(v []any) hot.ViewState {
	id, _ := v[0].(string)
	whole, _ := v[1].(string)
	lost, _ := v[2].(string)
	return hot.ViewState{ID: id, Whole: whole == "1", Lost: lost != ""}
}

// SetView implements hot.Store.
func (r *Redis) SetView(ctx context.Context, partition int32, v hot.ViewState) error {
	whole := "0"
	if v.Whole {
		whole = "1"
	}
	pipe := r.client.TxPipeline()
	pipe.HSet(ctx, r.viewKey(partition), "id", v.ID, "whole", whole)
	if !v.Whole {
		// A new building makes good whatever was lost.
		pipe.HDel(ctx, r.viewKey(partition), "lost")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// Bounds of one script call, so that Redis answers others in between.
const (
	maxCallChanges = 200
	maxCallPeople  = 1001 // one event of the greatest size there is
	maxCallBytes   = 1 << 20
)

// Apply implements hot.Store: sessions spread over a few connections, each a pipeline,
// so that calls for one session stay in order.
func (r *Redis) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	lanes := make([][]hot.SessionChanges, r.opts.Connections)
	for _, s := range sessions {
		h := fnv.New32a()
		_, _ = h.Write([]byte(s.Session)) // never fails
		n := h.Sum32() % uint32(len(lanes))
		lanes[n] = append(lanes[n], s)
	}
	var group errgroup.Group
	for _, lane := range lanes {
		if len(lane) > 0 {
			group.Go(func() error { return r.applyLane(ctx, view, lane) })
		}
	}
	return group.Wait()
}

func (r *Redis) applyLane(ctx context.Context, view string, lane []hot.SessionChanges) error {
	pipe := r.client.Pipeline()
	var calls []*redis.Cmd
	for _, s := range lane {
		keys := make([]string, len(sessionParts))
		for i, part := range sessionParts {
			keys[i] = r.sessionKey(s.Session, part)
		}
		for rest := s.Changes; len(rest) > 0; {
			n := callSize(rest)
			calls = append(calls, applyScript.EvalSha(ctx, pipe, keys, r.arguments(view, rest[:n])...))
			rest = rest[n:]
		}
	}
	_, err := pipe.Exec(ctx)
	if isUnknownScript(err) {
		if err := r.loadScripts(ctx); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("redis: apply: %w", err)
	}
	for _, c := range calls {
		switch c.Val() {
		case "OK":
		case "GAP":
			return hot.ErrGap
		case "SUPERSEDED":
			return hot.ErrSuperseded
		default:
			return fmt.Errorf("redis: apply: unexpected answer %v", c.Val())
		}
	}
	return nil
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
func (r *Redis) arguments(view string, changes []hot.Change) []any {
	args := make([]any, 0, 2+16*len(changes))
	args = append(args, view, r.opts.Window)
	for i := range changes {
		c := &changes[i]
		if c.Hole {
			args = append(args, "H")
			continue
		}
		if c.Seq == 0 {
			args = append(args, "M", string(c.Reader), decimal(c.Marker), decimal(c.MarkerIndex))
			continue
		}
		kind := "E"
		if c.Created != nil {
			kind = "C"
		}
		index, target, targetIndex, closed := "", "", "", "0"
		if c.Index != 0 {
			index = decimal(c.Index)
		}
		if c.Became != hot.BecameNothing {
			target, targetIndex = decimal(c.Target), decimal(c.TargetIndex)
		}
		if c.Closed {
			closed = "1"
		}
		args = append(args, kind, decimal(c.Seq), decimal(c.Seq-1), c.Value, string(c.Sender), index,
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
