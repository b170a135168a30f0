package app

import (
	"context"
	"errors"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/steward"
)

func (p *process) openSteward(ctx context.Context) error {
	r, err := p.openRedis(ctx)
	if err != nil {
		return err
	}
	member, err := p.member(RoleSteward)
	if err != nil {
		return err
	}
	f, err := follow.New(ctx, follow.Options{
		Log: p.log, Group: steward.Group, Role: RoleSteward, Instance: member, CommitEvery: time.Second,
		Handler: steward.New(p.log, StewardView{r.Reader(), r}, p.source(RoleSteward), p.config.Log, p.metrics),
		Logger:  p.config.Log, Metrics: follow.NewMetrics(p.metrics, RoleSteward),
	})
	if err != nil {
		return err
	}
	p.ready.Add(RoleSteward, f.Ready)
	p.roles = append(p.roles, role{RoleSteward, f.Run})
	return nil
}

// StewardView is the hot view as the steward reads it.
type StewardView struct {
	View  hot.View
	Store hot.Store
}

// Through implements steward.View: a view says how far it is once a second, and one that is an older copy says less.
func (v StewardView) Through(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	through := map[int32]int64{}
	for _, p := range partitions {
		state, err := v.Store.View(ctx, p)
		if err != nil {
			return nil, err
		}
		if state.Whole && !state.Lost {
			through[p] = state.Reached
		}
	}
	return through, nil
}

// Closed implements steward.View.
func (v StewardView) Closed(ctx context.Context, u events.UserID) (bool, error) {
	p, err := v.View.Person(ctx, events.NewSelfID(u), u)
	if errors.Is(err, hot.ErrNoSession) {
		return false, nil // who never came has nothing to close
	}
	return p.Head.Closed, err
}

// Sessions implements steward.View.
func (v StewardView) Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	return v.View.Sessions(ctx, u, after, limit)
}

// Part implements steward.View.
func (v StewardView) Part(ctx context.Context, s events.SessionID, u events.UserID) (steward.Part, error) {
	p, err := v.View.Person(ctx, s, u)
	if errors.Is(err, hot.ErrNoSession) {
		return steward.Part{}, nil // listed a moment before it is there: the steward meets its event
	}
	part := steward.Part{Kind: p.Head.Kind, In: p.Member.In()}
	if part.In {
		part.From = p.Member.Stays[len(p.Member.Stays)-1].From
	}
	return part, err
}

// Holders implements steward.View.
func (v StewardView) Holders(ctx context.Context, tokens []events.PushToken) ([][]steward.Holder, error) {
	all, err := v.View.Holders(ctx, tokens)
	if err != nil {
		return nil, err
	}
	holders := make([][]steward.Holder, len(all))
	for i := range all {
		for _, h := range all[i] {
			holders[i] = append(holders[i], steward.Holder(h))
		}
	}
	return holders, nil
}

// Has implements steward.View.
func (v StewardView) Has(ctx context.Context, h steward.Holder, token events.PushToken) (bool, error) {
	all, err := v.View.Reach(ctx, events.NewSelfID(h.User), []events.UserID{h.User})
	row := all[h.User].Devices[h.Device]
	return row.Since == h.Since && hot.TokenKey(row.Push) == hot.TokenKey(token), err
}
