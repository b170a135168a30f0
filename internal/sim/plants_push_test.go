package sim

import (
	"context"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/push"
)

// claimsNothing is a store by which everything is decided for the first time.
type claimsNothing struct{ push.Store }

func (c claimsNothing) Decide(ctx context.Context, entries []push.Entry) ([]*push.Entry, error) {
	if _, err := c.Store.Decide(ctx, entries); err != nil {
		return nil, err
	}
	return make([]*push.Entry, len(entries)), nil
}

// findsNothingOpen is a store that knows nothing to be open.
type findsNothingOpen struct{ push.Store }

func (findsNothingOpen) Open(context.Context, []push.Subject) ([]push.Entry, error) { return nil, nil }

// commitsAll is a pusher of which what is open is not asked: what it took is committed.
type commitsAll struct{ follow.Handler }

// overlooks is a pusher that some events don't reach.
type overlooks struct {
	follow.Keeper
	what func(events.Event) bool
}

func (o overlooks) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	var rest []follow.Outcome
	for i := range outcomes {
		if a, is := outcomes[i].Result.(events.Accepted); !is || !o.what(a.Event) {
			rest = append(rest, outcomes[i])
		}
	}
	return o.Keeper.Handle(ctx, partition, rest)
}

func overlooking(what func(events.Event) bool) func(follow.Handler) follow.Handler {
	return func(h follow.Handler) follow.Handler { return overlooks{h.(follow.Keeper), what} }
}

func isRead(e events.Event) bool {
	_, is := e.(events.Read)
	return is
}

func isRevoked(e events.Event) bool {
	_, is := e.(events.Revoked)
	return is
}

// readsNothing is a view in which nobody has read anything.
type readsNothing struct{ push.View }

func (r readsNothing) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]push.Member, error) {
	members, err := r.View.Members(ctx, s, after, limit)
	for i := range members {
		members[i].Marker = 0
	}
	return members, err
}

func (r readsNothing) Member(ctx context.Context, s events.SessionID, u events.UserID) (push.Member, error) {
	m, err := r.View.Member(ctx, s, u)
	m.Marker = 0
	return m, err
}

// revokesNothing is a view in which nothing became of any message.
type revokesNothing struct{ push.View }

func (revokesNothing) Messages(context.Context, events.SessionID, []events.Seq) (map[events.Seq]push.Became, error) {
	return map[events.Seq]push.Became{}, nil
}

// holdsAll is a view in which nobody knows whose a token is.
type holdsAll struct{ push.View }

func (holdsAll) Holders(_ context.Context, tokens []events.PushToken) ([]push.Holder, error) {
	return make([]push.Holder, len(tokens)), nil
}

// quietly has nothing go wrong that is not planted: these have their occasion all the same, and many seeds are looked at for it.
func quietly(o *odds) { *o = odds{every: o.every} }

// icily has processes freeze, so that the steward comes late to take a token from who had it before.
func icily(o *odds) { *o = odds{freeze: 10, every: 2500} }

// briefly has processes end while services ask to come again.
func briefly(o *odds) { *o = odds{stop: 10, every: 1000, pushBusy: 600} }

// steadily has processes live on, and services call tokens gone.
func steadily(o *odds) {
	o.crash, o.stop, o.freeze, o.cutLog, o.pushGone = 0, 0, 0, 0, 300
}

var pushPlants = map[string]Plant{
	"decides anew":                {Notes: func(s push.Store) push.Store { return claimsNothing{s} }, Odds: briefly},
	"commits what isn't finished": {Pusher: func(h follow.Handler) follow.Handler { return commitsAll{h} }, Odds: briefly},
	"tells of what is read":       {PushView: func(v push.View) push.View { return readsNothing{v} }, Pusher: overlooking(isRead), Odds: quietly},
	"tells of what is revoked":    {PushView: func(v push.View) push.View { return revokesNothing{v} }, Pusher: overlooking(isRevoked), Odds: quietly},
	"tells whoever had the token": {PushView: func(v push.View) push.View { return holdsAll{v} }, Odds: icily},
	"leaves what it did not meet": {Notes: func(s push.Store) push.Store { return findsNothingOpen{s} }, Odds: briefly},
	"never forgets a token": {
		Forget: func(push.Forget) push.Forget { return func(context.Context, push.Forgotten) error { return nil } },
		Odds:   steadily,
	},
}
