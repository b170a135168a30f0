package gatewaytest

import (
	"context"
	"errors"
	"sync/atomic"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// Cold is an archive of the world, which has what it is told to have, and fails when it is told to.
type Cold struct {
	*archive.Memory
	world *World
	// Away makes every reading fail; Asked counts them.
	Away atomic.Bool
	// Slow makes every search take longer than it may.
	Slow  atomic.Bool
	Asked atomic.Int64
}

// NewCold gives an empty archive of the world.
func (w *World) NewCold() *Cold { return &Cold{Memory: archive.NewMemory(), world: w} }

// Take archives a session's outcomes up to a seq.
func (c *Cold) Take(s events.SessionID, to events.Seq) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	st := c.world.sessions[s]
	n := 0
	for n < len(st.outcomes) {
		if a, ok := st.outcomes[n].Result.(events.Accepted); ok && a.Seq > to {
			break
		}
		n++
	}
	c.put(st.outcomes[:n])
}

// TakeAlone archives a session's outcomes from one seq to another, and none before them.
func (c *Cold) TakeAlone(s events.SessionID, from, to events.Seq) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	var some []follow.Outcome
	for _, o := range c.world.sessions[s].outcomes {
		if a, ok := o.Result.(events.Accepted); ok && a.Seq >= from && a.Seq <= to {
			some = append(some, o)
		}
	}
	c.put(some)
}

// Empty takes everything out of the archive, as while a session is archived anew.
func (c *Cold) Empty() {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.Memory = archive.NewMemory()
}

func (c *Cold) put(outcomes []follow.Outcome) {
	rows := archive.Plan(0, outcomes)
	if err := c.Insert(context.Background(), &rows); err != nil {
		panic(err) // memory takes everything
	}
}

// errAway is what an archive says that is told to fail.
var errAway = errors.New("gatewaytest: the archive is away")

func (c *Cold) ask() error {
	c.Asked.Add(1)
	if c.Away.Load() {
		return errAway
	}
	return nil
}

// Reach implements archive.Timelines.
func (c *Cold) Reach(ctx context.Context, s events.SessionID) (events.Seq, error) {
	if err := c.ask(); err != nil {
		return 0, err
	}
	return c.Memory.Reach(ctx, s)
}

// Timeline implements archive.Timelines.
func (c *Cold) Timeline(ctx context.Context, s events.SessionID, span archive.Span) ([]archive.Entry, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	return c.Memory.Timeline(ctx, s, span)
}

// Search implements archive.Searches.
func (c *Cold) Search(ctx context.Context, s archive.Search) ([]archive.Found, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	if c.Slow.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return c.Memory.Search(ctx, s)
}
