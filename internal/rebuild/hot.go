// Package rebuild asks that views be built anew beside themselves, and follows how that goes: the roles do it. Of what builds by itself
// it says from where to read.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Errors of Hot.
var (
	// ErrIdle: nothing moved for too long.
	ErrIdle = errors.New("REBUILD_IDLE: nothing moves")
	// ErrNotDone: something was not rebuilt.
	ErrNotDone = errors.New("REBUILD_NOT_DONE: not everything was rebuilt")
)

// SaidInPlace is said, besides what a projector says (hot.SaidSwapped and its like), of a view that was lost, or was being built when the
// request came: it was built in place, and readers were told TRY_AGAIN meanwhile.
const SaidInPlace = "built_in_place"

// Hot is a request that the hot view be built anew, whole or one session of it.
type Hot struct {
	Log   eventlog.Log
	Store hot.Store
	// Session is set when that alone is to be built anew.
	Session events.SessionID
	// From is FromKafka when Kafka alone must reach back to the log's start, so that the projectors read nothing from a vault. They can't
	// be told to read what Kafka has from anywhere else. Empty: from wherever the events are.
	From string
	// Request tells this request from others, in printable ASCII without space.
	Request string
	// Idle is how long nothing may move.
	Idle time.Duration
	// Show is told how far it is, several times a second.
	Show func(State)
}

// State is how far a rebuild is.
type State struct {
	// Done of Goal records are built in.
	Done, Goal int64
	// Waiting counts the partitions that nobody has begun.
	Waiting int
}

// Result is what came of a partition.
type Result struct {
	Partition int32 `json:"partition"`
	// Said is hot.SaidSwapped and its like, or SaidInPlace.
	Said string `json:"said"`
	// Joined is true when somebody else had asked for the same before.
	Joined bool `json:"joined,omitempty"`
}

// lookEvery is how often the views are looked at.
const lookEvery = 200 * time.Millisecond

// part is a partition under way.
type part struct {
	result  Result
	asked   string
	inPlace bool
	// reached and goal are records, moved is when reached last changed or something else happened.
	reached, goal int64
	begun         bool
	moved         time.Time
}

