package sim

import (
	"context"
	"math"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/steward"
)

// forgetsComers is a steward that looks at closings, and not at who is let in later.
type forgetsComers struct{ follow.Handler }

func (f forgetsComers) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	return f.Handler.Handle(ctx, partition, slices.DeleteFunc(slices.Clone(outcomes), func(o follow.Outcome) bool {
		a, ok := o.Result.(events.Accepted)
		_, closes := a.Event.(events.AccountClosed)
		return !ok || !closes
	}))
}

// givesUp is a steward that takes for done what failed.
type givesUp struct{ follow.Handler }

func (g givesUp) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	_ = g.Handler.Handle(ctx, partition, outcomes)
	return nil
}

// tooEarly is a steward that does not wait until the view has what it met.
type tooEarly struct{ steward.View }

func (tooEarly) Through(_ context.Context, partitions []int32) (map[int32]int64, error) {
	through := map[int32]int64{}
	for _, p := range partitions {
		through[p] = math.MaxInt64
	}
	return through, nil
}

// closesAll is a steward that takes every account for closed.
type closesAll struct{ steward.View }

func (closesAll) Closed(context.Context, events.UserID) (bool, error) { return true, nil }

var stewardPlants = map[string]Plant{
	"steward forgets who comes later":   {Handler: func(h follow.Handler) follow.Handler { return forgetsComers{h} }},
	"steward gives up":                  {Handler: func(h follow.Handler) follow.Handler { return givesUp{h} }},
	"steward looks before the view has": {StewardView: func(v steward.View) steward.View { return tooEarly{v} }},
	"steward takes all for closed":      {StewardView: func(v steward.View) steward.View { return closesAll{v} }},
}