// Run asks, and returns once all is done. Whoever calls it again after ctx ended goes on watching. ErrNotDone comes with results that
// say what was not.
func (h Hot) Run(ctx context.Context) ([]Result, error) {
	parts, err := h.parts(ctx)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var all buildings
	for {
		if err := h.lookAtBuildings(ctx, parts, &all); err != nil {
			return nil, err
		}
		var state State
		left, latest := 0, all.moved
		for _, p := range parts {
			if p.result.Said == "" {
				if err := h.look(ctx, p, all); err != nil {
					return nil, err
				}
			}
			if p.result.Said == "" {
				left++
			}
			if !p.begun && p.result.Said == "" {
				state.Waiting++
			}
			state.Done, state.Goal = state.Done+p.reached, state.Goal+p.goal
			if p.moved.After(latest) {
				latest = p.moved
			}
		}
		h.Show(state)
		if left == 0 {
			return results(parts)
		}
		if time.Since(latest) > h.Idle {
			return nil, fmt.Errorf("%w for %v in %d partitions: does a process with role hot run? It goes on when one does", ErrIdle, h.Idle, left)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// parts are the partitions that are asked for, if the source fits.
func (h Hot) parts(ctx context.Context) ([]*part, error) {
	switch h.From {
	case "":
	case FromKafka:
		if _, err := Source(ctx, h.Log, FromKafka, h.Session); err != nil {
			return nil, err
		}
	case FromVault:
		return nil, fmt.Errorf("%w: the processes with role hot build the view, and read from Kafka whatever Kafka has; `annal rebuild archive --from vault` reads by itself", ErrSource)
	default:
		return nil, fmt.Errorf("%w: the source of the hot view is kafka, not %q", ErrSource, h.From)
	}
	first, end, err := partitionsOf(ctx, h.Log, h.Session)
	if err != nil {
		return nil, err
	}
	var parts []*part
	for p := first; p < end; p++ {
		_, goal, err := h.Log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, &part{result: Result{Partition: p}, goal: goal, moved: time.Now()})
	}
	return parts, nil
}

// look asks for a partition if that was not done, and sees how far it is.
func (h Hot) look(ctx context.Context, p *part, all buildings) error {
	if p.inPlace {
		return h.lookInPlace(ctx, p, all)
	}
	if p.asked == "" {
		asked, err := h.Store.Ask(ctx, p.result.Partition, h.Request, h.Session)
		switch {
		case errors.Is(err, hot.ErrBusy):
			return h.lookBusy(ctx, p)
		case errors.Is(err, hot.ErrRebuilding):
			p.inPlace, p.moved = true, time.Now()
			return nil
		case err != nil:
			return err
		}
		p.asked, p.moved, p.result.Joined = asked, time.Now(), asked != h.Request
		return nil
	}
	r, err := h.Store.Rebuild(ctx, p.result.Partition)
	switch {
	case err != nil:
		return err
	case r.Done == p.asked:
		p.result.Said, p.reached = r.Said, p.goal
	case r.Asked == p.asked:
		p.advance(r)
	default:
		p.inPlace, p.moved = true, time.Now() // the view was opened anew meanwhile
	}
	return nil
}

func (p *part) advance(r hot.Rebuild) {
	if r.Beside == "" {
		return
	}
	if !p.begun || r.Reached.Offset != p.reached {
		p.moved = time.Now()
	}
	p.begun, p.reached, p.goal = true, r.Reached.Offset, max(r.Goal, p.goal)
}

// lookBusy watches what has to be done before.
func (h Hot) lookBusy(ctx context.Context, p *part) error {
	r, err := h.Store.Rebuild(ctx, p.result.Partition)
	if err == nil && r.Reached.Offset != p.reached {
		p.reached, p.moved = r.Reached.Offset, time.Now()
	}
	return err
}

// building is what a projector commits of a view that it builds in place: its id, and how much of the log is in it.
type building struct {
	view    string
	reached int64
}

// buildings are those of all partitions, and when one of them last changed. A projector builds two at a time: whose partition waits its
// turn sees by the others that they go on.
type buildings struct {
	by    map[int32]building
	moved time.Time
}

// lookAtBuildings sees how far the projectors are with what they build in place, if that is waited for.
func (h Hot) lookAtBuildings(ctx context.Context, parts []*part, all *buildings) error {
	if !slices.ContainsFunc(parts, func(p *part) bool { return p.inPlace && p.result.Said == "" }) {
		return nil
	}
	commits, err := h.Log.Commits(ctx, hot.Group, eventlog.Events)
	if err != nil {
		return err
	}
	by := map[int32]building{}
	for _, c := range commits {
		if view, reached, ok := hot.BuildingInPlace(c.Metadata); ok {
			by[c.Partition] = building{view, reached}
		}
	}
	if !maps.Equal(by, all.by) {
		*all = buildings{by, time.Now()}
	}
	return nil
}

// lookInPlace waits until a view that is built in place is whole.
func (h Hot) lookInPlace(ctx context.Context, p *part, all buildings) error {
	v, err := h.Store.View(ctx, p.result.Partition)
	if err != nil {
		return err
	}
	p.begun = true
	if v.Whole && !v.Lost {
		p.result.Said, p.reached = SaidInPlace, p.goal
		return nil
	}
	if b, ok := all.by[p.result.Partition]; ok && b.view == v.ID {
		p.reached = min(b.reached, p.goal)
	}
	return nil
}

func results(parts []*part) ([]Result, error) {
	all := make([]Result, len(parts))
	bad := 0
	for i, p := range parts {
		all[i] = p.result
		if p.result.Said != hot.SaidSwapped && p.result.Said != SaidInPlace {
			bad++
		}
	}
	if bad > 0 {
		return all, fmt.Errorf("%w: %d of %d", ErrNotDone, bad, len(all))
	}
	return all, nil
}
